#include "edge/retry.h"

bool retry_is_unseen(const struct retry_policy *policy, const struct retry_facts *facts)
{
    return facts->stage == RETRY_DECLINED && (!facts->wants_h1 || policy->may_use_h1);
}

enum retry_answer retry_decide(const struct retry_policy *policy, const struct retry_state *state,
                               const struct retry_facts *facts)
{
    if (state->has_started || !state->has_body_in_hand) {
        return RETRY_NO;
    }
    switch (facts->stage) {
    case RETRY_NOT_SENT:
        if (state->refusals >= policy->refusals_max) {
            break;
        }
        return facts->was_pooled ? RETRY_ON_NEW_CONNECTION : RETRY_ON_OTHER_SERVER;
    case RETRY_DECLINED:
        if (!retry_is_unseen(policy, facts) || state->refusals >= policy->refusals_max) {
            break;
        }
        return facts->wants_h1 ? RETRY_OVER_H1 : RETRY_ANYWHERE;
    case RETRY_SENT:
        if (!state->is_idempotent || state->losses >= policy->losses_max) {
            break;
        }
        return facts->was_pooled ? RETRY_ON_NEW_CONNECTION : RETRY_ON_OTHER_SERVER;
    case RETRY_ANSWERING:
        break;
    }
    return RETRY_NO;
}
