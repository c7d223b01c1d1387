#include "gateway/generation.h"

#include <stdlib.h>

#include "gateway/worker_base.h"

static void end(struct generation *generation)
{
    struct worker *worker = generation->worker;
    struct snapshot *snapshot = generation->snapshot;

    list_remove(&generation->node);
    deferred_cancel(&generation->ending);
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        upstreams_remove(&worker->client.upstreams, snapshot->backends[i]);
    }
    free(generation);
    worker_give_back(worker, snapshot);
}

static bool is_unused(const struct generation *generation)
{
    return !generation->is_present && generation->sessions == 0 && generation->exchanges == 0;
}

static void on_ending(struct deferred *deferred)
{
    struct generation *generation = CONTAINER_OF(deferred, struct generation, ending);

    if (is_unused(generation)) {
        end(generation);
    }
}

static void look_whether_used(struct generation *generation)
{
    if (is_unused(generation)) {
        loop_defer(generation->worker->core.loop, &generation->ending);
    }
}

void generation_begin(struct worker *worker, struct snapshot *snapshot)
{
    struct generation *old = worker->generation;
    struct generation *fresh = xcalloc(1, sizeof(*fresh));

    *fresh = (struct generation){.worker = worker, .snapshot = snapshot, .is_present = true};
    deferred_init(&fresh->ending, on_ending);
    list_push_back(&worker->generations, &fresh->node);
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        upstreams_add(&worker->client.upstreams, snapshot->backends[i]);
    }
    worker->generation = fresh;
    if (old != NULL) {
        old->is_present = false;
        look_whether_used(old);
    }
}

void generation_end_all(struct worker *worker)
{
    worker->generation = NULL;
    LIST_FOR_EACH(node, &worker->generations)
    {
        struct generation *generation = LIST_ENTRY(node, struct generation, node);
        CHECK(generation->sessions == 0 && generation->exchanges == 0);
        end(generation);
    }
}

void generation_release_session(struct generation *generation)
{
    CHECK(generation->sessions > 0);
    generation->sessions--;
    look_whether_used(generation);
}

void generation_release_exchange(struct generation *generation)
{
    CHECK(generation->exchanges > 0);
    generation->exchanges--;
    look_whether_used(generation);
}

const struct settings *worker_settings(const struct worker *worker)
{
    return worker->generation->snapshot->settings;
}
