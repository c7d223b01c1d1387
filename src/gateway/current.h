/* The snapshot that is in use, for threads that are neither the control thread nor workers: each
 * takes a reference for as long as it looks. */
#ifndef TIDEGATE_GATEWAY_CURRENT_H
#define TIDEGATE_GATEWAY_CURRENT_H

#include <pthread.h>

#include "base/check.h"

struct discovery;
struct snapshot;

struct current {
    pthread_mutex_t lock;
    struct discovery *discovery; /* for those who look; NULL: none. Set before they begin */
    struct snapshot *snapshot;   /* for those who may change it, without the lock */
};

/* Takes over a reference. */
void current_init(struct current *current, struct snapshot *snapshot);
/* The same; returns the one before, whose reference is the caller's. */
struct snapshot *current_change(struct current *current, struct snapshot *snapshot) MUST_CHECK;
/* A reference of the caller's own. */
struct snapshot *current_take(struct current *current) MUST_CHECK;
/* Gives the reference back. */
void current_free(struct current *current);

#endif
