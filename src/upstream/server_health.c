#include "upstream/server_health.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "upstream/server_changes.h"

/* Of all that is written of any server's health: taken where something may change, which is rare,
 * and at no request that goes well with a server that is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*tell)(const struct health_news *news);

void server_health_listen(void (*listener)(const struct health_news *news))
{
    (void)pthread_mutex_lock(&lock);
    tell = listener;
    (void)pthread_mutex_unlock(&lock);
}

static struct endpoint *endpoint_of(struct server_ref ref)
{
    return ref.set->servers[ref.server].endpoint;
}

static struct health *begin(struct server_ref ref)
{
    (void)pthread_mutex_lock(&lock);
    return &endpoint_of(ref)->health;
}

static void end(struct server_ref ref, bool has_changed, const struct health_change *change,
                uint64_t now_us)
{
    if (has_changed) {
        server_changes_note();
    }
    if (has_changed && tell != NULL) {
        tell(&(struct health_news){.backend = ref.backend->name,
                                   .server = ref.set->servers[ref.server].text,
                                   .change = *change,
                                   .why = endpoint_of(ref)->health.why,
                                   .is_unreachable =
                                       health_is_unreachable(&endpoint_of(ref)->health),
                                   .now_us = now_us});
    }
    (void)pthread_mutex_unlock(&lock);
}

/* ---- the group ---- */

static bool does_well(const struct health *health)
{
    return health_state_of(health) == HEALTH_UP &&
           atomic_load_explicit(&health->failures, memory_order_relaxed) == 0;
}

/* Whether the rest of the group can do without it, and does better. */
static bool may_eject(struct server_ref ref)
{
    const struct server_set *set = ref.set;
    size_t out = 1;
    bool is_other_well = false;

    for (size_t i = 0; i < set->count; i++) {
        const struct health *health = &set->servers[i].endpoint->health;
        if (i != ref.server) {
            out += health_state_of(health) != HEALTH_UP;
            is_other_well |= does_well(health);
        }
    }
    return is_other_well && out * 100 <= ref.backend->max_ejected * set->count;
}

/* ---- traffic ---- */

void server_note_unreachable(struct server_ref ref, const char *why, uint64_t now_us)
{
    struct health_change change;

    if (!ref.backend->is_of_checks) {
        struct health *health = begin(ref);
        end(ref, health_note_unreachable(health, why, now_us, &change), &change, now_us);
    }
}

void server_note_reached(struct server_ref ref, uint64_t now_us)
{
    struct health_change change;

    if (!ref.backend->is_of_checks && health_state_of(&endpoint_of(ref)->health) != HEALTH_UP) {
        struct health *health = begin(ref);
        end(ref, health_note_reached(health, now_us, &change), &change, now_us);
    }
}

void server_note_success(struct server_ref ref, uint64_t now_us)
{
    struct health_change change;

    if (health_is_news(&endpoint_of(ref)->health)) {
        struct health *health = begin(ref);
        end(ref, health_note_success(health, now_us, &change), &change, now_us);
    }
}

void server_note_failure(struct server_ref ref, unsigned status, uint64_t now_us)
{
    struct health *health = begin(ref);
    const struct health_terms *terms = &endpoint_of(ref)->key.health;
    bool is_trial = health_state_of(health) == HEALTH_TRIAL;
    unsigned failures = atomic_load_explicit(&health->failures, memory_order_relaxed) + 1;
    bool may = failures >= terms->failures && may_eject(ref);
    struct health_change change;
    char why[HEALTH_WHY_MAX];

    if (is_trial) {
        (void)snprintf(why, sizeof(why), "the request that tried it failed");
    } else {
        (void)snprintf(why, sizeof(why), "%u requests in a row failed", failures);
    }
    if (status != 0) {
        size_t len = strlen(why);
        (void)snprintf(why + len, sizeof(why) - len, "%s with status %u",
                       is_trial ? "" : ", the last", status);
    }
    end(ref, health_note_failure(health, terms, why, may, now_us, &change), &change, now_us);
}

void server_eject(struct server_ref ref, const char *why, uint64_t now_us)
{
    struct health *health = begin(ref);
    struct health_change change;

    end(ref,
        may_eject(ref) && health_eject(health, &endpoint_of(ref)->key.health, why, now_us, &change),
        &change, now_us);
}

/* ---- checks ---- */

void server_note_check(struct server_ref ref, const struct health_answer *answer, uint64_t now_us)
{
    struct health *health = begin(ref);
    struct health_change change;

    end(ref, health_note_check(health, &endpoint_of(ref)->key.health, answer, now_us, &change),
        &change, now_us);
}

void server_note_probe(struct server_ref ref, const struct health_answer *answer, uint64_t now_us)
{
    struct health *health = begin(ref);
    struct health_change change;

    end(ref, health_note_probe(health, answer, now_us, &change), &change, now_us);
}

void server_health_look(const struct endpoint *endpoint, struct server_health_view *view)
{
    const struct health *health = &endpoint->health;

    (void)pthread_mutex_lock(&lock);
    *view = (struct server_health_view){
        .state = health_state_of(health),
        .since_us = health->since_us,
        .good = health->good,
        .bad = health->bad,
        .checked_us = health->checked_us,
        .was_good = health->was_good,
    };
    memcpy(view->why, health->why, sizeof(view->why));
    memcpy(view->answer, health->answer, sizeof(view->answer));
    (void)pthread_mutex_unlock(&lock);
}
