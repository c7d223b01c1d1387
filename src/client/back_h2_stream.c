/* One request's stream of an HTTP/2 connection: its life, and the response.
 *
 * What is held of a response is bounded by the stream's window, which is only opened again for what
 * the call's owner has taken. */
#include <stdlib.h>

#include "client/back_h2_internal.h"
#include "edge/head_mend.h"

/* Given to the front at a time of what was held. */
#define GIVE_BYTES 65536
/* Interim (1xx) responses to one request. */
#define INTERIM_MAX 16
#define SIZE_STEP 1024

static const struct back_ops ops;

static void on_timer(struct timer *timer);

/* ---- states ---- */

static void tell(const struct back_h2 *back, const char *what, const char *from, const char *to)
{
    struct state_owner owner = call_whose(back->call, back->client->core, back->stream_id);

    state_log(&owner, what, from, to);
}

void back_h2_enter_request(struct back_h2 *back, enum back_h2_request_state state)
{
    static const char *const words[] = {"open", "whole", "sent"};

    CHECK(state > back->request);
    if (state_log_is_on()) {
        tell(back, "h2 back request", words[back->request], words[state]);
    }
    back->request = state;
}

static void enter_response(struct back_h2 *back, enum back_h2_response_state state)
{
    static const char *const words[] = {"none", "head", "body", "ended", "failed"};

    CHECK(state > back->response);
    if (state_log_is_on()) {
        tell(back, "h2 back response", words[back->response], words[state]);
    }
    back->response = state;
}

/* ---- life ---- */

static void on_free(struct deferred *deferred)
{
    struct back_h2 *back = CONTAINER_OF(deferred, struct back_h2, freeing);

    back->client->core->sums.h2_windows -= back->window - BACK_H2_WINDOW_FIRST;
    timer_destroy(back->client->core->loop, &back->timer);
    strbuf_free(&back->body);
    byte_queue_free(&back->held);
    free(back);
}

struct back *back_h2_stream_create(struct back_h2_conn *c)
{
    struct back_h2 *back = xcalloc(1, sizeof(*back));

    back->base.ops = &ops;
    back->base.on = &c->of_client;
    back->client = c->client;
    back->c = c;
    back->window = BACK_H2_WINDOW_FIRST;
    list_init(&back->stalled);
    list_init(&back->due);
    list_init(&back->throttled);
    list_push_back(&c->streams, &back->node);
    c->stream_count++;
    timer_init(&back->timer, on_timer);
    deferred_init(&back->freeing, on_free);
    return &back->base;
}

/* Its memory goes when both the call and the connection have let go of it. */
static void settle(struct back_h2 *back)
{
    if (back->c == NULL && back->call == NULL) {
        loop_defer(back->client->core->loop, &back->freeing);
    }
}

/* The response is whole, and the request goes on behind it. */
static bool is_followed(const struct back_h2 *back)
{
    return back->call != NULL && back->call->state == CALL_ANSWERED && !back->is_raw;
}

/* The response is whole, or has failed: so the call can end. */
static void end_call(struct back_h2 *back)
{
    struct call *call = back->call;

    if (call == NULL) {
        return;
    }
    if (back->response == BACK_H2_RESPONSE_FAILED) {
        struct trouble trouble = back->trouble;
        back_h2_flow_leave(back);
        back->call = NULL;
        back->facts.h2_code = back->code;
        call_failed(call, &back->facts, 502, &trouble);
        settle(back);
    } else if (is_followed(back)) {
        call_writable(call);
    } else if (back->response == BACK_H2_RESPONSE_ENDED && back->held.bytes == 0) {
        call_end(call, back->has_trailers ? &back->response_trailers : NULL);
    }
}

/* At once, or when nghttp2 has returned. */
static void end_when_possible(struct back_h2 *back, struct back_h2_conn *c)
{
    if (c != NULL && c->in_library) {
        list_remove(&back->due);
        list_push_back(&c->due, &back->due);
        return;
    }
    end_call(back);
}

void back_h2_stream_end_due(struct back_h2_conn *c)
{
    struct list *node;

    while ((node = list_pop_front(&c->due)) != NULL) {
        end_call(LIST_ENTRY(node, struct back_h2, due));
    }
}

static const struct trouble untaken = {"server_reset",
                                       "the server took no more of the tunnel's bytes", NULL};

