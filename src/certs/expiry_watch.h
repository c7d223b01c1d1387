/* Certificates that come near their end while the gateway runs: a warning 30, 7 and 1 days before,
 * and when one has ended; of authorities that others are verified by, too. Revocation lists live
 * for days, and are told of one day before, and when the next one is overdue. On the control
 * thread. */
#ifndef TIDEGATE_CERTS_EXPIRY_WATCH_H
#define TIDEGATE_CERTS_EXPIRY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/owned_certificate.h"

/* How often they are looked at. */
#define EXPIRY_WATCH_MS 10000
/* The first mark: a start warns of what ends within as many days. */
#define EXPIRY_WARNING_DAYS 30

/* Which mark was passed between two looks (seconds since 1970; the first one not counted), in days
 * before the end; -1: none. Of several the one nearest to the end. Pure. */
int expiry_watch_mark(int64_t not_after, int64_t before, int64_t now);

struct expiry_watch {
    int64_t seen_until;  /* this look, seconds since 1970; 0: none yet */
    int64_t seen_before; /* the look before it */
    size_t told;         /* in this look */
};

/* Begins a look; false: there is nothing to look for. The first one only takes the time, since the
 * start warns by itself; a clock that was put back tells nothing twice. */
bool expiry_watch_begin(struct expiry_watch *watch, int64_t now);
/* For each certificate: warns in the log if it has passed a mark since the last look.
 * arg: the struct expiry_watch. */
void expiry_watch_see(void *arg, const struct owned_certificate *certificate);
/* Ends the look: says how many more there were than were told of. */
void expiry_watch_end(struct expiry_watch *watch);

#endif
