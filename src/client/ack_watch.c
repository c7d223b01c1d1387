#include "client/ack_watch.h"

/* Until the first look, and between two. */
#define LOOK_MS 100
/* The kernel sends nothing again sooner than after this and a round trip. */
#define RESEND_MIN_US 200000

/* As long as it takes to learn that one packet was lost, and that a second one was, too. */
static uint64_t two_losses_us(const struct conn_acks *acks)
{
    uint64_t spread_us = 4 * (uint64_t)acks->rtt_var_us;

    return 2 * (acks->rtt_us + (spread_us > RESEND_MIN_US ? spread_us : RESEND_MIN_US));
}

enum ack_verdict ack_judge(uint64_t *since_us, const struct conn_acks *acks, uint64_t limit_us,
                           uint64_t now_us)
{
    uint64_t silent_us = (uint64_t)acks->silent_ms * 1000;
    uint64_t least_us = two_losses_us(acks);

    if (acks->unacked == 0 && acks->unsent == 0) {
        *since_us = now_us;
        return ACK_HEARD;
    }
    if (now_us - *since_us > silent_us) {
        *since_us = now_us - silent_us;
    }
    if (acks->again == 0 && acks->probes < 2) {
        return ACK_WAITS; /* what was sent may be on its way */
    }
    return now_us - *since_us >= (limit_us > least_us ? limit_us : least_us) ? ACK_LOST : ACK_WAITS;
}

/* ---- looking ---- */

static void look(struct ack_watches *watches, struct ack_watch *watch, uint64_t now_us)
{
    struct conn_acks acks;
    enum ack_verdict verdict;

    if (!conn_acks(watch->conn, &acks)) {
        return; /* none of TCP */
    }
    verdict = ack_judge(&watch->since_us, &acks, watch->limit_us, now_us);
    if (verdict == ACK_LOST) {
        conn_lose(watch->conn);
        watch->ops->lost(watch);
    } else if (verdict == ACK_WAITS || !watch->ops->is_sent(watch)) {
        watch->looked_us = now_us;
        list_push_back(&watches->all, &watch->node);
    }
}

static void set_timer(struct ack_watches *watches)
{
    watches->is_timed = !list_is_empty(&watches->all);
    if (watches->is_timed) {
        timer_set_ms(watches->loop, &watches->timer, LOOK_MS);
    }
}

/* Who has not been looked at for LOOK_MS; the others have their turn at the next one. */
static void on_timer(struct timer *timer)
{
    struct ack_watches *watches = CONTAINER_OF(timer, struct ack_watches, timer);
    uint64_t now_us = loop_now_us(watches->loop);

    while (!list_is_empty(&watches->all)) {
        struct ack_watch *watch = LIST_ENTRY(watches->all.next, struct ack_watch, node);
        if (watch->looked_us + LOOK_MS * 1000 > now_us) {
            break;
        }
        list_remove(&watch->node);
        look(watches, watch, now_us);
    }
    set_timer(watches);
}

void ack_watches_init(struct ack_watches *watches, struct loop *loop)
{
    watches->loop = loop;
    list_init(&watches->all);
    timer_init(&watches->timer, on_timer);
    watches->is_timed = false;
}

void ack_watches_free(struct ack_watches *watches)
{
    timer_destroy(watches->loop, &watches->timer);
}

void ack_watch_start(struct ack_watches *watches, struct ack_watch *watch, struct conn *conn,
                     uint64_t limit_ms)
{
    watch->conn = conn;
    watch->limit_us = limit_ms * 1000;
    watch->looked_us = watch->since_us = loop_now_us(watches->loop);
    list_push_back(&watches->all, &watch->node);
    if (!watches->is_timed) {
        set_timer(watches);
    }
}
