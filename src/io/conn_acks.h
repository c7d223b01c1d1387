/* What the kernel knows of a TCP connection's other side: whether it acknowledges what is sent to
 * it. And what may be done about one that does not. */
#ifndef TIDEGATE_IO_CONN_ACKS_H
#define TIDEGATE_IO_CONN_ACKS_H

#include "io/conn.h"

struct conn_acks {
    uint32_t unacked;   /* segments that were sent */
    uint32_t unsent;    /* bytes that the kernel has still */
    uint32_t again;     /* times in a row that the oldest segment was sent again after a timeout */
    uint32_t probes;    /* of a window that is shut, in a row, without an answer */
    uint32_t silent_ms; /* since the last acknowledgement of any kind */
    uint32_t rtt_us;
    uint32_t rtt_var_us;
};

/* False: the socket is none of TCP. A system call. */
bool conn_acks(const struct conn *conn, struct conn_acks *acks) MUST_CHECK;

/* It counts as dead (conn->is_lost): its owner reads an end, from the loop. */
void conn_lose(struct conn *conn);

/* Asks the other side's kernel whether it is there: where that does not answer, the connection ends
 * in about three seconds. Nothing is asked while it acknowledges what is sent. */
void conn_probe(const struct conn *conn);

#endif