void back_h2_stream_closed(struct back_h2 *back, enum retry_stage stage,
                           const struct trouble *trouble)
{
    struct call *call = back->call;
    struct back_h2_conn *c = back->c;

    list_remove(&back->node);
    list_remove(&back->stalled);
    back_h2_flow_end(back, c);
    c->stream_count--;
    back->c = NULL;
    back_h2_schedule(c);
    if (back_h2_stream_listens(back)) {
        back->facts.stage = back->response != BACK_H2_RESPONSE_NONE ? RETRY_ANSWERING : stage;
        enter_response(back, BACK_H2_RESPONSE_FAILED);
        back->facts.was_at_rest = c->is_behind_rest;
        back->facts.h2_code = back->code;
        back->facts.wants_h1 = back->code == NGHTTP2_HTTP_1_1_REQUIRED;
        back->trouble = *trouble;
        if (trouble->detail != NULL) {
            back->trouble.detail =
                arena_printf(call->arena, "HTTP/2 to the server: %s", trouble->detail);
        }
        end_when_possible(back, c);
        return;
    }
    if (call != NULL && (is_followed(back) || back->is_raw) &&
        back->request != BACK_H2_REQUEST_SENT && back->response != BACK_H2_RESPONSE_FAILED) {
        enter_response(back, BACK_H2_RESPONSE_FAILED);
        back->facts.stage = RETRY_ANSWERING;
        back->trouble = back->is_raw            ? untaken
                        : back->was_told_enough ? call_unneeded
                                                : call_unread;
        end_when_possible(back, c);
        return;
    }
    settle(back);
}

void back_h2_stream_sent(struct back_h2 *back)
{
    back_h2_enter_request(back, BACK_H2_REQUEST_SENT);
    if (is_followed(back) && back->response != BACK_H2_RESPONSE_FAILED) {
        end_when_possible(back, back->c);
    }
}

static void fail(struct back_h2 *back, const struct trouble *trouble)
{
    if (back->response == BACK_H2_RESPONSE_FAILED) {
        return; /* the first reason is the one that is told */
    }
    enter_response(back, BACK_H2_RESPONSE_FAILED);
    back->facts.stage = RETRY_ANSWERING;
    back->trouble = *trouble;
    if (back->c != NULL) { /* else the server has ended it, and what was held is not taken */
        (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                        NGHTTP2_PROTOCOL_ERROR);
        back_h2_schedule(back->c);
    }
    end_when_possible(back, back->c);
}

static void fail_broken(struct back_h2 *back, const char *reason, const char *detail)
{
    fail(back, &(struct trouble){reason, detail,
                                 "the server sends broken HTTP/2: see its log, and its version"});
}

static void watch_rest(struct back_h2 *back)
{
    back->sent_at_timer = back->sent;
    timer_set_ms(back->client->core->loop, &back->timer, back->client->settings.send_ms);
}

/* What a tunnel has left, and nobody waits for: as long as the server takes some of it. */
static void on_timer(struct timer *timer)
{
    struct back_h2 *back = CONTAINER_OF(timer, struct back_h2, timer);

    if (back->c == NULL) {
        return;
    }
    if (back->sent != back->sent_at_timer) {
        watch_rest(back);
        return;
    }
    (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                    NGHTTP2_CANCEL);
    back_h2_schedule(back->c);
}

static void op_release(struct back *base, enum back_end end)
{
    struct back_h2 *back = back_h2_of(base);
    struct back_h2_conn *c = back->c;

    back_h2_flow_leave(back);
    back->call = NULL;
    list_remove(&back->due);
    if (back->request == BACK_H2_REQUEST_OPEN) {
        back_h2_enter_request(back, BACK_H2_REQUEST_WHOLE);
    }
    if (c != NULL && back->is_raw && back->response == BACK_H2_RESPONSE_ENDED &&
        end == BACK_END_IN_ORDER) {
        if (back->request != BACK_H2_REQUEST_SENT) {
            watch_rest(back);
        }
        back_h2_request_wake(
            back); /* a tunnel has ended both ways: what waits of it still goes out */
    } else if (c != NULL && !(back->response == BACK_H2_RESPONSE_ENDED &&
                              back->request == BACK_H2_REQUEST_SENT)) {
        /* A whole response without all of the request is in order (RFC 9113 section 8.1). */
        (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                        back->response == BACK_H2_RESPONSE_ENDED ? NGHTTP2_NO_ERROR
                                                                                 : NGHTTP2_CANCEL);
        back_h2_schedule(c);
        if (back->response < BACK_H2_RESPONSE_BODY) {
            back_h2_doubt(c);
        }
    }
    settle(back);
}

