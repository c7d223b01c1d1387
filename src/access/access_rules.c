#include "access/access_rules.h"

#include "auth/auth_identity.h"
#include "edge/path_reading.h"

/* ---- building ---- */

struct list_maker {
    struct access_rule *rules;
    size_t count;
    const struct condition_maker *maker;
    struct arena *arena;
};

static void add_rule(struct list_maker *m, const struct access_rule_settings *settings)
{
    const struct match_settings *match = settings->allow != NULL ? settings->allow : settings->deny;

    m->rules[m->count++] = (struct access_rule){
        .allows = settings->allow != NULL,
        .asks_identity = access_match_asks_identity(match),
        .condition = condition_make(match, true, m->maker, m->arena),
        .settings = settings,
        .count = rule_count_of(settings->name, settings->allow != NULL ? "allow" : "deny"),
    };
}

static size_t count_rules(const struct access_settings *settings)
{
    size_t count = 0;

    for (size_t i = 0; i < settings->count; i++) {
        const struct policy_settings *shared = settings->rules[i].shared;
        count += shared != NULL ? shared->rule_count : 1;
    }
    return count;
}

struct access_list access_list_build(const struct access_settings *settings, const char *name,
                                     struct access_sources *sources, struct arena *arena)
{
    struct condition_maker maker = access_condition_maker(sources);
    size_t count = count_rules(settings);
    struct list_maker m = {arena_calloc(arena, (count + 1) * sizeof(*m.rules)), 0, &maker, arena};
    const char *none = arena_printf(arena, "%s/access/none", name);

    for (size_t i = 0; i < settings->count; i++) {
        const struct policy_settings *shared = settings->rules[i].shared;
        for (size_t k = 0; shared != NULL && k < shared->rule_count; k++) {
            add_rule(&m, &shared->rules[k]);
        }
        if (shared == NULL) {
            add_rule(&m, &settings->rules[i]);
        }
    }
    return (struct access_list){m.rules, m.count, none, rule_count_of(none, "deny")};
}

/* ---- asking ---- */

static void decide(struct access_verdict *verdict, enum access_outcome outcome,
                   const struct access_rule *rule)
{
    *verdict = (struct access_verdict){outcome, rule->settings->name, rule->settings, rule->count};
}

static bool is_unknown(const struct match_facts *facts)
{
    return ((const struct access_facts *)facts->more)->identity == NULL;
}

/* True: the list lets it pass. */
static bool ask_list(const struct access_list *list, struct match_facts *facts,
                     struct access_verdict *verdict)
{
    bool was_for_known = false; /* a rule let some pass of whom it is known who they are */
    const struct condition *failed;

    for (size_t i = 0; i < list->count; i++) {
        const struct access_rule *rule = &list->rules[i];
        enum condition_result result = rule->condition != NULL
                                           ? condition_check(rule->condition, facts, &failed)
                                           : CONDITION_HOLDS;

        if (result == CONDITION_UNDECIDED) {
            decide(verdict, ACCESS_UNDECIDED, rule);
            return false;
        }
        if (result == CONDITION_HOLDS) {
            decide(verdict,
                   rule->allows                         ? ACCESS_ALLOWED
                   : was_for_known && is_unknown(facts) ? ACCESS_NEEDS_IDENTITY
                                                        : ACCESS_DENIED,
                   rule);
            return rule->allows;
        }
        was_for_known |= rule->allows && rule->asks_identity;
    }
    *verdict = (struct access_verdict){was_for_known && is_unknown(facts) ? ACCESS_NEEDS_IDENTITY
                                                                          : ACCESS_DENIED,
                                       list->name, NULL, list->none};
    return false;
}

static void ask_lists(const struct access_plan *plan, struct match_facts *facts,
                      struct access_verdict *verdict)
{
    *verdict = (struct access_verdict){.outcome = ACCESS_ALLOWED};
    for (size_t i = 0; i < plan->count; i++) {
        if (!ask_list(&plan->lists[i], facts, verdict)) {
            return;
        }
    }
}

void access_ask(const struct access_plan *plan, struct match_facts *facts, const struct path *path,
                enum edge_paths paths, struct access_verdict *verdict)
{
    struct path_readings readings;

    facts->path = path->match;
    if (!path->is_ambiguous || paths != EDGE_PATHS_EACH_READING) {
        ask_lists(plan, facts, verdict);
        return;
    }
    /* What cannot be read to its end was refused when its route was looked for. */
    *verdict = (struct access_verdict){.outcome = ACCESS_UNDECIDED};
    if (path_readings_begin(&readings, path) == PATH_OK) {
        while (path_readings_next(&readings, &facts->path)) {
            ask_lists(plan, facts, verdict);
            if (verdict->outcome != ACCESS_ALLOWED) {
                break;
            }
        }
    }
    path_readings_end(&readings);
    facts->path = path->match;
}

/* RFC 8737: connections by which an ACME server sees that the name is ours. */
static bool is_of_acme(const struct by_alpn_settings *entry)
{
    return entry->protocols.count == 1 && strcmp(entry->protocols.items[0], "acme-tls/1") == 0;
}

bool access_asks_connection(const struct site_settings *site, const struct edge_entrance *entrance)
{
    bool passes_all = site->passthrough != NULL || site->tcp != NULL;

    if (!site->access.is_given) {
        return false;
    }
    if (entrance->door == EDGE_DOOR_PASSES_BY_ALPN) {
        return passes_all && !is_of_acme(&site->by_alpn[entrance->alpn]);
    }
    return entrance->door == EDGE_DOOR_PASSES ||
           (entrance->door == EDGE_DOOR_TERMINATES && site->tcp != NULL);
}

void access_ask_connection(const struct access_plan *plan, struct match_facts *facts,
                           struct access_verdict *verdict)
{
    ask_lists(plan, facts, verdict);
}
