/* What each frame of a client costs, when its head has come, and which break a rule of the
 * connection by coming at all. nghttp2's callbacks: they note what is to be done, and front_h2.c
 * does it. */
#include "server/front_h2_internal.h"

bool front_h2_break_rule(struct front_h2 *front, uint32_t code, const char *text)
{
    front->fault = FRONT_H2_FAULT_RULE;
    front->rule_code = code;
    front->rule_text = text;
    return false;
}

/* nghttp2 forgets closed streams, and skips what comes for them without a word. Streams above the
 * last one that a GOAWAY names may have been begun, and are passed over. */
static bool judge_late(struct front_h2 *front, int32_t id)
{
    if (front_h2_is_ending(front)) {
        return true;
    }
    switch (h2_closed_judge(&front->closed, id, front->newest_id)) {
    case H2_LATE_CLOSED:
        return front_h2_break_rule(front, NGHTTP2_STREAM_CLOSED,
                                   "HEADERS or DATA for a stream that the client had ended");
    case H2_LATE_SKIPPED:
        return front_h2_break_rule(front, NGHTTP2_PROTOCOL_ERROR,
                                   "HEADERS or DATA with a stream number below the last one");
    case H2_LATE_EXCUSED:
        break;
    }
    return true;
}

bool front_h2_judge(struct front_h2 *front, const struct h2_walk_part *part)
{
    if (part->kind == H2_WALK_PRIORITY) {
        return part->dependency != part->stream ||
               front_h2_break_rule(front, NGHTTP2_PROTOCOL_ERROR,
                                   "PRIORITY that makes a stream depend on itself");
    }
    return part->stream == 0 || part->stream > front->newest_id ||
           nghttp2_session_get_stream_user_data(front->h2, part->stream) != NULL ||
           judge_late(front, part->stream);
}

/* Those of a stream that is there are looked at when they are whole. */
static bool charge_headers(struct front_h2 *front, nghttp2_session *h2,
                           const nghttp2_frame_hd *head)
{
    const struct h2_stream *stream = nghttp2_session_get_stream_user_data(h2, head->stream_id);

    h2_budget_head(&front->budget, head->length);
    if (head->stream_id > front->newest_id) {
        front->newest_id = head->stream_id;
        return true;
    }
    if ((stream != NULL && stream->response != H2_RESPONSE_RESET) || head->stream_id == 0) {
        return true; /* nghttp2 knows what to say about stream 0 */
    }
    return (stream != NULL || judge_late(front, head->stream_id)) &&
           front_h2_charge(front, H2_EVENT_OTHER);
}

static bool charge_reset(struct front_h2 *front, nghttp2_session *h2, int32_t id)
{
    const struct h2_stream *stream = nghttp2_session_get_stream_user_data(h2, id);
    bool is_there = stream != NULL && stream->response != H2_RESPONSE_RESET;

    return front_h2_charge(front,
                           h2_reset_event(is_there, is_there && stream->is_head_sent,
                                          is_there ? front_h2_now(front) - stream->opened_us : 0));
}

static bool charge_continuation(struct front_h2 *front, size_t bytes)
{
    if (front->fault == FRONT_H2_FAULT_NONE &&
        !h2_budget_continue(&front->budget, bytes, (size_t)front_h2_settings(front)->limits.head,
                            front_h2_now(front))) {
        front->fault = FRONT_H2_FAULT_FLOOD;
        front->flood = H2_EVENT_CONTINUATION;
    }
    return front->fault == FRONT_H2_FAULT_NONE;
}

/* Everything but HEADERS and DATA has its price at once. DATA for streams that have gone is not
 * even told: front_h2.c finds its bytes missing. */
int front_h2_on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *user_data)
{
    struct front_h2 *front = user_data;
    enum h2_event event;

    front->skipped_bytes -= FRAME_HEAD_BYTES + (int64_t)head->length;
    switch (head->type) {
    case NGHTTP2_HEADERS:
        return charge_headers(front, h2, head) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    case NGHTTP2_DATA:
        return 0;
    case NGHTTP2_RST_STREAM:
        return charge_reset(front, h2, head->stream_id) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    case NGHTTP2_CONTINUATION:
        return charge_continuation(front, head->length) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    case NGHTTP2_SETTINGS:
        front->queued_before = nghttp2_session_get_outbound_queue_size(h2);
        event = H2_EVENT_SETTINGS;
        break;
    case NGHTTP2_PING:
        if ((head->flags & NGHTTP2_FLAG_ACK) != 0 && front->is_ack_free) {
            front->is_ack_free = false; /* we have asked */
            return 0;
        }
        event = H2_EVENT_PING;
        break;
    case NGHTTP2_PRIORITY:
        if (head->stream_id == 0) {
            (void)front_h2_break_rule(front, NGHTTP2_PROTOCOL_ERROR, "PRIORITY for stream 0");
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        event = H2_EVENT_PRIORITY;
        break;
    case NGHTTP2_PRIORITY_UPDATE:
        event = H2_EVENT_PRIORITY;
        break;
    case NGHTTP2_WINDOW_UPDATE:
        event = H2_EVENT_WINDOW_UPDATE;
        break;
    default:
        event = H2_EVENT_OTHER;
        break;
    }
    return front_h2_charge(front, event) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}
