/* Certificates that come near their end while the gateway runs: a warning 30, 7 and 1 days before,
 * and when one has ended; of authorities that others are verified by, too. Revocation lists live
 * for days, and are told of one day before, and when the next one is overdue. On the control
 * thread. */
#ifndef TIDEGATE_GATEWAY_EXPIRY_WATCH_H
#define TIDEGATE_GATEWAY_EXPIRY_WATCH_H

#include <stdint.h>

struct snapshot;

/* How often they are looked at. */
#define EXPIRY_WATCH_MS 10000
/* The first mark: a start warns of what ends within as many days. */
#define EXPIRY_WARNING_DAYS 30

/* Which mark was passed between two looks (seconds since 1970; the first one not counted), in days
 * before the end; -1: none. Of several the one nearest to the end. Pure. */
int expiry_watch_mark(int64_t not_after, int64_t before, int64_t now);

struct expiry_watch {
    int64_t seen_until; /* the last look, seconds since 1970; 0: none yet */
};

/* Warns in the log of what has passed a mark since the last look; the first one only takes the
 * time, since the start warns by itself. */
void expiry_watch_look(struct expiry_watch *watch, const struct snapshot *snapshot, int64_t now);

#endif
