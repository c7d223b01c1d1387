/* Cache-Control of requests and responses (RFC 9111 section 5.2). Pure.
 *
 * What cannot be read errs on the side of asking the server: a number that is none is 0, of two
 * the smaller one counts, and a field whose quotes do not end keeps nothing. */
#ifndef TIDEGATE_CACHE_CACHE_CONTROL_H
#define TIDEGATE_CACHE_CACHE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"

/* Seconds; a larger number is this one (RFC 9111 section 1.2.2). */
#define CACHE_SECONDS_MAX INT64_C(2147483647)
#define CACHE_ABSENT INT64_C(-1)

struct cache_control {
    int64_t max_age_s; /* CACHE_ABSENT where there is none, as with the others */
    int64_t s_maxage_s;
    int64_t stale_revalidate_s; /* RFC 5861 */
    int64_t stale_error_s;
    bool no_store;
    bool no_cache; /* with a list of fields, too: the whole response is taken to be meant */
    bool is_private;
    bool is_public;
    bool must_revalidate; /* or proxy-revalidate: this is a shared cache */
    bool must_understand;
    bool only_if_cached;
};

/* Of all lines of the field named `name`, as one list. */
void cache_control_read(const struct http_fields *fields, struct span name,
                        struct cache_control *control);
/* delta-seconds of Age and the like; CACHE_ABSENT: it is none. */
int64_t cache_seconds(struct span text);

#endif
