#include "gateway/current.h"

#include "gateway/snapshot.h"

void current_init(struct current *current, struct snapshot *snapshot)
{
    CHECK(pthread_mutex_init(&current->lock, NULL) == 0);
    current->snapshot = snapshot;
}

struct snapshot *current_change(struct current *current, struct snapshot *snapshot)
{
    struct snapshot *before;

    (void)pthread_mutex_lock(&current->lock);
    before = current->snapshot;
    current->snapshot = snapshot;
    (void)pthread_mutex_unlock(&current->lock);
    return before;
}

struct snapshot *current_take(struct current *current)
{
    struct snapshot *snapshot;

    (void)pthread_mutex_lock(&current->lock);
    snapshot = snapshot_hold(current->snapshot);
    (void)pthread_mutex_unlock(&current->lock);
    return snapshot;
}

void current_free(struct current *current)
{
    snapshot_release(current->snapshot);
    (void)pthread_mutex_destroy(&current->lock);
}
