/* What rules compare besides what routes do: who sends a request, sets of addresses in files,
 * countries, certificates, hours. Kinds of edge/condition.h, made by a condition_maker. */
#ifndef TIDEGATE_ACCESS_ACCESS_CONDITION_H
#define TIDEGATE_ACCESS_ACCESS_CONDITION_H

#include "access/access_files.h"
#include "edge/client_rule.h"
#include "edge/condition.h"

struct auth_identity;

/* What struct match_facts has as `more`. */
struct access_facts {
    const struct auth_identity *identity; /* NULL: nobody */
    /* By its certificate, asked only where a rule wants it; `asker` of the match_facts. NULL: there
     * is none. */
    const struct client_names *(*client)(void *asker);
    int64_t wall_s; /* seconds since 1970 */
};

/* For the maker's `arg`. */
struct access_sources {
    struct access_files *files;
    const char *countries; /* the file; NULL: none, and no rule asks it */
    struct error *error;   /* "" until a file could not be read */
    bool has_failed;
};

struct condition_maker access_condition_maker(struct access_sources *sources);

/* Whether it asks who sends the request, somewhere in it. */
bool access_match_asks_identity(const struct match_settings *match) MUST_CHECK;

#endif
