/* Balancing: which of a backend's servers gets the next connection or request.
 *
 * A policy is two functions and some state of its own, one per worker and backend (workers share
 * nothing): pick chooses among the servers that may be chosen, done hears how a lease ended. Each
 * policy is one short file. */
#ifndef TIDEGATE_UPSTREAM_BALANCE_H
#define TIDEGATE_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* What a policy sees of a server. */
struct balance_server {
    unsigned weight;    /* 1 to 1000 */
    unsigned leases;    /* requests and tunnels on it now, of this worker */
    int credit;         /* the policy's own; 0 at first */
    bool may_be_chosen; /* set by the caller: not tried yet, not known to be down */
};

#define BALANCE_NONE SIZE_MAX

struct balance_policy {
    const char *name;
    /* An index whose may_be_chosen is set, or BALANCE_NONE if there is none. */
    size_t (*pick)(struct balance_server *servers, size_t count);
    /* A lease on servers[index] ended; NULL: the policy does not care. */
    void (*done)(struct balance_server *servers, size_t count, size_t index, bool succeeded);
};

/* Smooth weighted round robin: over any run of sum(weight) picks each server is chosen weight
 * times, spread evenly. */
extern const struct balance_policy balance_round_robin;

#endif
