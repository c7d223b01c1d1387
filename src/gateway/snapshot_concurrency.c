/* What a snapshot has of `concurrency`. */
#include "gateway/snapshot_internal.h"
#include "upstream/concurrency.h"

const struct concurrency_plan *snapshot_concurrency(struct snapshot *snapshot,
                                                    const struct concurrency_settings *settings)
{
    struct concurrency_plan *plan;
    unsigned start;

    if (settings == NULL) {
        return NULL;
    }
    start = settings->start < settings->min ? settings->min : settings->start;
    plan = arena_calloc(&snapshot->arena, sizeof(*plan));
    *plan = (struct concurrency_plan){
        .adapts = settings->adapt == CONCURRENCY_BY_LATENCY,
        .terms = {.min = settings->min,
                  .max = settings->max,
                  .start = start < settings->max ? start : settings->max,
                  .tolerance = settings->tolerance,
                  .probe_us = settings->probe_ms * 1000},
        .shares = {{[PRIORITY_HIGH] = 100,
                    [PRIORITY_NORMAL] = settings->normal_share,
                    [PRIORITY_LOW] = settings->low_share}},
    };
    return plan;
}
