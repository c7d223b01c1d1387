/* How long a side of an exchange may be silent, and which limit that is: the one that strikes is
 * the one that the log names. No I/O, no state. */
#ifndef TIDEGATE_EDGE_IDLE_H
#define TIDEGATE_EDGE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/* In milliseconds. */
struct idle_settings {
    uint64_t response_ms;     /* response_timeout of the backend */
    uint64_t stream_idle_ms;  /* timeouts.stream_idle; 0: none */
    uint64_t body_ms;         /* timeouts.body */
    uint64_t tunnel_idle_ms;  /* timeouts.tunnel_idle */
    uint64_t tunnel_total_ms; /* timeouts.tunnel_total; 0: none */
    uint64_t request_ms;      /* of the whole request, no tunnel: timeouts.request, or less by its
                                 client's grpc-timeout; 0: none */
};

struct idle_facts {
    bool is_tunnel;       /* bytes of another protocol, both ways; whoever carries them */
    uint64_t age_ms;      /* of the tunnel, else of the request: since its head had come */
    bool is_grpc;         /* both sides may be silent for long, before the response's head, too */
    bool has_started;     /* the response's head has come */
    bool is_over;         /* the response is whole, and the request goes on behind it */
    bool is_event_stream; /* text/event-stream: silence is no fault */
};

struct idle_limit {
    uint64_t ms;     /* 0: none; of a tunnel: its time as a whole is over */
    unsigned status; /* where the response has not begun */
    const char *reason;
    const char *detail;
    const char *mend;
};

/* Whether a peer is fast enough that moved so many bytes in the time, at `rate` bytes a second: a
 * byte now and then is no progress. With a rate of 0 any byte is. */
static inline bool idle_is_fast_enough(uint64_t moved, uint64_t window_ms, uint64_t rate)
{
    return moved != 0 && moved >= rate * window_ms / 1000;
}

/* Nothing moves on the server's side. */
struct idle_limit idle_limit_of_server(const struct idle_settings *settings,
                                       const struct idle_facts *facts);
/* Its ms alone, which each piece that moves asks for, or less: until the request's time is over. */
uint64_t idle_ms_of_server(const struct idle_settings *settings, const struct idle_facts *facts);
/* A request's body stops coming; once the response has begun, nothing moves on the client's side
 * either way. */
struct idle_limit idle_limit_of_client(const struct idle_settings *settings,
                                       const struct idle_facts *facts);

#endif
