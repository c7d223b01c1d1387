#include "gateway/first_choice.h"

#include "discovery/server_plan.h"
#include "discovery/server_terms.h"
#include "upstream/balance.h"

static bool is_determined(const struct backend_settings *settings, struct span key)
{
    switch (settings->balance.strategy) {
    case BALANCE_FIRST:
        return true;
    case BALANCE_SOURCE:
    case BALANCE_HASH:
        return key.ptr != NULL;
    case BALANCE_ROUND_ROBIN:
    case BALANCE_LEAST_REQUESTS:
    case BALANCE_RANDOM_OF_TWO:
    case BALANCE_EWMA:
    case BALANCE_STICKY:
        break;
    }
    return false;
}

/* Those of the lowest rank. */
static void choose(const struct server_set *set, struct balance_set *choices)
{
    unsigned rank = SERVER_RANKS;

    for (size_t i = 0; i < set->count; i++) {
        rank = set->servers[i].rank < rank ? set->servers[i].rank : rank;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->servers[i].rank == rank) {
            balance_set_add(choices, i);
        }
    }
}

static size_t pick(const struct backend_settings *settings, const struct server_set *set,
                   struct span key, struct arena *arena)
{
    static const struct endpoint_share idle;
    static const struct balance_set none;
    const struct backend backend = {
        .bounded_load = settings->balance.hash != NULL ? settings->balance.hash->bounded_load : 0};
    const struct balance_type *type = balance_type_of(settings->balance.strategy);
    struct balance_member *members = arena_calloc(arena, set->count * sizeof(*members));
    struct balance_set choices = {0};
    const struct balance_ask ask = {
        .key = balance_key_of(key), .tried = &none, .choices = &choices};
    struct balance *balance;
    size_t member;

    for (size_t i = 0; i < set->count; i++) {
        members[i] = (struct balance_member){
            .name = set->servers[i].text, .weight = set->servers[i].weight, .share = &idle};
    }
    choose(set, &choices);
    balance = type->create(&backend, members, set->count);
    member = type->pick(balance, &ask);
    type->destroy(balance);
    return member;
}

const char *first_choice(const struct backend_settings *settings, struct span key,
                         struct arena *arena)
{
    const struct server_settings *wrong;
    struct server_terms terms;
    struct server_set *set;
    const char *text = NULL;

    if (!is_determined(settings, key) || server_plan_is_needed(settings)) {
        return NULL;
    }
    terms = server_terms_of(settings, arena);
    set = server_plan_first_set(settings, &terms, &wrong);
    if (wrong == NULL && set->count != 0) {
        text =
            arena_cstr(arena, span_from_cstr(set->servers[pick(settings, set, key, arena)].text));
    }
    server_set_release(set);
    return text;
}
