/* How long a client may take for what is sent to it, by the least rate (limits.send_rate): looked
 * at once in timeouts.send (the route's, where it has one), while output is pending. Embedded
 * beside the timer that it sets. */
#ifndef TIDEGATE_SERVER_SEND_DEADLINE_H
#define TIDEGATE_SERVER_SEND_DEADLINE_H

#include "io/conn.h"
#include "server/link.h"

struct send_deadline {
    uint64_t sent; /* conn.bytes_out when the timer was set */
};

void send_deadline_set(struct send_deadline *deadline, const struct conn *conn, struct timer *timer,
                       const struct link *link);
/* Once the timer has run out: whether the client took enough meanwhile. */
bool send_deadline_is_met(const struct send_deadline *deadline, const struct conn *conn,
                          const struct link *link);

#endif
