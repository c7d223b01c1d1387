/* Requests that wait for an answer, and whether their servers acknowledge them at all: one whose
 * packets are lost is not waited for as long as a slow one. Nothing is asked of the kernel for what
 * is answered within LOOK_MS, and nothing more once all of a request has been acknowledged: a
 * server that is slow, or whose process is stopped, is none of this.
 *
 * One timer for all; a watch is embedded in whoever waits. One thread only. */
#ifndef TIDEGATE_CLIENT_ACK_WATCH_H
#define TIDEGATE_CLIENT_ACK_WATCH_H

#include "base/list.h"
#include "io/conn_acks.h"

struct ack_watch;

struct ack_watch_ops {
    /* Whether nothing more will be sent for it. */
    bool (*is_sent)(const struct ack_watch *watch);
    /* Its connection is lost, which its owner hears of from the loop. It is not watched any more.
     */
    void (*lost)(struct ack_watch *watch);
};

struct ack_watches {
    struct loop *loop;
    struct list all; /* struct ack_watch: who was looked at longest ago first */
    struct timer timer;
    bool is_timed;
};

struct ack_watch {
    struct list node; /* in ack_watches */
    const struct ack_watch_ops *ops;
    struct conn *conn;
    uint64_t limit_us;
    uint64_t looked_us;
    uint64_t since_us; /* it was sent, nothing was under way, or an acknowledgement came */
};

void ack_watches_init(struct ack_watches *watches, struct loop *loop);
void ack_watches_free(struct ack_watches *watches);

static inline void ack_watch_init(struct ack_watch *watch, const struct ack_watch_ops *ops)
{
    list_init(&watch->node);
    watch->ops = ops;
}
/* From now on, as what is sent goes out now; conn is open until ack_watch_stop. */
void ack_watch_start(struct ack_watches *watches, struct ack_watch *watch, struct conn *conn,
                     uint64_t limit_ms);
static inline void ack_watch_stop(struct ack_watch *watch)
{
    list_remove(&watch->node);
}

enum ack_verdict {
    ACK_HEARD, /* all that was sent is acknowledged */
    ACK_WAITS,
    ACK_LOST /* for `limit_us`, and longer than one packet's loss takes, nothing was */
};
/* Moves *since_us on. */
enum ack_verdict ack_judge(uint64_t *since_us, const struct conn_acks *acks, uint64_t limit_us,
                           uint64_t now_us) MUST_CHECK;

#endif
