#include "upstream/health.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* Checks of one whose state may be about to change are so many times as frequent, with no less than
 * that in between. */
#define FASTER 5
#define FAST_MS_MIN 100

const char *health_word(enum health_state state)
{
    static const char *const words[] = {"up", "down", "ejected", "trial"};

    return words[state];
}

static void set_u64(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

static uint64_t get_u64(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void set_unreachable(struct health *health, bool is_unreachable)
{
    atomic_store_explicit(&health->is_unreachable, is_unreachable, memory_order_relaxed);
}

/* why NULL: there is none any more. */
static void explain(struct health *health, const char *why)
{
    (void)snprintf(health->why, sizeof(health->why), "%s", why != NULL ? why : "");
}

/* The one place where the state changes. */
static bool enter(struct health *health, enum health_state state, const char *why, uint64_t now_us,
                  struct health_change *change)
{
    *change = (struct health_change){health_state_of(health), state, health->since_us};
    if (why != health->why) {
        explain(health, why);
    }
    health->since_us = now_us;
    set_u64(&health->trial_until_us, 0);
    atomic_store_explicit(&health->failures, 0, memory_order_relaxed);
    if (state == HEALTH_UP) {
        set_unreachable(health, false);
    }
    atomic_store_explicit(&health->state, (int)state, memory_order_relaxed);
    return true;
}

bool health_terms_are_same(const struct health_terms *a, const struct health_terms *b)
{
    return a->rise == b->rise && a->fall == b->fall && a->assumes_down == b->assumes_down &&
           a->failures == b->failures && a->eject_us == b->eject_us &&
           a->eject_max_us == b->eject_max_us;
}

void health_init(struct health *health, const struct health_terms *terms)
{
    memset(health, 0, sizeof(*health));
    if (terms->assumes_down && terms->rise != 0) {
        atomic_store_explicit(&health->state, HEALTH_DOWN, memory_order_relaxed);
        explain(health, "it has not been checked yet");
        health->good = terms->rise - 1; /* the first good one will do */
    }
}

/* ---- trials ---- */

/* EJECTED: from when on a request may try it. */
static uint64_t due_us(const struct health *health)
{
    return get_u64(&health->until_us) + (health_is_unreachable(health) ? HEALTH_PROBE_LATE_US : 0);
}

bool health_may_try(const struct health *health, uint64_t now_us)
{
    enum health_state state = health_state_of(health);
    bool is_due = state == HEALTH_TRIAL || (state == HEALTH_EJECTED && now_us >= due_us(health));

    return is_due && now_us >= get_u64(&health->trial_until_us);
}

uint64_t health_settled_until(const struct health *health, uint64_t now_us)
{
    switch (health_state_of(health)) {
    case HEALTH_UP:
    case HEALTH_DOWN:
        return UINT64_MAX;
    case HEALTH_EJECTED:
        return get_u64(&health->trial_until_us) != 0 ? now_us : due_us(health);
    case HEALTH_TRIAL:
        break;
    }
    return now_us;
}

bool health_claim_trial(struct health *health, uint64_t now_us)
{
    uint64_t until_us = get_u64(&health->trial_until_us);

    return now_us >= until_us && atomic_compare_exchange_strong(&health->trial_until_us, &until_us,
                                                                now_us + HEALTH_TRIAL_US);
}

void health_end_trial(struct health *health)
{
    set_u64(&health->trial_until_us, 0);
}

/* ---- out ---- */

/* Twice as long each time, as long as it has not been well for long in between. */
static uint64_t grow(struct health *health, uint64_t first_us, uint64_t max_us, uint64_t now_us)
{
    uint64_t time_us = first_us;

    if (health_state_of(health) == HEALTH_UP && now_us - health->since_us > max_us) {
        health->ejections = 0;
    }
    for (unsigned i = 0; i < health->ejections && time_us < max_us; i++) {
        time_us *= 2;
    }
    health->ejections++;
    return time_us < max_us ? time_us : max_us;
}

static bool put_out(struct health *health, const struct health_terms *terms, const char *why,
                    uint64_t now_us, struct health_change *change)
{
    uint64_t time_us = grow(health, terms->eject_us, terms->eject_max_us, now_us);

    set_u64(&health->until_us, now_us + time_us);
    set_unreachable(health, false);
    return enter(health, HEALTH_EJECTED, why, now_us, change);
}

static void probe_later(struct health *health, uint64_t now_us)
{
    set_u64(&health->until_us, now_us + grow(health, HEALTH_PROBE_US, HEALTH_PROBE_MAX_US, now_us));
    health_end_trial(health);
}

bool health_note_unreachable(struct health *health, const char *why, uint64_t now_us,
                             struct health_change *change)
{
    enum health_state state = health_state_of(health);

    if (state == HEALTH_DOWN) {
        return false; /* those who check it know more */
    }
    if (state == HEALTH_EJECTED && health_is_unreachable(health)) {
        if (get_u64(&health->trial_until_us) != 0) {
            probe_later(health, now_us);
        }
        return false;
    }
    probe_later(health, now_us);
    set_unreachable(health, true);
    return enter(health, HEALTH_EJECTED, why, now_us, change);
}

bool health_note_failure(struct health *health, const struct health_terms *terms, const char *why,
                         bool may_eject, uint64_t now_us, struct health_change *change)
{
    enum health_state state = health_state_of(health);
    uint32_t failures;

    if (terms->failures == 0 || state == HEALTH_DOWN || state == HEALTH_EJECTED) {
        health_end_trial(health);
        return false;
    }
    failures = atomic_fetch_add_explicit(&health->failures, 1, memory_order_relaxed) + 1;
    if (state == HEALTH_TRIAL || (failures >= terms->failures && may_eject)) {
        return put_out(health, terms, why, now_us, change);
    }
    return false;
}

bool health_eject(struct health *health, const struct health_terms *terms, const char *why,
                  uint64_t now_us, struct health_change *change)
{
    return health_state_of(health) == HEALTH_UP && put_out(health, terms, why, now_us, change);
}

/* ---- in again ---- */

bool health_note_reached(struct health *health, uint64_t now_us, struct health_change *change)
{
    return health_state_of(health) != HEALTH_UP && health_state_of(health) != HEALTH_DOWN &&
           health_is_unreachable(health) && enter(health, HEALTH_UP, NULL, now_us, change);
}

bool health_note_success(struct health *health, uint64_t now_us, struct health_change *change)
{
    bool was_on_trial = get_u64(&health->trial_until_us) != 0;

    atomic_store_explicit(&health->failures, 0, memory_order_relaxed);
    return (health_state_of(health) == HEALTH_TRIAL ||
            (health_state_of(health) == HEALTH_EJECTED && was_on_trial)) &&
           enter(health, HEALTH_UP, NULL, now_us, change);
}

/* ---- what the gateway asks itself ---- */

uint64_t health_check_pause_us(uint64_t interval_ms, bool is_changing, uint64_t random)
{
    if (is_changing && interval_ms > FAST_MS_MIN) {
        interval_ms = interval_ms / FASTER > FAST_MS_MIN ? interval_ms / FASTER : FAST_MS_MIN;
    }
    return interval_ms * (900 + random % 201);
}

static void keep_answer(struct health *health, const struct health_answer *answer, uint64_t now_us)
{
    health->checked_us = now_us;
    health->was_good = answer->is_good;
    (void)snprintf(health->answer, sizeof(health->answer), "%s",
                   answer->is_good || answer->why == NULL ? "" : answer->why);
}

static bool note_good(struct health *health, const struct health_terms *terms, uint64_t now_us,
                      struct health_change *change)
{
    health->bad = 0;
    if (health->good < terms->rise) {
        health->good++;
    }
    switch (health_state_of(health)) {
    case HEALTH_DOWN:
        return health->good >= terms->rise && enter(health, HEALTH_UP, NULL, now_us, change);
    case HEALTH_EJECTED:
        return health_is_unreachable(health) &&
               enter(health, HEALTH_TRIAL, health->why, now_us, change);
    case HEALTH_UP:
    case HEALTH_TRIAL:
        break;
    }
    return false;
}

bool health_note_check(struct health *health, const struct health_terms *terms,
                       const struct health_answer *answer, uint64_t now_us,
                       struct health_change *change)
{
    keep_answer(health, answer, now_us);
    if (answer->is_good) {
        return note_good(health, terms, now_us, change);
    }
    health->good = 0;
    if (health->bad < terms->fall) {
        health->bad++;
    }
    if (health_state_of(health) == HEALTH_DOWN) {
        set_unreachable(health, !answer->is_reachable);
        explain(health, answer->why);
        return false;
    }
    if (health->bad < terms->fall) {
        return false;
    }
    set_unreachable(health, !answer->is_reachable);
    return enter(health, HEALTH_DOWN, answer->why, now_us, change);
}

bool health_wants_probe(const struct health *health, uint64_t now_us)
{
    return health_state_of(health) == HEALTH_EJECTED && health_is_unreachable(health) &&
           now_us >= get_u64(&health->until_us);
}

bool health_note_probe(struct health *health, const struct health_answer *answer, uint64_t now_us,
                       struct health_change *change)
{
    keep_answer(health, answer, now_us);
    if (health_state_of(health) != HEALTH_EJECTED || !health_is_unreachable(health)) {
        return false; /* traffic was faster */
    }
    if (answer->is_good) {
        return enter(health, HEALTH_TRIAL, health->why, now_us, change);
    }
    probe_later(health, now_us);
    explain(health, answer->why);
    return false;
}
