#include "edge/retry.h"

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
        return state->refusals < policy->refusals_max ? RETRY_ANYWHERE : RETRY_NO;
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
