#include "client/turn.h"

static void leave(struct turn *turn, bool has_place)
{
    struct server_wait *wait = turn->wait;

    turn->wait = NULL;
    timer_destroy(turn->client->core->loop, &turn->timer);
    server_queue_leave(wait, has_place);
}

static bool pick(struct turn *turn)
{
    return lease_pick(turn->lease, turn->upstream, turn->tried,
                      loop_now_us(turn->client->core->loop));
}

static void set_timer(struct turn *turn)
{
    timer_set_ms(turn->client->core->loop, &turn->timer, TURN_LOOK_MS);
}

static void refuse(struct turn *turn, enum turn_refusal refusal)
{
    turn->refusal = refusal;
    leave(turn, false);
    turn->on_done(turn, TURN_REFUSED);
}

static void on_turn(void *owner, bool is_pushed_out)
{
    struct turn *turn = owner;
    bool has_server;

    if (is_pushed_out) {
        server_queue_count_shed(turn->upstream->backend->queue, turn->lease->priority);
        refuse(turn, TURN_PUSHED_OUT);
        return;
    }
    has_server = pick(turn);
    if (!has_server && turn->lease->is_refused_by_limit) {
        server_queue_stay(turn->wait);
        return;
    }
    leave(turn, has_server);
    turn->on_done(turn, has_server ? TURN_HAS_SERVER : TURN_NO_SERVER);
}

static void on_timer(struct timer *timer)
{
    struct turn *turn = CONTAINER_OF(timer, struct turn, timer);
    uint64_t waited_us = loop_now_us(turn->client->core->loop) - turn->began_us;

    if (waited_us >= turn->upstream->backend->queue_timeout_ms * 1000) {
        server_queue_count_shed(turn->upstream->backend->queue, turn->lease->priority);
        refuse(turn, TURN_LATE);
        return;
    }
    set_timer(turn);
    server_queue_nudge(turn->wait);
}

/* Most find a server at once: what waiting takes is set up for the others alone. */
enum turn_result turn_take(struct turn *turn, struct client *client, struct upstream *upstream,
                           struct lease *lease, struct lease_tried *tried, void *owner,
                           void (*on_done)(struct turn *, enum turn_result))
{
    struct server_queue *queue = upstream->backend->queue;
    uint64_t now_us = loop_now_us(client->core->loop);

    if (server_queue_before(queue, lease->priority) == 0) {
        if (lease_pick(lease, upstream, tried, now_us)) {
            return TURN_HAS_SERVER;
        }
        if (!lease->is_refused_by_limit) {
            return TURN_NO_SERVER;
        }
    }
    *turn = (struct turn){.client = client,
                          .upstream = upstream,
                          .lease = lease,
                          .tried = tried,
                          .began_us = now_us,
                          .owner = owner,
                          .on_done = on_done};
    turn->wait = server_queue_join(queue, lease->priority, client->core->loop, turn, on_turn);
    if (turn->wait == NULL) {
        server_queue_count_shed(queue, lease->priority);
        return TURN_REFUSED;
    }
    timer_init(&turn->timer, on_timer);
    set_timer(turn);
    return TURN_WAITS;
}

bool turn_cancel(struct turn *turn)
{
    if (turn->wait == NULL) {
        return false;
    }
    leave(turn, false);
    return true;
}

const struct trouble *turn_trouble(const struct turn *turn)
{
    static const struct trouble full = {
        "queue_full", "all servers of the backend are full, and so is the line in front of them",
        "add servers, or raise max_requests of the servers or size of queue of the backend"};
    static const struct trouble late = {
        "queue_timeout", "all servers of the backend were full for as long as a request may wait",
        "add servers, or raise max_requests of the servers or timeout of queue of the backend"};
    static const struct trouble out = {
        "shed", "the line in front of the backend is full, and one of a higher priority came",
        "add servers, or let it come later; priority of the route says who goes first"};
    static const struct trouble over = {
        "shed",
        "the backend has as many requests as it can take (concurrency), and the line in "
        "front of it is full",
        "add servers; priority of the route says who goes first"};
    static const struct trouble over_long = {
        "shed",
        "the backend had as many requests as it can take (concurrency) for as long as a "
        "request may wait",
        "add servers; priority of the route says who goes first"};
    bool has_limit = turn->upstream->backend->concurrency != NULL;

    switch (turn->refusal) {
    case TURN_PUSHED_OUT:
        return &out;
    case TURN_LATE:
        return has_limit ? &over_long : &late;
    case TURN_FULL:
        break;
    }
    return has_limit ? &over : &full;
}
