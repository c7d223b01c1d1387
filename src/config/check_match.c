/* What is wrong in what a route asks of requests: conditions that say nothing, or too much. */
#include "config/check_internal.h"

/* How deep `not`, `any` and `all` go into each other, and how many conditions a route has, each of
 * which may be asked of each request. */
#define DEPTH_MAX 4
#define CONDITIONS_MAX 100

struct walk {
    const struct checker *checker;
    size_t conditions;
    bool is_too_deep;
};

static size_t count_of_rule(const struct access_match_settings *access)
{
    return (size_t)(access->who != NULL) + (access->users.count != 0) +
           (access->groups.count != 0) + (access->scopes.count != 0) + access->claim_count +
           (access->countries.count != 0) + (access->address_file != NULL) +
           (access->hours != NULL);
}

/* That a part says by itself. */
static size_t count_own(const struct match_settings *match)
{
    return (size_t)(match->path != NULL) + (match->regex != NULL) + (match->methods.count != 0) +
           (match->client_address.count != 0) + (match->scheme != NULL) + match->header_count +
           match->query_count + match->cookie_count + count_of_rule(&match->access);
}

static void look(struct walk *walk, const struct match_settings *match, unsigned depth);

static void look_at_parts(struct walk *walk, const struct match_settings *parts, size_t count,
                          unsigned depth)
{
    for (size_t i = 0; i < count; i++) {
        look(walk, &parts[i], depth);
    }
}

static void look(struct walk *walk, const struct match_settings *match, unsigned depth)
{
    size_t own = count_own(match) + (match->client != NULL);

    if (depth > DEPTH_MAX) {
        if (!walk->is_too_deep) {
            config_report_add(walk->checker->report, CONFIG_ERROR, match->place,
                              "'not', 'any' and 'all' go more than %d deep into each other",
                              DEPTH_MAX);
            config_report_hint(walk->checker->report, "make several routes of it, or one 'regex'");
        }
        walk->is_too_deep = true;
        return;
    }
    if (own == 0 && match->negated == NULL && match->any_count + match->all_count == 0 &&
        !config_report_has_errors(walk->checker->report)) {
        config_report_add(walk->checker->report, CONFIG_ERROR, match->place,
                          "this part of 'match' says nothing");
        config_report_hint(walk->checker->report, "for example { path: /public/* }");
    }
    walk->conditions += own;
    look_at_parts(walk, match->negated, match->negated != NULL ? 1 : 0, depth + 1);
    look_at_parts(walk, match->any, match->any_count, depth + 1);
    look_at_parts(walk, match->all, match->all_count, depth + 1);
}

void check_match(const struct checker *checker, const struct match_settings *match)
{
    struct walk walk = {checker, 0, false};

    look(&walk, match, 0);
    if (walk.conditions > CONDITIONS_MAX) {
        config_report_add(checker->report, CONFIG_ERROR, match->place,
                          "%zu conditions in one 'match', of at most %d", walk.conditions,
                          CONDITIONS_MAX);
        config_report_hint(checker->report, "make several routes of it, or one 'regex'");
    }
}
