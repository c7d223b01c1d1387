#include "edge/retry.h"

bool retry_is_unseen(const struct retry_policy *policy, const struct retry_facts *facts)
{
    return facts->stage == RETRY_DECLINED && (!facts->wants_h1 || policy->may_use_h1);
}

static unsigned condition_of(const struct retry_facts *facts)
{
    switch (facts->stage) {
    case RETRY_SENT:
        return RETRY_ON_RESET;
    case RETRY_LATE:
        return RETRY_ON_TIMEOUT;
    case RETRY_STATUS:
        return facts->status == 502   ? RETRY_ON_502
               : facts->status == 503 ? RETRY_ON_503
               : facts->status == 504 ? RETRY_ON_504
                                      : 0;
    case RETRY_DECLINED:
        return RETRY_ON_REFUSED_STREAM;
    case RETRY_NOT_SENT:
    case RETRY_ANSWERING:
        break;
    }
    return 0;
}

/* A server may have acted on it. */
static bool may_do_twice(const struct retry_policy *policy, const struct retry_state *state,
                         const struct retry_facts *facts)
{
    /* One that was at rest may have ended of old age, which is nobody's fault. */
    bool is_stale = facts->stage == RETRY_SENT && facts->was_at_rest && state->losses == 0;
    bool is_wanted = (policy->on & condition_of(facts)) != 0 && state->has_budget &&
                     state->losses < policy->losses_max;

    return (state->is_idempotent || policy->is_harmless) && (is_stale || is_wanted);
}

enum retry_answer retry_decide(const struct retry_policy *policy, const struct retry_state *state,
                               const struct retry_facts *facts)
{
    if (state->has_started || !state->has_body_in_hand || policy->is_once) {
        return RETRY_NO;
    }
    switch (facts->stage) {
    case RETRY_NOT_SENT:
        if (state->refusals >= policy->refusals_max) {
            break;
        }
        return facts->was_at_rest ? RETRY_ON_NEW_CONNECTION : RETRY_ON_OTHER_SERVER;
    case RETRY_DECLINED:
        if (!retry_is_unseen(policy, facts) || state->refusals >= policy->refusals_max ||
            (policy->on & RETRY_ON_REFUSED_STREAM) == 0) {
            break;
        }
        return facts->wants_h1 ? RETRY_OVER_H1 : RETRY_ANYWHERE;
    case RETRY_SENT:
        if (!may_do_twice(policy, state, facts)) {
            break;
        }
        return facts->was_at_rest ? RETRY_ON_NEW_CONNECTION : RETRY_ON_OTHER_SERVER;
    case RETRY_STATUS:
    case RETRY_LATE:
        return may_do_twice(policy, state, facts) ? RETRY_ANYWHERE : RETRY_NO;
    case RETRY_ANSWERING:
        break;
    }
    return RETRY_NO;
}

bool retry_may_hedge(const struct hedge_facts *facts)
{
    return facts->only_reads && !facts->has_body && !facts->wants_upgrade && !facts->is_bound &&
           !facts->has_interim && facts->has_budget && facts->has_other_server &&
           facts->under_way < facts->max;
}
