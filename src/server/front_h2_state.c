/* The states of a client's HTTP/2 connection and of its streams: each is set here alone. */
#include "core/state_log.h"
#include "server/front_h2_internal.h"

static const char *const connection_words[] = {"open",       "noticed", "naming", "last",
                                               "terminated", "left",    "over"};
static const char *const request_words[] = {"head", "body", "ended", "given up"};
static const char *const response_words[] = {"none",  "body",   "whole", "sent",
                                             "reset", "closed", "buried"};

static void tell(const struct front_h2 *front, const struct h2_stream *stream, const char *what,
                 const char *from, const char *to)
{
    struct state_owner owner = {.core = front->link->core, .session = front->link->id};

    if (stream != NULL) {
        owner.stream = stream->id;
        owner.exchange = stream->exchange != NULL ? stream->exchange->id : NULL;
    }
    state_log(&owner, what, from, to);
}

void front_h2_enter(struct front_h2 *front, enum front_h2_state state)
{
    if (state_log_is_on()) {
        tell(front, NULL, "connection", connection_words[front->state], connection_words[state]);
    }
    front->state = state;
}

void front_h2_enter_request(struct h2_stream *stream, enum h2_request_state state)
{
    if (state_log_is_on()) {
        tell(stream->front, stream, "request", request_words[stream->request],
             request_words[state]);
    }
    stream->request = state;
}

void front_h2_enter_response(struct h2_stream *stream, enum h2_response_state state)
{
    CHECK(state > stream->response);
    if (state_log_is_on()) {
        tell(stream->front, stream, "response", response_words[stream->response],
             response_words[state]);
    }
    stream->response = state;
}
