/* How much of responses is read ahead of what clients take, and which stream's turn it is to read.
 *
 * A stream reads about as much as its window lets through, and a little where that is shut; all
 * streams of a connection, and of a worker, have a sum (limits.held, limits.held_worker). Who has
 * to wait for the connection waits in line (front->ready): the more urgent first, equal ones by
 * turns. */
#include "server/front_h2_internal.h"

/* A stream reads no more while it holds this much. */
#define QUEUE_MARK 65536
/* What is read even when the window is shut: the end of a body that has just filled it, if nothing
 * else. */
#define QUEUE_LEAST 4096
/* No piece that is asked for is smaller. */
#define PIECE_LEAST 1024
/* What all streams hold ready while the socket takes nothing. */
#define SOCKET_MARK 65536
/* What a stream gives before it is the turn of others that are as urgent. */
#define TURN_BYTES 65536
/* What a stream may be behind the others and make up for. */
#define CREDIT_BYTES (1024 * 1024)
/* Turns before other connections have theirs. */
#define TURNS_MAX 16

static size_t positive(int32_t window)
{
    return window > 0 ? (size_t)window : 0;
}

/* What a stream may hold. */
static size_t mark_of(const struct h2_stream *stream)
{
    nghttp2_session *h2 = stream->front->h2;
    size_t own = positive(nghttp2_session_get_stream_remote_window_size(h2, stream->id));
    size_t all = positive(nghttp2_session_get_remote_window_size(h2));
    size_t window = own < all ? own : all;

    return window > QUEUE_MARK ? QUEUE_MARK : window < QUEUE_LEAST ? QUEUE_LEAST : window;
}

static bool is_full(const struct h2_stream *stream)
{
    return stream->out.bytes >= mark_of(stream);
}

bool front_h2_has_room(const struct front_h2 *front)
{
    const struct limits_settings *limits = &front_h2_settings(front)->limits;

    if (front->held_bytes == 0) {
        return conn_pending(front->conn) == 0;
    }
    return front->held_bytes < limits->held &&
           front->link->core->sums.h2_held < limits->held_worker &&
           (conn_pending(front->conn) == 0 || front->held_bytes < SOCKET_MARK);
}

size_t front_h2_room(const struct h2_stream *stream)
{
    size_t mark = mark_of(stream);
    size_t room = mark > stream->out.bytes ? mark - stream->out.bytes : 0;

    return room > PIECE_LEAST ? room : PIECE_LEAST;
}

void front_h2_hold(struct h2_stream *stream, size_t bytes)
{
    stream->front->held_bytes += bytes;
    stream->front->link->core->sums.h2_held += bytes;
}

void front_h2_let_go(struct h2_stream *stream, size_t bytes)
{
    stream->front->held_bytes -= bytes;
    stream->front->link->core->sums.h2_held -= bytes;
}

static bool goes_before(const struct h2_stream *one, const struct h2_stream *other)
{
    return one->urgency != other->urgency
               ? one->urgency < other->urgency
               : one->takes_turns && other->takes_turns && one->share < other->share;
}

/* Behind those that are as urgent and have got no more. What a stream did not get because its
 * server had nothing ready is made up for, within bounds: servers' sockets run empty now and then,
 * of one sooner than of another. */
static void make_ready(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;
    struct list *before = front->ready.prev;

    if (!list_is_empty(&stream->ready)) {
        return;
    }
    if (stream->share + CREDIT_BYTES < front->share) {
        stream->share = front->share - CREDIT_BYTES;
    }
    while (before != &front->ready &&
           goes_before(stream, LIST_ENTRY(before, struct h2_stream, ready))) {
        before = before->prev;
    }
    list_push_front(before, &stream->ready);
}

/* Who stands in line waits there for its turn, whatever comes from its server meanwhile. */
static bool is_anothers_turn(const struct h2_stream *stream)
{
    const struct list *line = &stream->front->ready;

    return stream->takes_turns && !list_is_empty(line) &&
           (stream->sent_in_turn >= TURN_BYTES || !list_is_empty(&stream->ready)) &&
           LIST_ENTRY(line->next, struct h2_stream, ready)->urgency <= stream->urgency;
}

bool front_h2_is_blocked(const struct h2_stream *stream)
{
    return is_full(stream) || !front_h2_has_room(stream->front) || is_anothers_turn(stream);
}

void front_h2_count_share(struct h2_stream *stream, size_t bytes)
{
    struct front_h2 *front = stream->front;

    stream->share += bytes;
    if (list_is_empty(&front->ready) && stream->share > front->share) {
        front->share = stream->share; /* nobody else wanted it */
    }
}

void front_h2_await_room(struct h2_stream *stream)
{
    stream->is_waiting = true;
    if (!is_full(stream)) {
        make_ready(stream);
    }
}

void front_h2_room_changed(struct h2_stream *stream)
{
    if (stream->is_waiting && stream->exchange != NULL &&
        stream->out.bytes <= mark_of(stream) / 2) {
        make_ready(stream);
    }
}

