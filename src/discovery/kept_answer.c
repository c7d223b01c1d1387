#include "discovery/kept_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void kept_answer_free(struct kept_answer *kept)
{
    free(kept->records);
    kept->records = NULL;
    kept->count = 0;
}

/* Up to a tenth later. */
static uint64_t spread(uint64_t wait_us, uint64_t random)
{
    return wait_us + random % (wait_us / 10 + 1);
}

static uint64_t ttl_of(const struct dns_answer *answer, const struct resolve_settings *settings)
{
    uint64_t ttl_us = (uint64_t)answer->ttl_s * 1000000;
    uint64_t least_us = settings->ttl_min_ms * 1000;
    uint64_t most_us = settings->ttl_max_ms * 1000;

    if (settings->every_ms != 0) {
        return settings->every_ms * 1000;
    }
    most_us = most_us < least_us ? least_us : most_us;
    return ttl_us < least_us ? least_us : ttl_us > most_us ? most_us : ttl_us;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct dns_record));
}

/* In one order, so that servers that turn theirs around are no change. */
static bool replace(struct kept_answer *kept, const struct dns_answer *answer)
{
    size_t count = answer->count;
    struct dns_record *fresh = xcalloc(count + 1, sizeof(*fresh));

    memcpy(fresh, answer->records, count * sizeof(*fresh));
    qsort(fresh, count, sizeof(*fresh), compare);
    bool is_same = count == kept->count &&
                   (count == 0 || memcmp(fresh, kept->records, count * sizeof(*fresh)) == 0);
    free(kept->records);
    kept->records = fresh;
    kept->count = count;
    return !is_same;
}

static void fail(struct kept_answer *kept, const struct resolve_settings *settings, uint64_t now_us,
                 uint64_t random)
{
    unsigned doublings = kept->failures < 5 ? kept->failures : 5;
    uint64_t wait_us = KEPT_AGAIN_US << doublings;
    uint64_t until_us = kept->good_us + settings->keep_ms * 1000;

    wait_us = wait_us < KEPT_AGAIN_MOST_US ? wait_us : KEPT_AGAIN_MOST_US;
    kept->failures++;
    kept->next_us = now_us + spread(wait_us, random);
    if (kept->count != 0 && until_us > now_us && until_us < kept->next_us) {
        kept->next_us = until_us; /* it is let go then, not later */
    }
}

bool kept_answer_take(struct kept_answer *kept, const struct dns_answer *answer,
                      const struct resolve_settings *settings, uint64_t now_us, uint64_t random)
{
    kept->has_answer = true;
    kept->is_good = answer->how == DNS_OK;
    kept->how = answer->how;
    kept->asked_us = now_us;
    (void)snprintf(kept->problem, sizeof(kept->problem), "%s",
                   answer->problem != NULL ? answer->problem : "");
    if (!kept->is_good) {
        fail(kept, settings, now_us, random);
        return kept_answer_expire(kept, settings, now_us);
    }
    kept->failures = 0;
    kept->good_us = now_us;
    kept->is_cut = answer->is_cut;
    kept->ttl_us = ttl_of(answer, settings);
    kept->next_us = now_us + spread(kept->ttl_us, random);
    return replace(kept, answer);
}

bool kept_answer_expire(struct kept_answer *kept, const struct resolve_settings *settings,
                        uint64_t now_us)
{
    if (kept->is_good || kept->count == 0 || now_us < kept->good_us + settings->keep_ms * 1000) {
        return false;
    }
    kept_answer_free(kept);
    return true;
}

uint64_t kept_answer_doubt_us(const struct kept_answer *kept, uint64_t now_us)
{
    uint64_t soon_us = kept->asked_us + KEPT_DOUBT_US;

    soon_us = soon_us < now_us ? now_us : soon_us;
    return soon_us < kept->next_us ? soon_us : kept->next_us;
}
