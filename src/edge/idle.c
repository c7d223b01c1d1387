#include "edge/idle.h"

/* gRPC keeps calls open for hours on which neither side, or one alone, ever speaks. */
static struct idle_limit grpc_limit(uint64_t tunnel_idle_ms)
{
    return (struct idle_limit){tunnel_idle_ms, 504, "tunnel_idle_timeout",
                               "no byte came either way on the gRPC call for so long",
                               "timeouts.tunnel_idle sets the limit"};
}

struct idle_limit idle_limit_of_server(const struct idle_settings *settings,
                                       const struct idle_facts *facts)
{
    if (facts->is_tunnel) {
        return (struct idle_limit){settings->tunnel_idle_ms, 504, "tunnel_idle",
                                   "no byte came either way for so long",
                                   "timeouts.tunnel_idle sets the limit"};
    }
    if (facts->is_over) {
        return (struct idle_limit){settings->response_ms, 504, "server_stopped_reading",
                                   "the server answered, and then took no more of the request's "
                                   "body",
                                   "see the server's log; response_timeout of the backend sets "
                                   "the limit"};
    }
    if (facts->is_grpc &&
        (facts->has_started || settings->tunnel_idle_ms > settings->response_ms)) {
        return grpc_limit(settings->tunnel_idle_ms);
    }
    if (facts->has_started) {
        return (struct idle_limit){facts->is_event_stream ? 0 : settings->stream_idle_ms, 504,
                                   "stream_idle_timeout",
                                   "the server stopped in the middle of its response",
                                   "timeouts.stream_idle sets the limit"};
    }
    return (struct idle_limit){settings->response_ms, 504, "response_timeout",
                               "the server did not answer in time",
                               "response_timeout of the backend sets the limit"};
}

struct idle_limit idle_limit_of_client(const struct idle_settings *settings,
                                       const struct idle_facts *facts)
{
    if (facts->is_grpc && !facts->is_over && settings->tunnel_idle_ms > settings->body_ms) {
        return grpc_limit(settings->tunnel_idle_ms);
    }
    return (struct idle_limit){settings->body_ms, 408, "body_timeout",
                               "the request's body stopped coming", "timeouts.body sets the limit"};
}
