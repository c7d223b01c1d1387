/* A request off the bytes of a connection: its head, its body, its end. */
#include "edge/head_limits.h"
#include "server/front_h1_internal.h"

static struct h1_limits limits_of(const struct front_h1 *front)
{
    return head_limits_h1(&front_h1_settings(front)->limits, HEAD_OF_REQUEST);
}

uint64_t front_h1_idle_ms(const struct front_h1 *front)
{
    const struct timeouts_settings *timeouts = &front_h1_settings(front)->timeouts;
    uint64_t once_more_ms = timeouts->drain_ms / 2;

    if (front->link->core->is_handing_over) {
        return once_more_ms;
    }
    return front->link->is_leaving && once_more_ms < timeouts->keep_alive_ms
               ? once_more_ms
               : timeouts->keep_alive_ms;
}

void front_h1_begin_idle(struct front_h1 *front)
{
    front_h1_enter(front, FRONT_H1_IDLE);
    link_set_idle(front->link, front->was_used);
    front->scanned = 0;
    front->saved_is_stuck = false;
    front_h1_set_timer(front, front_h1_idle_ms(front));
}

void front_h1_begin_body(struct front_h1 *front)
{
    front_h1_enter(front, FRONT_H1_BODY);
    front->moved_at_timer = front->conn->bytes_in;
    front->was_held = front->is_half_closed = false;
    front_h1_set_timer(front, front->exchange->behind->idle_of_client(front->exchange).ms);
}

/* The client was told that the connection goes on, and this is all that stands between. */
void front_h1_begin_skip(struct front_h1 *front)
{
    front_h1_enter(front, FRONT_H1_SKIP);
    front_h1_set_timer(front, front_h1_settings(front)->timeouts.body_ms);
}

static void begin_wait(struct front_h1 *front)
{
    front_h1_enter(front, FRONT_H1_WAIT);
    front->is_half_closed = false;
    timer_clear(&front->timer);
}

static struct front_exchange *new_exchange(struct front_h1 *front)
{
    struct front_exchange *x = link_open(front->link, &front_h1_ops, front);

    x->started_us = front->head_began_us;
    front->exchange = x;
    front->was_used = true;
    front->keep_alive = false;
    return x;
}

/* Answers what never became a request, and closes. `head` is what came of it; `refused` the part
 * that it is refused for, if any. */
static void refuse(struct front_h1 *front, enum h1_error error, struct span head,
                   struct span refused)
{
    struct front_exchange *x = front->exchange != NULL ? front->exchange : new_exchange(front);
    const char *detail = h1_error_detail(error, head, refused, x->arena);

    front_h1_enter(front, FRONT_H1_WAIT);
    x->is_malformed = true;
    h1_glimpse(head, x->arena, x->request);
    front_refuse(x, h1_error_status(error), true, h1_error_word(error), detail,
                 head_mend_h1(error, HEAD_OF_REQUEST));
}

/* What was read and is not used yet. */
struct span front_h1_saved_bytes(const struct front_h1 *front)
{
    return front->saved != NULL
               ? span_make(front->saved + front->saved_at, front->saved_len - front->saved_at)
               : span_make(NULL, 0);
}

/* A request whose head does not come whole. */
struct front_exchange *front_h1_new_half_exchange(struct front_h1 *front)
{
    struct front_exchange *x = new_exchange(front);

    h1_glimpse(front_h1_saved_bytes(front), x->arena, x->request);
    return x;
}

static void start_request(struct front_h1 *front, struct front_exchange *x)
{
    const struct http_request *request = x->request;

    front->keep_alive = request->keep_alive;
    front->framing = request->framing;
    switch (request->framing) {
    case HTTP_FRAMING_NONE:
    case HTTP_FRAMING_CLOSE: /* responses only */
        x->request_done = true;
        begin_wait(front);
        break;
    case HTTP_FRAMING_LENGTH:
        front->body_left = request->content_length;
        front_h1_begin_body(front);
        break;
    case HTTP_FRAMING_CHUNKED:
        h1_chunked_init(&front->chunked);
        front_h1_begin_body(front);
        break;
    }
    x->behind->begin(x);
}

/* No byte is wrong where there are only too many. */
static bool is_limit(enum h1_error error)
{
    return error == H1_HEAD_TOO_LARGE || error == H1_TARGET_TOO_LONG;
}

