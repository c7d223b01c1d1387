/* The life of a client's stream: made, reset, given up, buried. */
#include <stdlib.h>

#include "edge/head_limits.h"
#include "server/front_h2_internal.h"

/* From a response to the reset of a request of which nobody wants the rest. */
#define RESET_WAIT_US (250 * UINT64_C(1000))

struct h2_limits front_h2_limits(const struct front_h2 *front)
{
    return head_limits_h2(&front_h2_settings(front)->limits, HEAD_OF_REQUEST);
}

/* ---- life of a stream ---- */

struct h2_stream *front_h2_create_stream(struct front_h2 *front, int32_t id)
{
    struct h2_stream *stream = xcalloc(1, sizeof(*stream));
    struct h2_limits limits = front_h2_limits(front);
    struct front_exchange *x = link_open(front->link, &front_h2_ops, stream);

    stream->front = front;
    stream->id = id;
    stream->exchange = x;
    stream->opened_us = stream->moved_in_us = stream->moved_out_us = front_h2_now(front);
    stream->window = STREAM_WINDOW;
    stream->urgency = H2_URGENCY_DEFAULT;
    stream->share = front->share;
    list_init(&stream->ready);
    list_init(&stream->spent);
    list_init(&stream->preempted);
    list_push_back(&front->streams, &stream->node);
    h2_section_init(&stream->section, x->arena, &limits, &x->request->fields, false);
    if (front->stream_count++ == 0) {
        link_set_idle(front->link, false);
        front_h2_arm(front);
    }
    return stream;
}

void front_h2_free_stream(struct h2_stream *stream)
{
    front_h2_forget_window(stream);
    list_remove(&stream->node);
    list_remove(&stream->ready);
    list_remove(&stream->spent);
    list_remove(&stream->preempted);
    front_h2_let_go(stream, stream->out.bytes);
    byte_queue_free(&stream->in);
    byte_queue_free(&stream->out);
    front_h2_free_trailers(stream);
    free(stream);
}

void front_h2_reap(struct front_h2 *front)
{
    struct list *node;

    while ((node = list_pop_front(&front->dead)) != NULL) {
        front_h2_free_stream(LIST_ENTRY(node, struct h2_stream, node));
    }
}

void front_h2_reset(struct h2_stream *stream, uint32_t code)
{
    if (stream->response < H2_RESPONSE_RESET) {
        front_h2_enter_response(stream, H2_RESPONSE_RESET);
        (void)nghttp2_submit_rst_stream(stream->front->h2, NGHTTP2_FLAG_NONE, stream->id, code);
        front_h2_schedule(stream->front);
    }
}

void front_h2_reset_later(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (stream->response != H2_RESPONSE_SENT || front_h2_has_request(stream) ||
        stream->exchange != NULL) {
        return;
    }
    stream->reset_due_us = stream->ended_us + RESET_WAIT_US;
    if (front->reset_due_us == 0 || stream->reset_due_us < front->reset_due_us) {
        front->reset_due_us = stream->reset_due_us;
        front_h2_arm(front);
    }
}

/* What was handed on may lie in the outbox still. */
void front_h2_drop_input(struct h2_stream *stream)
{
    stream->front->link->core->sums.h2_waiting -= stream->in.bytes;
    if (stream->in.spent != NULL) {
        conn_flush_all(stream->front->link->core->loop);
    }
    byte_queue_free(&stream->in);
}

void front_h2_abandon(struct h2_stream *stream, const char *reason)
{
    struct front_exchange *x = stream->exchange;

    if (x != NULL) {
        stream->exchange = NULL;
        list_remove(&stream->ready);
        front_h2_drop_input(stream);
        x->behind->abandon(x, reason);
        front_h2_bury(stream);
    }
}

void front_h2_bury(struct h2_stream *stream)
{
    struct front_h2 *front = stream->front;

    if (stream->response != H2_RESPONSE_CLOSED || stream->exchange != NULL) {
        return;
    }
    front_h2_enter_response(stream, H2_RESPONSE_BURIED);
    front_h2_forget_window(stream);
    if (front->preferred == stream) {
        front->preferred = NULL;
    }
    list_remove(&stream->preempted);
    list_remove(&stream->ready);
    list_remove(&stream->node);
    list_push_back(&front->dead, &stream->node);
    if (--front->stream_count == 0) {
        if (front->state != FRONT_H2_OVER && front->state != FRONT_H2_TERMINATED) {
            link_set_idle(front->link, true);
        }
        front->idle_since_us = front_h2_now(front);
        front_h2_arm(front);
    }
    front_h2_schedule(front);
}
