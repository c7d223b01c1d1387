/* Flow control of a connection to a server that many clients share, in both directions: so that one
 * of them neither holds up the others nor is held up by a window that does not fill the pipe. */
#include <string.h>

#include "client/back_h2_internal.h"

/* A request with a body joins a connection only if so much of the server's window is left: enough
 * for a short body whole. */
#define JOIN_WINDOW 16384
/* The PING that measures the pipe, to be told from the one that asks whether the server is there.
 */
static const uint8_t bdp_ping[8] = {'p', 'i', 'p', 'e'};

/* ---- requests' bodies ---- */

static size_t window_left(const struct back_h2_conn *c)
{
    int32_t left = nghttp2_session_get_remote_window_size(c->session);

    return left > 0 ? (size_t)left : 0;
}

bool back_h2_flow_takes_bodies(const struct back_h2_conn *c)
{
    return window_left(c) >= JOIN_WINDOW;
}

/* What the server has not given back yet of what it was sent on the stream. */
static size_t outstanding(const struct back_h2 *back)
{
    return back->sent > back->returned ? (size_t)(back->sent - back->returned) : 0;
}

/* A stream that is alone may use the whole of the connection's window. Where others have bodies to
 * send, each may hold as much as is left for all (dynamic thresholds, as switches share their
 * buffers): who does not get his bytes accepted stops soon, and the others find room. */
size_t back_h2_flow_share(struct back_h2 *back)
{
    struct back_h2_conn *c = back->c;
    size_t left = window_left(c);
    size_t held = outstanding(back);

    if (c->uploading <= 1) {
        return SIZE_MAX;
    }
    if (held < left) {
        return (left - held + 1) / 2;
    }
    if (list_is_empty(&back->throttled)) {
        list_push_back(&c->throttled, &back->throttled);
    }
    return 0;
}

/* Those that wait for a share look again. */
static void wake_throttled(struct back_h2_conn *c)
{
    struct list *node;

    while ((node = list_pop_front(&c->throttled)) != NULL) {
        struct back_h2 *back = LIST_ENTRY(node, struct back_h2, throttled);
        (void)nghttp2_session_resume_data(c->session, back->stream_id);
        back_h2_schedule(c);
    }
}

void back_h2_flow_begin(struct back_h2 *back)
{
    back->is_uploading = true;
    back->c->uploading++;
}

void back_h2_flow_end(struct back_h2 *back, struct back_h2_conn *c)
{
    list_remove(&back->throttled);
    if (back->is_uploading) {
        back->is_uploading = false;
        c->uploading--;
        if (c->state != BACK_H2_CLOSED) {
            wake_throttled(c);
        }
    }
}

void back_h2_flow_update(struct back_h2_conn *c, struct back_h2 *back, uint32_t increment)
{
    if (back != NULL) {
        back->returned += increment;
        if (back->call != NULL) {
            call_taken(back->call);
        }
    }
    wake_throttled(c);
}

/* ---- responses' bodies ---- */

void back_h2_flow_received(struct back_h2_conn *c, size_t bytes)
{
    if (h2_bdp_data(&c->bdp, bytes)) {
        (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, bdp_ping);
        back_h2_schedule(c);
    }
}

bool back_h2_flow_answer(struct back_h2_conn *c, const uint8_t opaque[8])
{
    if (memcmp(opaque, bdp_ping, sizeof(bdp_ping)) != 0) {
        return false;
    }
    h2_bdp_answer(&c->bdp);
    return true;
}

static uint64_t less(uint64_t sum, uint64_t used)
{
    return sum > used ? sum - used : 0;
}

/* What is left for the stream of three sums: what the pipe holds; what all streams of the worker
 * may have above their first windows; and of those of one client's connection, which share the
 * pipe, as much as that holds, or limits.held. So the streams of a client that stops taking hold no
 * more than one of them would. */
static uint64_t room_to_grow(const struct back_h2 *back)
{
    const struct client_settings *settings = &back->client->settings;
    const struct caller *caller = back->call->caller;
    uint64_t pipe = back->c->bdp.window;
    uint64_t of_worker = less(settings->response_windows, back->client->core->sums.h2_windows);
    uint64_t of_client =
        caller != NULL ? less(pipe > settings->held ? pipe : settings->held, caller->h2_windows)
                       : UINT64_MAX;

    return of_worker < of_client ? of_worker : of_client;
}

void back_h2_flow_leave(struct back_h2 *back)
{
    if (back->call != NULL && back->call->caller != NULL) {
        back->call->caller->h2_windows -= back->window - BACK_H2_WINDOW_FIRST;
    }
}

/* Where much of the window lies here, it is the client that is slow, and a larger one would only be
 * kept for it: of a client that keeps up no more than a moment's worth waits. */
static void grow(struct back_h2 *back)
{
    struct h2_window window = {.size = back->window,
                               .soon = BACK_H2_WINDOW_SOON,
                               .taken = back->taken,
                               .waiting = back->held.bytes};
    uint32_t more =
        back->call != NULL ? h2_window_growth(&window, back->c->bdp.window, room_to_grow(back)) : 0;

    if (more == 0) {
        return;
    }
    back->client->core->sums.h2_windows += more;
    if (back->call->caller != NULL) {
        back->call->caller->h2_windows += more;
    }
    back->window += more;
    (void)nghttp2_session_set_local_window_size(back->c->session, NGHTTP2_FLAG_NONE,
                                                back->stream_id, (int32_t)back->window);
}

void back_h2_flow_consumed(struct back_h2 *back, size_t bytes)
{
    struct back_h2_conn *c = back->c;

    if (c == NULL || back->response >= BACK_H2_RESPONSE_ENDED) {
        return;
    }
    (void)nghttp2_session_consume_stream(c->session, back->stream_id, bytes);
    back->taken += bytes;
    grow(back);
    back_h2_schedule(c);
}
