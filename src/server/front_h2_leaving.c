/* What goes on when a client of HTTP/2 has ended its direction. */
#include "server/front_h2_internal.h"

/* The client has said and heard all of it, and the server is still taking it. */
static bool is_rest(const struct h2_stream *stream)
{
    bool is_answered =
        stream->response == H2_RESPONSE_SENT || stream->response == H2_RESPONSE_CLOSED;

    return front_h2_has_request(stream) && is_answered && stream->exchange != NULL &&
           stream->exchange->state == EXCHANGE_REST;
}

/* There is something of the response to come or to go out. */
static bool is_to_be_heard(const struct h2_stream *stream)
{
    return stream->response < H2_RESPONSE_SENT &&
           (stream->exchange != NULL || stream->response == H2_RESPONSE_WHOLE);
}

static enum leaving leaving_with(const struct h2_stream *stream, enum leaving_sign sign)
{
    const struct front_exchange *x = stream->exchange;
    struct leaving_facts facts = {.choice =
                                      x != NULL ? x->on_client_close : stream->on_client_close,
                                  .sign = sign,
                                  .is_h2 = true,
                                  .has_request = front_h2_has_request(stream),
                                  .is_tunnel = x != NULL && x->is_tunnel,
                                  .is_event_stream = x != NULL && x->is_event_stream};

    return leaving_of(&facts);
}

void front_h2_part(struct front_h2 *front, enum leaving_sign sign, const char *reason)
{
    LIST_FOR_EACH(node, &front->streams)
    {
        struct h2_stream *stream = LIST_ENTRY(node, struct h2_stream, node);

        stream->outlives_client =
            is_to_be_heard(stream) && leaving_with(stream, sign) != LEAVING_GONE;
        if (!stream->outlives_client && !is_rest(stream)) {
            front_h2_abandon(stream, reason);
        }
    }
}

bool front_h2_has_work(const struct front_h2 *front)
{
    LIST_FOR_EACH(node, &front->streams)
    {
        const struct h2_stream *stream = LIST_ENTRY(node, struct h2_stream, node);

        if (is_rest(stream) || (stream->outlives_client && is_to_be_heard(stream))) {
            return true;
        }
    }
    return false;
}
