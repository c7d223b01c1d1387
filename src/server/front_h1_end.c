/* Clients that leave, and what becomes of the connection behind a response. */
#include "edge/leaving.h"
#include "server/front_h1_internal.h"
#include "tls/tls_conn.h"

enum reuse front_h1_reuse(const struct front_h1 *front, const struct front_exchange *x,
                          bool is_told)
{
    bool is_last = is_told ? link_ends_at_once(front->link) : link_is_draining(front->link);
    uint64_t left = front->framing == HTTP_FRAMING_LENGTH ? front->body_left : UINT64_MAX;
    struct reuse_facts facts = {.peer_keeps = front->keep_alive,
                                .we_close = x->closes || is_last ||
                                            (front->has_left && front->saved_len == 0),
                                .has_unread = front->saved_len != 0 || conn_can_read(front->conn),
                                .is_refusal = x->response->status >= 300,
                                .rest = reuse_rest_of(x->request_done, x->behind->is_forwarded(x),
                                                      x->behind->is_held_back(x), left)};

    return reuse_after(&facts);
}

bool front_h1_body_comes(const struct front_h1 *front)
{
    const struct front_exchange *x = front->exchange;
    uint64_t moved = front->conn->bytes_in - front->moved_at_timer;

    /* Where it is the server that is slow, it has deadlines of its own. */
    return !x->behind->takes_body(x) || x->behind->body_comes(x, moved, front->was_held);
}

void front_h1_lose(struct front_h1 *front, const char *reason)
{
    if (front->exchange != NULL) {
        front->exchange->behind->abandon(front->exchange, reason);
        front->exchange = NULL;
    }
    if (front->conn->is_reset || conn_write_failed(front->conn) || conn_pending(front->conn) != 0) {
        front_h1_leave(front, LINK_CLOSED);
    } else {
        front_h1_leave(front, LINK_FINISHED);
    }
}

bool front_h1_is_deaf(const struct front_h1 *front)
{
    const struct front_exchange *x = front->exchange;

    if (x == NULL || x->state == EXCHANGE_REST) {
        return false;
    }
    return front->state == FRONT_H1_WAIT ||
           (front->state == FRONT_H1_BODY && !x->behind->takes_body(x));
}

/* Of a client that has ended its direction: whether what lies in the socket may be all that is
 * missing. Where a body ends that comes in chunks is not known. */
static bool may_be_whole(const struct front_h1 *front)
{
    uint64_t most;

    if (front->state != FRONT_H1_BODY || front->framing != HTTP_FRAMING_LENGTH) {
        return true;
    }
    most = conn_unread_max(front->conn);
    return most == UINT64_MAX || front->body_left <= most + front_h1_saved_bytes(front).len;
}

/* TLS tells a goodbye from a mere end; to know, what the client sent has to be read, and a next
 * request may lie before: no more than one buffer of it. */
static enum leaving_sign read_sign(struct front_h1 *front)
{
    struct conn *conn = front->conn;
    struct span bytes;

    while (!conn_is_plain(conn) && !front->has_left && front->saved_len == 0 &&
           conn_can_read(conn)) {
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_OK) {
            front_h1_save(front, bytes);
        } else if (result != CONN_AGAIN) {
            front->has_left = true;
            return result == CONN_EOF && tls_conn_was_truncated(conn) ? LEAVING_FIN
                                                                      : LEAVING_GOODBYE;
        }
    }
    return LEAVING_FIN;
}

static enum leaving decide(struct front_h1 *front)
{
    struct leaving_facts facts = {.choice = front->exchange->on_client_close,
                                  .sign = LEAVING_FIN,
                                  .has_request = may_be_whole(front),
                                  .is_event_stream = front->exchange->is_event_stream};

    /* A body that is not taken stays where it is. */
    if (front->state == FRONT_H1_WAIT && leaving_goes_by_sign(&facts)) {
        facts.sign = read_sign(front);
    }
    return leaving_of(&facts);
}

static uint64_t moved(const struct front_h1 *front)
{
    return front->conn->bytes_in + front->conn->bytes_out;
}

static void wait_shortly(struct front_h1 *front)
{
    bool is_body = front->state == FRONT_H1_BODY;

    /* The limit of a body is none while the server does not take it; that of output goes first. */
    if (is_body ? !front->is_half_closed : front->timer.deadline_us == 0) {
        front->is_half_closed = true;
        front->moved_when_left = moved(front);
        front_h1_set_timer(front, front_h1_settings(front)->timeouts.half_closed_ms);
    }
}

void front_h1_watch_leaving(struct front_h1 *front)
{
    if (!front->conn->has_hangup || !front_h1_is_deaf(front)) {
        return;
    }
    if (front->conn->is_reset) { /* seen together with the request: it is not told of again */
        front_h1_lose(front, link_loss(front->link, front->conn, "client_reset"));
        return;
    }
    switch (decide(front)) {
    case LEAVING_GONE:
        front_h1_lose(front,
                      front->state == FRONT_H1_BODY ? "client_closed_in_body" : "client_closed");
        break;
    case LEAVING_SHORTLY:
        wait_shortly(front);
        break;
    case LEAVING_WAITS:
        break;
    }
}

bool front_h1_left_for_long(struct front_h1 *front)
{
    if (!front->is_half_closed || !front_h1_is_deaf(front)) {
        return false;
    }
    front->is_half_closed = false;
    if (moved(front) == front->moved_when_left) {
        front_h1_lose(front,
                      front->state == FRONT_H1_BODY ? "client_closed_in_body" : "client_closed");
    } else {
        front_h1_watch_leaving(front);
    }
    return true;
}
