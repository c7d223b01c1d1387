#include "gateway/tunnel.h"

#include "edge/idle.h"
#include "gateway/generation.h"
#include "tls/tls_trouble.h"

static void end(struct tunnel *tunnel, const char *reason)
{
    if (!tunnel->is_over) {
        tunnel->is_over = true;
        tunnel->reason = reason;
        loop_defer(tunnel->worker->core.loop, &tunnel->again);
    }
}

static void check_over(struct tunnel *tunnel)
{
    if (tunnel->has_ended[0] && tunnel->has_ended[1] && conn_pending(tunnel->conns[0]) == 0 &&
        conn_pending(tunnel->conns[1]) == 0) {
        end(tunnel, NULL);
    }
}

/* One that is lost, by what its TLS says where it says anything. */
static const char *lost(const struct conn *conn, const char *word)
{
    struct tls_trouble trouble;

    return tls_trouble_of(conn, &trouble) ? trouble.trouble.reason : word;
}

/* Moves what there is from conns[side] to the other. */
static void pump(struct tunnel *tunnel, int side)
{
    struct conn *from = tunnel->conns[side];
    struct conn *to = tunnel->conns[!side];
    uint64_t moved;

    if (tunnel->is_over || tunnel->has_ended[side]) {
        check_over(tunnel);
        return;
    }
    enum relay_result result = relay_run(&tunnel->relays[side], from, to, UINT64_MAX, &moved);
    tunnel->moved[side] += moved;
    switch (result) {
    case RELAY_EMPTY:
    case RELAY_BLOCKED:
    case RELAY_LIMIT:
        break;
    case RELAY_COALESCE:
        loop_coalesce(tunnel->worker->core.loop, &tunnel->again);
        break;
    case RELAY_BUDGET:
        loop_defer(tunnel->worker->core.loop, &tunnel->again);
        break;
    case RELAY_EOF:
        tunnel->has_ended[side] = true;
        conn_finish(to);
        check_over(tunnel);
        break;
    case RELAY_ERROR:
        end(tunnel, conn_write_failed(to)
                        ? (side == 0 ? "server_reset" : "client_reset")
                        : lost(from, side == 0 ? "client_reset" : "server_reset"));
        break;
    }
}

static void on_again(struct deferred *deferred)
{
    struct tunnel *tunnel = CONTAINER_OF(deferred, struct tunnel, again);

    if (tunnel->is_over) {
        tunnel_stop(tunnel);
        tunnel->on_end(tunnel, tunnel->reason);
        return;
    }
    pump(tunnel, 0);
    pump(tunnel, 1);
}

static void on_readable(struct conn *conn)
{
    struct tunnel *tunnel = conn->owner;

    pump(tunnel, conn == tunnel->conns[1]);
}

static void on_writable(struct conn *conn)
{
    struct tunnel *tunnel = conn->owner;

    pump(tunnel, conn == tunnel->conns[0]);
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

static struct idle_limit limit_of(const struct tunnel *tunnel)
{
    const struct timeouts_settings *timeouts = &worker_settings(tunnel->worker)->timeouts;
    uint64_t age_us = loop_now_us(tunnel->worker->core.loop) - tunnel->started_us;

    return idle_limit_of_server(
        &(struct idle_settings){.tunnel_idle_ms = tunnel->idle_ms != 0 ? tunnel->idle_ms
                                                                       : timeouts->tunnel_idle_ms,
                                .tunnel_total_ms = timeouts->tunnel_total_ms},
        &(struct idle_facts){.is_tunnel = true, .age_ms = age_us / 1000});
}

/* Looks whether anything moved since it last looked: a byte a day keeps nobody from being closed,
 * and a busy tunnel never touches its timer. */
static void on_timer(struct timer *timer)
{
    struct tunnel *tunnel = CONTAINER_OF(timer, struct tunnel, timer);
    struct idle_limit limit = limit_of(tunnel);
    uint64_t moved = tunnel->conns[0]->bytes_in + tunnel->conns[0]->bytes_out;

    if (limit.ms == 0 || moved == tunnel->moved_at_check) {
        end(tunnel, limit.reason);
        return;
    }
    tunnel->moved_at_check = moved;
    timer_set_ms(tunnel->worker->core.loop, &tunnel->timer, limit.ms);
}

void tunnel_init(struct tunnel *tunnel, struct worker *worker,
                 void (*on_end)(struct tunnel *, const char *reason))
{
    *tunnel = (struct tunnel){.worker = worker, .on_end = on_end};
    timer_init(&tunnel->timer, on_timer);
    deferred_init(&tunnel->again, on_again);
}

void tunnel_start(struct tunnel *tunnel, struct conn *client, struct conn *server)
{
    tunnel->conns[0] = client;
    tunnel->conns[1] = server;
    tunnel->started_us = loop_now_us(tunnel->worker->core.loop);
    tunnel->moved_at_check = UINT64_MAX; /* the first look only takes note */
    for (int i = 0; i < 2; i++) {
        tunnel->conns[i]->handler = &handler;
        tunnel->conns[i]->owner = tunnel;
        relay_init(&tunnel->relays[i]);
        tunnel->relays[i].look = tunnel->looks[i];
    }
    conn_flush(client);
    conn_flush(server);
    on_timer(&tunnel->timer);
    pump(tunnel, 0);
    pump(tunnel, 1);
}

void tunnel_stop(struct tunnel *tunnel)
{
    struct loop *loop = tunnel->worker->core.loop;

    tunnel->is_over = true;
    timer_destroy(loop, &tunnel->timer);
    deferred_cancel(&tunnel->again);
    relay_reset(&tunnel->relays[0], loop);
    relay_reset(&tunnel->relays[1], loop);
}
