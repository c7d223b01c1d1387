/* How many requests a backend has at once, of all workers, and how many it may have: fixed, or
 * found from how long they take (upstream/concurrency_pace.h). Lower priorities may fill a part of
 * it (upstream/shed.h).
 *
 * A request has a place from when a server is chosen for it until the head of its answer has come:
 * that is the time that is measured, and so what is counted. What follows a head (downloads, event
 * streams, WebSocket) has none.
 *
 * The process has one for each backend's name and terms, counted, as it has endpoints: what was
 * learnt survives a reload. From any thread. */
#ifndef TIDEGATE_UPSTREAM_CONCURRENCY_H
#define TIDEGATE_UPSTREAM_CONCURRENCY_H

#include "base/check.h"
#include "upstream/concurrency_pace.h"
#include "upstream/shed.h"

/* How long a request of a priority keeps lower ones from filling all of the limit. */
#define CONCURRENCY_SEEN_US (UINT64_C(60) * 1000 * 1000)

struct concurrency;

struct concurrency_plan {
    bool adapts; /* else it is terms.max */
    struct concurrency_terms terms;
    struct shed_shares shares;
};

struct concurrency_look {
    bool adapts;
    uint32_t limit;
    uint32_t in_use;
    uint64_t base_us; /* 0: not known, or it does not adapt */
};

struct concurrency *concurrency_take(const char *name,
                                     const struct concurrency_plan *plan) MUST_CHECK;
/* NULL is allowed. */
void concurrency_release(struct concurrency *concurrency);

/* A place for a request. False: there is none for its priority. */
bool concurrency_claim(struct concurrency *concurrency, enum priority priority,
                       uint64_t now_us) MUST_CHECK;
/* It has none any more, and nothing was learnt by it. */
void concurrency_give_back(struct concurrency *concurrency);
/* The same; its answer's head has come after so long; 0: it failed, for which the backend's load
 * may be the reason. Returns how many places there are now that were not there: at least this one.
 */
uint32_t concurrency_note(struct concurrency *concurrency, uint64_t us, uint64_t now_us) MUST_CHECK;

struct concurrency_look concurrency_look(struct concurrency *concurrency);

#endif
