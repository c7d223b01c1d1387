/* Whether a request may pass: the rules of `access`, of a site and then of a route.
 *
 *   site's rules --allowed--> route's rules --allowed--> it passes
 *         `--the first that fits says deny, or none fits--> refused
 *
 * The one place where that is decided: live traffic, `tidegate route` and `tidegate test` ask here.
 * Plans are immutable and live as long as their arena; the files that they ask are followed. */
#ifndef TIDEGATE_ACCESS_ACCESS_RULES_H
#define TIDEGATE_ACCESS_ACCESS_RULES_H

#include "access/access_condition.h"
#include "access/rule_counts.h"
#include "edge/serve.h"

struct access_rule {
    bool allows;
    bool asks_identity;
    const struct condition *condition; /* NULL: it fits all */
    const struct access_rule_settings *settings;
    struct rule_count *count;
};

struct access_list {
    const struct access_rule *rules;
    size_t count;
    const char *name;        /* of what has it: where none of its rules fits */
    struct rule_count *none; /* how often that was */
};

/* Zero-initialised: whoever asks may pass. */
struct access_plan {
    struct access_list lists[2]; /* all of which have to let it pass */
    size_t count;
};

/* What is said of a site, or of a route. Zero-initialised where nothing is. `sources->has_failed`
 * is set where a file could not be read. */
struct access_list access_list_build(const struct access_settings *settings, const char *name,
                                     struct access_sources *sources,
                                     struct arena *arena) MUST_CHECK;

enum access_outcome {
    ACCESS_ALLOWED,
    ACCESS_DENIED,
    ACCESS_NEEDS_IDENTITY, /* it is not known who asks, and somebody who is might pass */
    ACCESS_UNDECIDED       /* a search was given up */
};

struct access_verdict {
    enum access_outcome outcome;
    const char *rule;                            /* its name; NULL: no rule was asked */
    const struct access_rule_settings *settings; /* NULL: none of them fits */
    struct rule_count *count;                    /* of the rule; the caller counts */
};

/* About a path in all its readings, as the site's `paths` say (edge/serve.h): what one of them is
 * refused, is refused. `facts->path` is set here; `facts->more` is a struct access_facts. */
void access_ask(const struct access_plan *plan, struct match_facts *facts, const struct path *path,
                enum edge_paths paths, struct access_verdict *verdict);
/* Whether a site's rules are asked of a connection that comes in by that door, as it is passed on:
 * but for ACME's, which come from anywhere, and are for the ACME client alone. */
bool access_asks_connection(const struct site_settings *site,
                            const struct edge_entrance *entrance) MUST_CHECK;
/* The same about a connection, of which no more than the address and the time is known. */
void access_ask_connection(const struct access_plan *plan, struct match_facts *facts,
                           struct access_verdict *verdict);

#endif
