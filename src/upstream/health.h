/* The health of a server: whether requests should be put to it, by what checks and traffic have
 * shown. Pure: no I/O, no lock, and the time is told.
 *
 *            `fall` bad checks in a row
 *      UP --------------------------------> DOWN
 *      ^ ^ <------------------------------
 *      | |   `rise` good checks in a row     ^
 *      | |                                   | `fall` bad checks
 *      | `-- a request succeeds -- TRIAL     |
 *      |                           ^   |     |
 *      | reached        its time   |   | fails: for longer
 *      | all the same   is up      |   v
 *      `-------------------------- EJECTED --'
 *
 * and from UP to EJECTED when it could not be reached, or has failed too often. Its time being up,
 * one that could not be reached is asked by the gateway itself (health_note_probe), so that no
 * client waits for a server that drops packets; any other has one request at a time to show what
 * it does (health_claim_trial).
 *
 * The state, and what is beside it, is written under a lock of the owner's, and may be read by any
 * thread without it. */
#ifndef TIDEGATE_UPSTREAM_HEALTH_H
#define TIDEGATE_UPSTREAM_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one that could not be reached: until it is asked again, for the first time and later. */
#define HEALTH_PROBE_US (UINT64_C(1) * 1000000)
#define HEALTH_PROBE_MAX_US (UINT64_C(10) * 1000000)
/* When nobody has asked it for so long after that, a request has to. */
#define HEALTH_PROBE_LATE_US (UINT64_C(15) * 1000000)
/* One request is on trial for so long at most; then another may be, too. */
#define HEALTH_TRIAL_US (UINT64_C(30) * 1000000)
#define HEALTH_WHY_MAX 200

enum health_state {
    HEALTH_UP,
    HEALTH_DOWN,    /* checks say so */
    HEALTH_EJECTED, /* traffic says so */
    HEALTH_TRIAL    /* it gets one request at a time */
};

/* By which it is judged. All zero: nothing ejects it but that it cannot be reached. */
struct health_terms {
    unsigned rise;     /* good checks in a row that make it UP; 0: it is not checked */
    unsigned fall;     /* bad ones that make it DOWN */
    bool assumes_down; /* before the first check */
    unsigned failures; /* in a row, of traffic, that eject it; 0: they do not */
    uint64_t eject_us; /* the first time; twice as long each time after that */
    uint64_t eject_max_us;
};

struct health {
    _Atomic int state; /* enum health_state */
    /* It cannot be reached, traffic or checks say: not even when all others are out. */
    atomic_bool is_unreachable;
    _Atomic uint64_t until_us; /* EJECTED: not before */
    _Atomic uint64_t trial_until_us;
    _Atomic uint32_t failures; /* of traffic, in a row */
    /* Under the owner's lock. */
    unsigned good; /* checks, in a row */
    unsigned bad;
    unsigned ejections;        /* in a row: each is longer */
    _Atomic uint64_t since_us; /* in this state; 0: from the beginning */
    char why[HEALTH_WHY_MAX];
    uint64_t checked_us;         /* when the last check, or probe, ended; 0: there was none */
    bool was_good;               /* what that found */
    char answer[HEALTH_WHY_MAX]; /* and where it was not, why */
};

/* A change of state, for whoever tells of it. */
struct health_change {
    enum health_state from;
    enum health_state to;
    uint64_t was_since_us; /* in `from` */
};

/* From one check of a server to the next: by a tenth more or less than the interval, so that
 * servers are not all asked at once; sooner where its state may be about to change. */
uint64_t health_check_pause_us(uint64_t interval_ms, bool is_changing, uint64_t random);

/* What a check found. */
struct health_answer {
    bool is_good;
    bool is_reachable; /* a connection stood */
    const char *why;   /* a sentence's rest: "it answered with status 503" */
};

bool health_terms_are_same(const struct health_terms *a, const struct health_terms *b);
void health_init(struct health *health, const struct health_terms *terms);
const char *health_word(enum health_state state);

/* ---- from any thread, without the lock ---- */

static inline enum health_state health_state_of(const struct health *health)
{
    return (enum health_state)atomic_load_explicit(&health->state, memory_order_relaxed);
}
/* Whether it may be chosen while others are there: it is UP, or has no request on trial. */
bool health_may_try(const struct health *health, uint64_t now_us);
static inline bool health_is_choice(const struct health *health, uint64_t now_us)
{
    return health_state_of(health) == HEALTH_UP || health_may_try(health, now_us);
}
static inline bool health_is_unreachable(const struct health *health)
{
    return atomic_load_explicit(&health->is_unreachable, memory_order_relaxed);
}
/* Until when it stays as it is, a choice or none, as long as its state is the same: UINT64_MAX: for
 * ever; not after `now_us`: that may change at any moment. */
uint64_t health_settled_until(const struct health *health, uint64_t now_us);
/* A request that was put to one that is not UP is its trial: false, another one is. */
bool health_claim_trial(struct health *health, uint64_t now_us);
/* Whether anything would come of a success, or a connection: asked at each one. */
static inline bool health_is_news(const struct health *health)
{
    return health_state_of(health) != HEALTH_UP ||
           atomic_load_explicit(&health->failures, memory_order_relaxed) != 0;
}

/* ---- under the lock: true with the change, if the state has changed ---- */

bool health_note_check(struct health *health, const struct health_terms *terms,
                       const struct health_answer *answer, uint64_t now_us,
                       struct health_change *change);
/* Traffic: no connection came about. */
bool health_note_unreachable(struct health *health, const char *why, uint64_t now_us,
                             struct health_change *change);
/* A connection stands. */
bool health_note_reached(struct health *health, uint64_t now_us, struct health_change *change);
/* A request went well. */
bool health_note_success(struct health *health, uint64_t now_us, struct health_change *change);
/* A request failed by the server's fault. may_eject: enough of its group are left. */
bool health_note_failure(struct health *health, const struct health_terms *terms, const char *why,
                         bool may_eject, uint64_t now_us, struct health_change *change);
/* It fails more than the others of its group do. */
bool health_eject(struct health *health, const struct health_terms *terms, const char *why,
                  uint64_t now_us, struct health_change *change);
/* A request on trial ended in a way that says nothing. */
void health_end_trial(struct health *health);

/* Whether the gateway itself is to ask now whether the server can be reached. */
bool health_wants_probe(const struct health *health, uint64_t now_us);
bool health_note_probe(struct health *health, const struct health_answer *answer, uint64_t now_us,
                       struct health_change *change);

#endif
