/* Moves bytes from one connection to another without looking at them: tunnels, and bodies whose
 * length is known.
 *
 * Starts with the thread's receive buffer. Once a flow counts as bulk (so many bytes in so short a
 * time) and both sides are plain, it goes through a pipe with splice(2), which costs a third per
 * byte but more per call, and rests for LOOP_COALESCE_US whenever its source is empty, so that each
 * turn moves more. The pipe is borrowed from the thread's pool and given back as soon as it is
 * empty, so an idle relay holds nothing. Memory is bounded: nothing more is read while the receiver
 * has bytes pending. */
#ifndef TIDEGATE_IO_RELAY_H
#define TIDEGATE_IO_RELAY_H

#include "io/conn.h"

enum relay_result {
    RELAY_EMPTY,    /* all that was there has been moved; on_readable of `from` will tell */
    RELAY_BLOCKED,  /* the receiver takes no more; on_writable of `to` will tell */
    RELAY_COALESCE, /* bulk, and empty for now: call again from loop_coalesce; events meanwhile may
                   be ignored */
    RELAY_BUDGET,   /* the turn's share is used up: call again from a deferred call */
    RELAY_LIMIT,    /* `limit` bytes have been moved; the last may still be pending in `to` */
    RELAY_EOF,      /* the sender has ended, and all is handed on */
    RELAY_ERROR     /* either side broke */
};

/* Is shown the bytes as they pass. While there is one they are copied, and never spliced. */
struct relay_look {
    /* False: it has seen enough. */
    bool (*take)(void *arg, struct span bytes);
    void *arg;
};

struct relay {
    struct relay_look look;   /* take NULL: none */
    struct pooled_pipe *pipe; /* NULL: none borrowed */
    uint32_t in_pipe;
    bool is_bulk;
    uint32_t window_bytes; /* moved since window_us */
    uint64_t window_us;
    uint64_t coalesce_until_us;
};

static inline void relay_init(struct relay *relay)
{
    *relay = (struct relay){0};
}

/* Gives the pipe back, with whatever is in it. May be called twice. */
void relay_reset(struct relay *relay, struct loop *loop);
/* Moves up to `limit` bytes (UINT64_MAX: all); *moved says how many were taken from `from`. */
enum relay_result relay_run(struct relay *relay, struct conn *from, struct conn *to, uint64_t limit,
                            uint64_t *moved) MUST_CHECK;

#endif