/* Each of these says how many of the bytes it has used. */

static size_t take_head(struct front_h1 *front, struct span in)
{
    struct h1_limits limits = limits_of(front);
    bool is_first = front->state == FRONT_H1_IDLE;
    enum h1_error error;
    size_t start;
    size_t len;

    if (is_first) {
        front_h1_enter(front, FRONT_H1_HEAD);
        link_set_idle(front->link, false);
        front->head_began_us = loop_now_us(front->link->core->loop);
    }
    switch (h1_head_end(in, &limits, true, &front->scanned, &start, &len, &error)) {
    case H1_HEAD_MORE:
        /* Counted from the first byte: dripping bytes do not move it. */
        if (is_first) {
            front_h1_set_timer(front, front_h1_settings(front)->timeouts.head_ms);
        }
        front->saved_is_stuck = true;
        return 0;
    case H1_HEAD_BAD:
        in = span_skip(in, start);
        refuse(front, error, in,
               span_cut(span_skip(in, front->scanned - start), is_limit(error) ? 0 : 1));
        return start + in.len;
    case H1_HEAD_COMPLETE:
        break;
    }
    front->scanned = 0;
    front->saved_is_stuck = false;
    struct front_exchange *x = new_exchange(front);
    struct span head = arena_copy(x->arena, span_make(in.ptr + start, len));
    error = h1_parse_request(head, &limits, x->arena, x->request);
    if (error != H1_OK) {
        refuse(front, error, head, x->request->refused);
        return in.len;
    }
    start_request(front, x);
    return start + len;
}

void front_h1_end_request(struct front_h1 *front, struct http_fields *trailers)
{
    begin_wait(front);
    front->exchange->behind->request_end(front->exchange, trailers);
}

static size_t take_length(struct front_h1 *front, struct span in)
{
    size_t n = front->body_left < in.len ? (size_t)front->body_left : in.len;

    front->body_left -= n;
    front->exchange->behind->request_body(front->exchange, span_head(in, n));
    if (front->state == FRONT_H1_BODY && front->body_left == 0) {
        front_h1_end_request(front, NULL);
    }
    return n;
}

static size_t take_rest(struct front_h1 *front, struct span in)
{
    size_t n = front->body_left < in.len ? (size_t)front->body_left : in.len;

    front->body_left -= n;
    if (front->body_left != 0) {
        return n;
    }
    if (link_ends_at_once(front->link)) {
        front_h1_leave(front, LINK_LINGERS);
    } else {
        front_h1_begin_idle(front);
    }
    return n;
}

static size_t take_chunked(struct front_h1 *front, struct span in)
{
    struct h1_limits limits = limits_of(front);
    struct http_fields trailers = {0};
    size_t total = 0;

    while (front->state == FRONT_H1_BODY) {
        struct front_exchange *x = front->exchange;
        enum h1_error error;
        struct span data;
        size_t used;
        enum h1_chunked_result result =
            h1_chunked_decode(&front->chunked, span_skip(in, total), &limits, x->arena, &used,
                              &data, &trailers, &error);
        total += used;
        if (result == H1_CHUNKED_DATA) {
            x->behind->request_body(x, data);
            continue;
        }
        if (result == H1_CHUNKED_BAD) {
            front_h1_enter(front, FRONT_H1_WAIT);
            x->is_malformed = true;
            front_refuse(x, h1_error_status(error), true, h1_error_word(error),
                         h1_chunked_detail(&front->chunked, error, x->arena),
                         head_mend_h1(error, HEAD_OF_REQUEST));
            return in.len;
        }
        if (result == H1_CHUNKED_END) {
            front_h1_end_request(front, &trailers);
        }
        break;
    }
    return total;
}

size_t front_h1_take(struct front_h1 *front, struct span in)
{
    switch (front->state) {
    case FRONT_H1_IDLE:
    case FRONT_H1_HEAD:
        return take_head(front, in);
    case FRONT_H1_BODY:
        return front->framing == HTTP_FRAMING_LENGTH ? take_length(front, in)
                                                     : take_chunked(front, in);
    case FRONT_H1_SKIP:
        return take_rest(front, in);
    case FRONT_H1_TUNNEL:
        front->exchange->behind->request_body(front->exchange, in);
        return in.len;
    case FRONT_H1_WAIT:
    case FRONT_H1_ENDING:
        break;
    }
    return 0;
}