static void op_move(struct back *base, struct call *to)
{
    back_h2_of(base)->call = to;
}

static void op_reject(struct back *base, const struct trouble *trouble)
{
    fail(back_h2_of(base), trouble);
}

static bool op_is_listening(const struct back *base)
{
    return back_h2_of(base)->c != NULL;
}

static bool op_is_sent(const struct back *base)
{
    return back_h2_of(base)->request == BACK_H2_REQUEST_SENT;
}

static struct conn *op_raw(struct back *base)
{
    (void)base;
    return NULL;
}

/* ---- the response ---- */

/* One send's worth. */
static void give_some(struct back_h2 *back, struct call *call)
{
    size_t room = call_room(call);
    size_t most = room < GIVE_BYTES ? room : GIVE_BYTES;
    size_t given = 0;

    while (back->call == call && back->held.bytes != 0 && given < most) {
        struct span bytes = byte_queue_take(&back->held, most - given);
        given += bytes.len;
        call_body(call, bytes);
    }
    /* It was queued by reference, and what it lies in may go. */
    conn_flush_all(back->client->core->loop);
    byte_queue_release(&back->held);
    back_h2_flow_consumed(back, given);
}

static void give_held(struct back_h2 *back)
{
    if (back->is_giving) {
        return;
    }
    back->is_giving = true;
    while (back->call != NULL && back->held.bytes != 0 && call_polls_response(back->call)) {
        give_some(back, back->call);
    }
    back->is_giving = false;
    if (back->call != NULL && back->held.bytes == 0 && back->response == BACK_H2_RESPONSE_ENDED) {
        end_when_possible(back, back->c);
    }
}

static void op_resume(struct back *base)
{
    struct back_h2 *back = back_h2_of(base);

    if (back->held.bytes != 0) {
        give_held(back);
    }
}

static bool op_has_more(const struct back *base)
{
    const struct back_h2 *back = back_h2_of(base);

    return back->held.bytes != 0 || (back->c != NULL && back->response != BACK_H2_RESPONSE_ENDED &&
                                     conn_can_read(back->c->conn));
}

