/* How often each rule has decided, of all workers: by the rules' names, so that the counts go on
 * when a configuration is loaded anew. One table in the process, which never forgets a name, and
 * keeps so many; what has come later is counted together. From any thread. */
#ifndef TIDEGATE_ACCESS_RULE_COUNTS_H
#define TIDEGATE_ACCESS_RULE_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define RULE_COUNTS_MAX 20000

/* By its address it is the rule of that name; lives as long as the process. */
struct rule_count {
    const char *name;
    const char *word; /* "allow", "deny", ...: what the rule does */
    atomic_uint_fast64_t hits;
};

struct rule_count *rule_count_of(const char *name, const char *word) MUST_CHECK;

static inline void rule_count_add(struct rule_count *count)
{
    (void)atomic_fetch_add_explicit(&count->hits, 1, memory_order_relaxed);
}

/* Those that have decided anything, in the order in which their names came. */
void rule_counts_each(void (*each)(void *arg, const char *name, const char *word, uint64_t hits),
                      void *arg);

#endif
