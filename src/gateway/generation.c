#include "gateway/generation.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gateway/worker_base.h"

/* Of a generation's backends, in one turn of the loop: about a millisecond, where each has a server
 * of its own and nothing of it is in the processor's caches. */
#define BACKENDS_A_TURN 64

static struct upstreams *upstreams_of(const struct generation *generation)
{
    return &generation->worker->client.upstreams;
}

static void leave_backends(struct generation *generation, size_t count)
{
    for (; count > 0 && generation->taken > 0; count--) {
        upstreams_remove(upstreams_of(generation),
                         generation->snapshot->backends[--generation->taken]);
    }
}

/* Has left all backends. */
static void end(struct generation *generation)
{
    struct worker *worker = generation->worker;
    struct snapshot *snapshot = generation->snapshot;

    list_remove(&generation->node);
    deferred_cancel(&generation->taking);
    deferred_cancel(&generation->ending);
    log_lines_flush(&generation->lines);
    log_lines_free(&generation->lines);
    free(generation);
    worker_give_back(worker, snapshot);
}

static bool is_unused(const struct generation *generation)
{
    return !generation->is_present && !generation->is_followed && generation->sessions == 0 &&
           generation->exchanges == 0;
}

static void on_ending(struct deferred *deferred)
{
    struct generation *generation = CONTAINER_OF(deferred, struct generation, ending);
    struct worker *worker = generation->worker;
    uint64_t since_us = clock_thread_used_us();

    if (!is_unused(generation)) {
        return;
    }
    leave_backends(generation, BACKENDS_A_TURN);
    worker_note_follow(worker, since_us);
    if (generation->taken == 0) {
        end(generation);
    } else {
        loop_defer(worker->core.loop, &generation->ending);
    }
}

static void look_whether_used(struct generation *generation)
{
    if (is_unused(generation)) {
        loop_defer(generation->worker->core.loop, &generation->ending);
    }
}

static void take_backend(struct generation *generation, size_t i)
{
    const struct snapshot *snapshot = generation->snapshot;
    const struct generation *before = generation->before;
    size_t was = before != NULL ? snapshot->backend_was[i] : SNAPSHOT_NEW;

    if (was == SNAPSHOT_NEW) {
        upstreams_add(upstreams_of(generation), snapshot->backends[i]);
    } else {
        upstreams_add_after(upstreams_of(generation), snapshot->backends[i],
                            before->snapshot->backends[was]);
    }
}

/* False: there are more. */
static bool take_backends(struct generation *generation, size_t count)
{
    for (; count > 0 && generation->taken < generation->snapshot->backend_count; count--) {
        take_backend(generation, generation->taken);
        generation->taken++;
    }
    return generation->taken == generation->snapshot->backend_count;
}

static void on_taking(struct deferred *deferred)
{
    struct generation *generation = CONTAINER_OF(deferred, struct generation, taking);
    struct generation *before = generation->before;
    uint64_t since_us = clock_thread_used_us();
    bool is_whole = take_backends(generation, BACKENDS_A_TURN);

    worker_note_follow(generation->worker, since_us);
    if (!is_whole) {
        loop_defer(generation->worker->core.loop, &generation->taking);
        return;
    }
    generation->before = NULL;
    before->is_followed = false;
    look_whether_used(before);
    worker_tell(generation->worker, WORKER_FOLLOWS, NULL);
}

void generation_begin(struct worker *worker, struct snapshot *snapshot)
{
    struct generation *old = worker->generation;
    struct generation *fresh = xcalloc(1, sizeof(*fresh));

    *fresh = (struct generation){
        .worker = worker, .snapshot = snapshot, .is_present = true, .before = old};
    deferred_init(&fresh->taking, on_taking);
    deferred_init(&fresh->ending, on_ending);
    list_push_back(&worker->generations, &fresh->node);
    worker->generation = fresh;
    if (old == NULL) {
        CHECK(take_backends(fresh, SIZE_MAX));
        return;
    }
    /* Whoever is told that the worker follows is the only one who sends a newer one. */
    CHECK(old->before == NULL && snapshot->backend_was != NULL);
    old->is_present = false;
    old->is_followed = true;
    loop_defer(worker->core.loop, &fresh->taking);
}

void generation_end_all(struct worker *worker)
{
    worker->generation = NULL;
    LIST_FOR_EACH(node, &worker->generations)
    {
        struct generation *generation = LIST_ENTRY(node, struct generation, node);
        CHECK(generation->sessions == 0 && generation->exchanges == 0);
        leave_backends(generation, SIZE_MAX);
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