/* In steps, as no two heads are of quite the same length. */
static size_t at_least(size_t known, size_t size)
{
    size_t step = (size + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;

    return step > known ? step : known;
}

/* The server is at work on it; and heads like this one do its connections no harm. */
static void note_answer(struct back_h2 *back)
{
    struct pool_entry *entry = back_h2_entry(back->c);
    const struct back_h2_size *size = &back->size;

    back->c->was_probed = false;
    if (back->response == BACK_H2_RESPONSE_NONE) {
        enter_response(back, BACK_H2_RESPONSE_HEAD);
        back->c->use.is_solo = false;
        entry->head_taken = at_least(entry->head_taken, size->head);
        entry->field_taken = at_least(entry->field_taken, size->field);
    }
}

void back_h2_stream_on_section(struct back_h2 *back)
{
    struct call *call = back->call;
    const struct h2_limits *limits = &back->client->settings.h2;

    note_answer(back);
    if (back->response >= BACK_H2_RESPONSE_BODY) {
        back->has_trailers = true;
        back->response_trailers = (struct http_fields){0};
        h2_section_init(&back->head.section, call->arena, limits, &back->response_trailers, true);
        return;
    }
    h2_response_init(&back->head, call->arena, limits, call->response);
}

void back_h2_stream_on_field(struct back_h2 *back, struct span name, struct span value)
{
    if (back->response >= BACK_H2_RESPONSE_BODY) {
        h2_section_add(&back->head.section, name, value);
    } else {
        h2_response_add(&back->head, name, value);
    }
}

static void fail_with(struct back_h2 *back, enum h2_error error)
{
    const char *detail = back->head.section.error == error ? h2_section_detail(&back->head.section)
                                                           : h2_error_text(error);

    fail(back,
         &(struct trouble){h2_error_word(error), detail, head_mend_h2(error, HEAD_OF_RESPONSE)});
}

static void take_head(struct back_h2 *back, bool is_end)
{
    struct call *call = back->call;
    enum h2_error error = h2_response_finish(&back->head, call->request->method, is_end);

    if (error != H2_OK) {
        fail_with(back, error);
        return;
    }
    if (call->response->status < 200) {
        if (++back->interim_count > INTERIM_MAX) {
            fail_broken(back, "too_many_interim",
                        "the server sent one interim response after another");
            return;
        }
        call_interim(call);
        return;
    }
    enter_response(back, BACK_H2_RESPONSE_BODY);
    back->framing = call->response->framing;
    back->is_bodiless = http_response_is_bodiless(call->response->status, call->request->method);
    back->body_left = call->response->content_length;
    call_head(call);
    if (is_end && back->call != NULL) {
        back_h2_stream_on_end(back);
    }
}

void back_h2_stream_on_section_end(struct back_h2 *back, bool is_end)
{
    enum h2_error error;

    if (back->response < BACK_H2_RESPONSE_BODY) {
        take_head(back, is_end);
        return;
    }
    error = h2_trailers_finish(&back->head.section);
    if (error == H2_OK && !is_end) {
        error = H2_BAD_TRAILER;
    }
    if (error != H2_OK) {
        fail_with(back, error);
        return;
    }
    back_h2_stream_on_end(back);
}

/* A body where there is none by the status or the method: the response is whole without it, and
 * the server is told that the stream is broken (RFC 9113 section 8.1.1). */
static void end_bodiless(struct back_h2 *back)
{
    enter_response(back, BACK_H2_RESPONSE_ENDED);
    (void)nghttp2_submit_rst_stream(back->c->session, NGHTTP2_FLAG_NONE, back->stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
    back_h2_schedule(back->c);
    end_when_possible(back, back->c);
}

void back_h2_stream_on_data(struct back_h2 *back, struct span bytes)
{
    struct call *call = back->call;

    if (back->response >= BACK_H2_RESPONSE_BODY && back->is_bodiless) {
        if (bytes.len != 0) {
            end_bodiless(back);
        }
        return;
    }
    if (back->response < BACK_H2_RESPONSE_BODY || back->framing == HTTP_FRAMING_NONE ||
        (back->framing == HTTP_FRAMING_LENGTH && bytes.len > back->body_left)) {
        fail_with(back, H2_BAD_LENGTH_MISMATCH);
        return;
    }
    back->body_left -= back->framing == HTTP_FRAMING_LENGTH ? bytes.len : 0;
    while (bytes.len != 0 && back->held.bytes == 0 && back->call == call &&
           call_polls_response(call)) {
        size_t room = call_room(call);
        size_t part = bytes.len < room ? bytes.len : room;
        call_body(call, span_head(bytes, part));
        back_h2_flow_consumed(back, part);
        bytes = span_skip(bytes, part);
    }
    if (bytes.len == 0 || back->call != call) {
        return;
    }
    if (!byte_queue_add(&back->held, bytes)) {
        fail_broken(back, "out_of_memory", "there is no memory for the response");
    }
}

void back_h2_stream_on_end(struct back_h2 *back)
{
    if (back->response == BACK_H2_RESPONSE_FAILED) {
        return; /* its owner has refused the head that also was the end */
    }
    if (back->response < BACK_H2_RESPONSE_BODY ||
        (back->framing == HTTP_FRAMING_LENGTH && back->body_left != 0)) {
        fail_with(back, H2_BAD_LENGTH_MISMATCH);
        return;
    }
    enter_response(back, BACK_H2_RESPONSE_ENDED);
    if (back->held.bytes == 0 && !back->is_giving) {
        end_when_possible(back, back->c);
    }
}

/* The server has taken an extended CONNECT. */
static void op_go_raw(struct back *base)
{
    struct back_h2 *back = back_h2_of(base);

    back->is_raw = true;
    back->framing = HTTP_FRAMING_CHUNKED;
}

static const struct back_ops ops = {
    .go_raw = op_go_raw,
    .send_head = back_h2_request_head,
    .takes_body = back_h2_request_takes_body,
    .send_body = back_h2_request_body,
    .send_end = back_h2_request_end,
    .is_listening = op_is_listening,
    .is_sent = op_is_sent,
    .resume = op_resume,
    .has_more = op_has_more,
    .reject = op_reject,
    .move = op_move,
    .release = op_release,
    .raw = op_raw,
    .take_over = NULL,
};
