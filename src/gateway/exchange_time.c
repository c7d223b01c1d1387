/* How long an exchange's sides may be silent: what its route, its backend and the settings say, and
 * what is known of it (edge/idle.h). */
#include "gateway/exchange_internal.h"

struct idle_settings exchange_timeouts(const struct exchange *x)
{
    const struct timeouts_settings *timeouts = &x->settings->timeouts;
    const struct route_timeouts_settings *own =
        x->route != NULL ? x->route->settings->timeouts : NULL;
    struct idle_settings settings = {.response_ms =
                                         x->backend != NULL ? x->backend->response_timeout_ms : 0,
                                     .stream_idle_ms = timeouts->stream_idle_ms,
                                     .body_ms = timeouts->body_ms,
                                     .tunnel_idle_ms = timeouts->tunnel_idle_ms,
                                     .tunnel_total_ms = timeouts->tunnel_total_ms,
                                     .request_ms = timeouts->request_ms};

    if (own != NULL) {
        settings.stream_idle_ms = own->stream_idle_ms;
        settings.body_ms = own->body_ms;
        settings.tunnel_idle_ms = own->tunnel_idle_ms;
        settings.request_ms = own->request_ms;
        if (own->response_ms != UINT64_MAX && x->backend != NULL) {
            settings.response_ms = own->response_ms;
        }
    }
    return settings;
}

uint64_t exchange_send_ms(const struct exchange *x)
{
    const struct route_timeouts_settings *own = x->route->settings->timeouts;

    return own != NULL ? own->send_ms : 0;
}

struct idle_settings exchange_idle_settings(const struct exchange *x)
{
    struct idle_settings settings = exchange_timeouts(x);

    settings.request_ms = x->request_ms; /* or less, by its client */
    return settings;
}

struct idle_facts exchange_idle_facts(const struct exchange *x)
{
    uint64_t since_us = x->front.is_tunnel ? x->call.head_us : x->front.head_us;
    uint64_t age_us = loop_now_us(x->worker->core.loop) - since_us;

    return (struct idle_facts){.is_tunnel = x->front.is_tunnel,
                               .age_ms = age_us / 1000,
                               .is_grpc = x->is_grpc && x->backend != NULL,
                               .has_started = x->front.has_started,
                               .is_over = x->front.state == EXCHANGE_REST,
                               .is_event_stream = x->front.is_event_stream};
}

struct idle_limit exchange_idle_of_client(const struct exchange *x)
{
    struct idle_settings settings = exchange_idle_settings(x);
    struct idle_facts facts = exchange_idle_facts(x);

    return idle_limit_of_client(&settings, &facts);
}

/* Both sides may talk in turns, or one alone. */
static bool may_pause(const struct exchange *x)
{
    return x->front.is_tunnel || x->is_grpc ||
           (x->front.has_started && x->front.state != EXCHANGE_REST);
}

static bool is_past_total(const struct exchange *x)
{
    uint64_t total_ms = x->settings->timeouts.body_total_ms;

    return total_ms != 0 && !may_pause(x) &&
           loop_now_us(x->worker->core.loop) >= x->front.head_us + total_ms * 1000;
}

bool exchange_body_comes(const struct exchange *x, uint64_t moved, bool was_held)
{
    const struct settings *settings = x->settings;
    uint64_t rate = may_pause(x) || was_held ? 0 : settings->limits.body_rate;
    uint64_t own_ms = exchange_timeouts(x).body_ms;
    uint64_t window_ms = settings->timeouts.body_ms < own_ms ? settings->timeouts.body_ms : own_ms;

    return idle_is_fast_enough(moved, window_ms, rate) && !is_past_total(x);
}

struct idle_limit exchange_body_limit(const struct exchange *x, uint64_t moved)
{
    if (is_past_total(x)) {
        return (struct idle_limit){0, 408, "body_total_timeout",
                                   "the request's body took too long as a whole",
                                   "timeouts.body_total sets the limit"};
    }
    if (moved != 0) {
        return (struct idle_limit){0, 408, "body_too_slow", "the request's body came too slowly",
                                   "limits.body_rate sets the limit"};
    }
    return exchange_idle_of_client(x);
}
