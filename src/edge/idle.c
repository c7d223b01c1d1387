#include "edge/idle.h"

enum limit {
    LIMIT_TUNNEL,
    LIMIT_TUNNEL_TOTAL, /* struck already */
    LIMIT_REQUEST,      /* the same */
    LIMIT_UNREAD,
    LIMIT_GRPC, /* calls stay open for hours on which neither side, or one alone, ever speaks */
    LIMIT_EVENTS,
    LIMIT_STREAM,
    LIMIT_RESPONSE,
    LIMIT_BODY
};

static enum limit limit_of_server(const struct idle_settings *settings,
                                  const struct idle_facts *facts)
{
    if (facts->is_tunnel) {
        return settings->tunnel_total_ms != 0 && facts->age_ms >= settings->tunnel_total_ms
                   ? LIMIT_TUNNEL_TOTAL
                   : LIMIT_TUNNEL;
    }
    if (settings->request_ms != 0 && facts->age_ms >= settings->request_ms) {
        return LIMIT_REQUEST;
    }
    if (facts->is_over) {
        return LIMIT_UNREAD;
    }
    if (facts->is_grpc &&
        (facts->has_started || settings->tunnel_idle_ms > settings->response_ms)) {
        return LIMIT_GRPC;
    }
    if (facts->has_started) {
        return facts->is_event_stream ? LIMIT_EVENTS : LIMIT_STREAM;
    }
    return LIMIT_RESPONSE;
}

static enum limit limit_of_client(const struct idle_settings *settings,
                                  const struct idle_facts *facts)
{
    return facts->is_grpc && !facts->is_over && settings->tunnel_idle_ms > settings->body_ms
               ? LIMIT_GRPC
               : LIMIT_BODY;
}

/* Until it has been silent for too long, or is too old. */
static uint64_t of_tunnel(const struct idle_settings *settings, const struct idle_facts *facts)
{
    uint64_t left_ms = settings->tunnel_total_ms - facts->age_ms;

    return settings->tunnel_total_ms != 0 && left_ms < settings->tunnel_idle_ms
               ? left_ms
               : settings->tunnel_idle_ms;
}

/* Nor longer than what is left of the request's time. */
static uint64_t within_request(uint64_t ms, const struct idle_settings *settings,
                               const struct idle_facts *facts)
{
    uint64_t left_ms = settings->request_ms - facts->age_ms;

    return settings->request_ms == 0 || facts->is_tunnel || (ms != 0 && ms < left_ms) ? ms
                                                                                      : left_ms;
}

static uint64_t milliseconds(enum limit limit, const struct idle_settings *settings,
                             const struct idle_facts *facts)
{
    switch (limit) {
    case LIMIT_TUNNEL:
        return of_tunnel(settings, facts);
    case LIMIT_GRPC:
        return settings->tunnel_idle_ms;
    case LIMIT_UNREAD:
    case LIMIT_RESPONSE:
        return settings->response_ms;
    case LIMIT_STREAM:
        return settings->stream_idle_ms;
    case LIMIT_BODY:
        return settings->body_ms;
    case LIMIT_TUNNEL_TOTAL:
    case LIMIT_REQUEST:
    case LIMIT_EVENTS:
        break;
    }
    return 0;
}

static struct idle_limit in_words(enum limit limit, const struct idle_settings *settings,
                                  const struct idle_facts *facts)
{
#define STREAM                                                                                     \
    {                                                                                              \
        0, 504, "stream_idle_timeout", "the server stopped in the middle of its response",         \
            "timeouts.stream_idle sets the limit"                                                  \
    }
    static const struct idle_limit words[] = {
        [LIMIT_TUNNEL] = {0, 504, "tunnel_idle_timeout", "no byte came either way for so long",
                          "timeouts.tunnel_idle sets the limit"},
        [LIMIT_TUNNEL_TOTAL] = {0, 504, "tunnel_total_timeout",
                                "the tunnel was open for as long as one may be",
                                "timeouts.tunnel_total sets the limit"},
        [LIMIT_REQUEST] = {0, 504, "request_timeout",
                           "the request was not answered whole in the time that it has",
                           "timeouts.request sets the limit, or the client (grpc-timeout)"},
        [LIMIT_UNREAD] = {0, 504, "server_stopped_reading",
                          "the server answered, and then took no more of the request's body",
                          "see the server's log; response_timeout of the backend sets the limit"},
        [LIMIT_GRPC] = {0, 504, "tunnel_idle_timeout",
                        "no byte came either way on the gRPC call for so long",
                        "timeouts.tunnel_idle sets the limit"},
        [LIMIT_EVENTS] = STREAM,
        [LIMIT_STREAM] = STREAM,
        [LIMIT_RESPONSE] = {0, 504, "response_timeout", "the server did not answer in time",
                            "response_timeout of the backend sets the limit"},
        [LIMIT_BODY] = {0, 408, "body_timeout", "the request's body stopped coming",
                        "timeouts.body sets the limit"},
    };
#undef STREAM
    struct idle_limit found = words[limit];

    found.ms = milliseconds(limit, settings, facts);
    return found;
}

struct idle_limit idle_limit_of_server(const struct idle_settings *settings,
                                       const struct idle_facts *facts)
{
    return in_words(limit_of_server(settings, facts), settings, facts);
}

uint64_t idle_ms_of_server(const struct idle_settings *settings, const struct idle_facts *facts)
{
    enum limit limit = limit_of_server(settings, facts);
    uint64_t ms = milliseconds(limit, settings, facts);

    return limit == LIMIT_REQUEST ? 1 : within_request(ms, settings, facts);
}

struct idle_limit idle_limit_of_client(const struct idle_settings *settings,
                                       const struct idle_facts *facts)
{
    return in_words(limit_of_client(settings, facts), settings, facts);
}
