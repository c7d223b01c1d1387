/* What is known of one name and one type of record, and when it is looked up next: the answers'
 * TTLs within bounds, the last good answer kept while others fail, and moments spread a little, so
 * that a thousand names do not ask at once.
 *
 * Pure: the time and random numbers are the caller's. Zero-initialised: nothing is known. */
#ifndef TIDEGATE_DISCOVERY_KEPT_ANSWER_H
#define TIDEGATE_DISCOVERY_KEPT_ANSWER_H

#include "dns/dns_answer.h"
#include "settings/settings.h"

/* After the first failure in a row the name is looked up again so soon, then twice as late each
 * time, up to the most. */
#define KEPT_AGAIN_US UINT64_C(1000000)
#define KEPT_AGAIN_MOST_US UINT64_C(30000000)
/* How soon a name may be looked up again because somebody doubts what is known. */
#define KEPT_DOUBT_US UINT64_C(1000000)

struct kept_answer {
    struct dns_record *records; /* of the last good answer; count of them */
    size_t count;
    bool has_answer;   /* there was one, good or not */
    bool is_good;      /* the last one was */
    bool is_cut;       /* the last good one had more records than are used */
    uint64_t good_us;  /* when the last good one came; 0: none is kept */
    uint64_t asked_us; /* when the last one came */
    uint64_t next_us;  /* when it is looked up again */
    uint64_t ttl_us;   /* of the last good one, within the bounds */
    unsigned failures; /* in a row */
    enum dns_how how;  /* the last one's */
    char problem[128]; /* of the last one; empty: none */
};

void kept_answer_free(struct kept_answer *kept);
/* Takes over what came. A name that does not exist, or has no such record, is a failure too. True:
 * the records are others than before. */
bool kept_answer_take(struct kept_answer *kept, const struct dns_answer *answer,
                      const struct resolve_settings *settings, uint64_t now_us, uint64_t random);
/* Lets go what has failed for too long. True: there was something. */
bool kept_answer_expire(struct kept_answer *kept, const struct resolve_settings *settings,
                        uint64_t now_us);
/* When to look it up because of a doubt: now or in a moment; never later than it would be anyway.
 */
uint64_t kept_answer_doubt_us(const struct kept_answer *kept, uint64_t now_us);

#endif