bool front_h2_is_next(const struct front_h2 *front)
{
    return !list_is_empty(&front->ready) && front_h2_has_room(front);
}

/* One round: those that were in line when it began. */
static unsigned count_turns(const struct front_h2 *front)
{
    unsigned count = 0;

    LIST_FOR_EACH(node, &front->ready)
    {
        count += count < TURNS_MAX;
    }
    return count;
}

bool front_h2_wake(struct front_h2 *front)
{
    bool has_woken = false;

    front->has_underrun = false;
    for (unsigned turns = count_turns(front);
         turns != 0 && front->state != FRONT_H2_OVER && front_h2_is_next(front); turns--) {
        struct h2_stream *stream =
            LIST_ENTRY(list_pop_front(&front->ready), struct h2_stream, ready);
        stream->is_waiting = false;
        stream->sent_in_turn = 0;
        if (stream->share > front->share) {
            front->share = stream->share;
        }
        if (stream->exchange != NULL) {
            has_woken = true;
            stream->exchange->behind->writable(stream->exchange);
        }
    }
    return has_woken;
}

/* ---- those that hold what others need ---- */

static bool is_shut(const struct h2_stream *stream)
{
    return nghttp2_session_get_stream_remote_window_size(stream->front->h2, stream->id) <= 0;
}

/* Of those whose own window is shut, the one that has not moved for the longest time. */
static struct h2_stream *find_worst(const struct front_h2 *front)
{
    struct h2_stream *worst = NULL;

    LIST_FOR_EACH(node, &front->streams)
    {
        struct h2_stream *stream = LIST_ENTRY(node, struct h2_stream, node);
        if (stream->out.bytes > QUEUE_LEAST / 2 && stream->response != H2_RESPONSE_RESET &&
            is_shut(stream) && (worst == NULL || stream->moved_out_us < worst->moved_out_us)) {
            worst = stream;
        }
    }
    return worst;
}

void front_h2_make_room(struct front_h2 *front, uint64_t grace_us)
{
    const struct limits_settings *limits = &front_h2_settings(front)->limits;
    bool is_own = front->held_bytes >= limits->held && !list_is_empty(&front->ready);
    bool is_all = front->link->core->sums.h2_held >= limits->held_worker;

    if (!is_own && !is_all) {
        return;
    }
    struct h2_stream *worst = find_worst(front);
    if (worst == NULL || front_h2_now(front) < worst->moved_out_us + grace_us) {
        return;
    }
    if (worst->exchange != NULL) {
        worst->exchange->trouble = (struct trouble){
            "client_window_shut",
            is_own ? "the client keeps windows shut, and what waits for them has filled limits.held"
                   : "the client keeps windows shut, and what waits for such clients has filled "
                     "limits.held_worker",
            NULL};
    }
    front_h2_abandon(worst, NULL);
    front_h2_reset(worst, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- time ---- */

/* Its exchange may have ended before it. */
static uint64_t send_ms_of(struct h2_stream *stream)
{
    if (stream->exchange != NULL) {
        stream->send_ms = stream->exchange->send_ms;
    }
    return stream->send_ms != 0 ? stream->send_ms
                                : front_h2_settings(stream->front)->timeouts.send_ms;
}

/* The longest of those that run, or ran last. */
static void look_at_send(struct front_h2 *front)
{
    uint64_t longest = 0;

    LIST_FOR_EACH(node, &front->streams)
    {
        uint64_t ms = send_ms_of(LIST_ENTRY(node, struct h2_stream, node));
        longest = ms > longest ? ms : longest;
    }
    if (longest != 0) {
        front->link->send_ms = longest;
    }
}

/* Others may go before a stream for as long as they like: only a window of its own that is shut, or
 * a connection that takes too little, is the client's doing. */
bool front_h2_is_stalled(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;
    const struct settings *settings = front_h2_settings(front);
    uint64_t now_us = front_h2_now(front);

    if (stream->out.bytes == 0 && (stream->response != H2_RESPONSE_WHOLE || stream->holds_end)) {
        least_rate_idle(&stream->rate);
        return false;
    }
    front->is_awaited = true;
    least_rate_wait(&stream->rate, now_us);
    return least_rate_is_missed(&stream->rate, now_us, send_ms_of(stream),
                                settings->limits.send_rate) &&
           (front->is_too_slow || is_shut(stream));
}

void front_h2_look_at_flow(struct front_h2 *front)
{
    const struct settings *settings = front_h2_settings(front);

    look_at_send(front);
    if (!front->is_awaited) {
        least_rate_idle(&front->rate);
        front->is_too_slow = false;
        return;
    }
    front->is_awaited = false; /* until a stream says that it waits */
    least_rate_wait(&front->rate, front_h2_now(front));
    front->is_too_slow = least_rate_is_missed(
        &front->rate, front_h2_now(front), link_send_ms(front->link), settings->limits.send_rate);
}
