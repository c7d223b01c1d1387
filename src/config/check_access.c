/* What is wrong in what is said of which requests may pass: rules that say nothing or too much, and
 * those that can never decide anything. */
#include <string.h>

#include "config/check_internal.h"
#include "config/places.h"
#include "edge/condition.h"

/* The rules of a site or a route, with those of policies in their places. */
struct rule_list {
    const struct access_rule_settings **items;
    size_t count;
};

static const struct match_settings *match_of(const struct access_rule_settings *rule)
{
    return rule->allow != NULL ? rule->allow : rule->deny;
}

/* ---- one rule ---- */

static bool says_nothing(const struct match_settings *match)
{
    const struct access_match_settings *access = &match->access;

    return match->path == NULL && match->regex == NULL && match->methods.count == 0 &&
           match->header_count + match->query_count + match->cookie_count == 0 &&
           match->client_address.count == 0 && match->scheme == NULL && match->negated == NULL &&
           match->any_count + match->all_count == 0 && match->client == NULL &&
           access->who == NULL && access->users.count == 0 && access->groups.count == 0 &&
           access->scopes.count == 0 && access->claim_count == 0 && access->countries.count == 0 &&
           access->address_file == NULL && access->hours == NULL;
}

static bool any_asks_country(const struct match_settings *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].access.countries.count != 0 ||
            any_asks_country(parts[i].negated, parts[i].negated != NULL ? 1 : 0) ||
            any_asks_country(parts[i].any, parts[i].any_count) ||
            any_asks_country(parts[i].all, parts[i].all_count)) {
            return true;
        }
    }
    return false;
}

void check_condition(const struct checker *checker, const struct match_settings *match,
                     const char *word)
{
    if (says_nothing(match)) {
        if (!config_report_has_errors(checker->report)) {
            config_report_add(checker->report, CONFIG_ERROR, match->place, "'%s' says nothing",
                              word);
            config_report_hint(checker->report, "whoever asks, whatever for, is '%s: all'", word);
        }
        return;
    }
    check_match(checker, match);
    if (any_asks_country(match, 1) && checker->settings->countries == NULL) {
        config_report_add(checker->report, CONFIG_ERROR, match->place,
                          "'country' is asked, and there is no file that knows countries");
        config_report_hint(checker->report, "name one beside 'sites': countries: "
                                            "/var/lib/GeoIP/GeoLite2-Country.mmdb");
    }
}

static void check_rule(const struct checker *checker, const struct access_rule_settings *rule)
{
    int said = (rule->allow != NULL) + (rule->deny != NULL) + (rule->policy != NULL);

    if (said != 1) {
        config_report_add(checker->report, CONFIG_ERROR, rule->place,
                          said == 0 ? "a rule says neither 'allow' nor 'deny'"
                                    : "a rule says more than one of 'allow', 'deny' and 'policy'");
        config_report_hint(checker->report, "one rule, one of them: [ { deny: { country: XX } }, { "
                                            "allow: all } ]");
        return;
    }
    if (rule->policy != NULL && rule->shared == NULL) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &rule->policy, rule->place),
                          "there is no policy '%s'", rule->policy);
        if (strcmp(rule->policy, "allow") == 0 || strcmp(rule->policy, "deny") == 0) {
            config_report_hint(checker->report, "for everybody: { %s: all }", rule->policy);
        } else {
            config_report_hint(checker->report, "name it in 'policies', beside 'sites'");
        }
    }
    if (rule->policy == NULL) {
        check_condition(checker, match_of(rule), rule->allow != NULL ? "allow" : "deny");
    }
}

void check_policies(const struct checker *checker)
{
    const struct settings *settings = checker->settings;

    for (size_t i = 0; i < settings->policy_count; i++) {
        const struct policy_settings *policy = &settings->policies[i];
        for (size_t k = 0; k < policy->rule_count; k++) {
            check_rule(checker, &policy->rules[k]);
        }
        for (size_t k = 0; policy->name != NULL && k < i; k++) {
            if (settings->policies[k].name != NULL &&
                strcmp(settings->policies[k].name, policy->name) == 0) {
                config_report_add(checker->report, CONFIG_ERROR, policy->place,
                                  "there are two policies '%s'", policy->name);
                config_report_hint(checker->report, "give one of them another name");
                break;
            }
        }
    }
}

/* ---- rules that never decide ---- */

static bool list_has(const struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether what fits `narrow` fits `wide`; an empty list fits all. */
static bool list_covers(const struct string_list *wide, const struct string_list *narrow)
{
    for (size_t i = 0; wide->count != 0 && i < narrow->count; i++) {
        if (!list_has(wide, narrow->items[i])) {
            return false;
        }
    }
    return wide->count == 0 || narrow->count != 0;
}

static bool network_covers(const struct network *wide, const struct network *narrow)
{
    if (wide->is_unix || narrow->is_unix) {
        return wide->is_unix && narrow->is_unix;
    }
    for (unsigned bit = 0; bit < wide->prefix_bits; bit++) {
        if (((wide->address[bit / 8] ^ narrow->address[bit / 8]) >> (7 - bit % 8) & 1) != 0) {
            return false;
        }
    }
    return wide->prefix_bits <= narrow->prefix_bits;
}

/* Each of a long list with each of another takes too long, and is no mistake of a hand's. */
#define NETWORKS_COMPARED 1000

static bool networks_cover(const struct network_list *wide, const struct network_list *narrow)
{
    if (wide->count == 0) {
        return true;
    }
    if (narrow->count == 0 || wide->count * narrow->count > NETWORKS_COMPARED) {
        return false;
    }
    for (size_t i = 0; i < narrow->count; i++) {
        bool is_covered = false;
        for (size_t k = 0; k < wide->count && !is_covered; k++) {
            is_covered = network_covers(&wide->items[k], &narrow->items[i]);
        }
        if (!is_covered) {
            return false;
        }
    }
    return true;
}

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool paths_cover(const char *wide, const char *narrow, struct arena *arena)
{
    if (wide == NULL || narrow == NULL) {
        return wide == NULL;
    }
    struct text_match one = path_match_make(span_from_cstr(wide), arena);
    struct text_match other = path_match_make(span_from_cstr(narrow), arena);
    return path_match_covers(&one, &other);
}

static bool identities_cover(const struct access_match_settings *wide,
                             const struct access_match_settings *narrow)
{
    bool wants_known = wide->who != NULL && strcmp(wide->who, "known") == 0;
    bool is_known =
        (narrow->who != NULL && strcmp(narrow->who, "known") == 0) ||
        narrow->users.count + narrow->groups.count + narrow->scopes.count + narrow->claim_count !=
            0;

    return (!wants_known || is_known) && list_covers(&wide->users, &narrow->users) &&
           list_covers(&wide->groups, &narrow->groups) &&
           list_covers(&wide->scopes, &narrow->scopes);
}

/* Whether what fits `narrow` fits `wide` for certain. */
static bool match_covers(const struct match_settings *wide, const struct match_settings *narrow,
                         struct arena *arena)
{
    if (wide == narrow) {
        return true;
    }
    if (wide->regex != NULL || wide->header_count + wide->query_count + wide->cookie_count != 0 ||
        wide->negated != NULL || wide->any_count + wide->all_count != 0 || wide->client != NULL ||
        wide->access.hours != NULL || wide->access.claim_count != 0) {
        return false; /* of these it is not known */
    }
    return paths_cover(wide->path, narrow->path, arena) &&
           list_covers(&wide->methods, &narrow->methods) &&
           networks_cover(&wide->client_address, &narrow->client_address) &&
           (wide->scheme == NULL || same_text(wide->scheme, narrow->scheme)) &&
           (wide->access.address_file == NULL ||
            same_text(wide->access.address_file, narrow->access.address_file)) &&
           list_covers(&wide->access.countries, &narrow->access.countries) &&
           identities_cover(&wide->access, &narrow->access);
}

/* Earlier rules that each is compared with: all of a long list would be too much. */
#define RULES_COMPARED 200

static void check_reachable(const struct checker *checker, const struct rule_list *list,
                            struct arena *arena)
{
    for (size_t i = 1; i < list->count; i++) {
        const struct access_rule_settings *rule = list->items[i];
        for (size_t k = i > RULES_COMPARED ? i - RULES_COMPARED : 0; k < i; k++) {
            const struct access_rule_settings *earlier = list->items[k];
            if (match_covers(match_of(earlier), match_of(rule), arena)) {
                config_report_add(checker->report, CONFIG_WARNING, rule->place,
                                  "this rule never decides anything");
                config_report_hint(
                    checker->report, "the rule on %s fits all of its requests: put it behind",
                    place_words(checker->settings, earlier->place, rule->place).text);
                break;
            }
        }
    }
}

static bool asks_identity(const struct match_settings *match)
{
    return (match->access.who != NULL && strcmp(match->access.who, "known") == 0) ||
           match->access.users.count + match->access.groups.count + match->access.scopes.count +
                   match->access.claim_count !=
               0;
}

/* Of the routes that ask the rules: whether one has `auth`, and whether one takes the path. */
struct askers {
    bool is_any;
    bool has_auth;
};

static struct askers askers_of(const struct site_settings *site, const struct route_settings *route)
{
    struct askers askers = {false, false};

    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *one = &site->routes[i];
        if (route == NULL ? one->site_access : one == route) {
            askers.is_any = true;
            askers.has_auth |= settings_has_auth(one);
        }
    }
    return askers;
}

/* Of patterns that say how paths begin: whether no path fits both. */
static bool paths_part(const char *one, const char *other, struct arena *arena)
{
    struct text_match a = path_match_make(span_from_cstr(one), arena);
    struct text_match b = path_match_make(span_from_cstr(other), arena);

    return a.fit != TEXT_ENDS && b.fit != TEXT_ENDS && !path_match_covers(&a, &b) &&
           !path_match_covers(&b, &a);
}

static bool takes_path(const struct site_settings *site, const struct route_settings *route,
                       const char *path, struct arena *arena)
{
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *one = &site->routes[i];
        if ((route == NULL ? one->site_access : one == route) &&
            (one->match.path == NULL || !paths_part(one->match.path, path, arena))) {
            return true;
        }
    }
    return false;
}

static void check_can_fit(const struct checker *checker, const struct site_settings *site,
                          const struct route_settings *route, const struct rule_list *list,
                          struct arena *arena)
{
    struct askers askers = askers_of(site, route);

    for (size_t i = 0; askers.is_any && i < list->count; i++) {
        const struct access_rule_settings *rule = list->items[i];
        const struct match_settings *match = match_of(rule);

        if (asks_identity(match) && !askers.has_auth) {
            config_report_add(checker->report, CONFIG_WARNING, rule->place,
                              "this rule never fits: nobody is asked who he is");
            config_report_hint(checker->report,
                               "add 'auth' to the site or the route, with 'mode: optional' where "
                               "others may pass, too");
        } else if (match->path != NULL && !takes_path(site, route, match->path, arena)) {
            config_report_add(checker->report, CONFIG_WARNING, rule->place,
                              "this rule never fits: no request for %s comes here", match->path);
            config_report_hint(checker->report, "see 'path' in 'match' of the %s",
                               route != NULL ? "route" : "site's routes");
        }
    }
}

/* ---- connections ---- */

static bool all_are_of_connection(const struct match_settings *parts, size_t count);

/* Whether it compares no more than is known of a connection that is passed on. */
static bool is_of_connection(const struct match_settings *match)
{
    return match->path == NULL && match->regex == NULL && match->methods.count == 0 &&
           match->header_count + match->query_count + match->cookie_count == 0 &&
           match->scheme == NULL && match->client == NULL && !asks_identity(match) &&
           all_are_of_connection(match->negated, match->negated != NULL ? 1 : 0) &&
           all_are_of_connection(match->any, match->any_count) &&
           all_are_of_connection(match->all, match->all_count);
}

static bool all_are_of_connection(const struct match_settings *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_of_connection(&parts[i])) {
            return false;
        }
    }
    return true;
}

static void check_of_connection(const struct checker *checker, const struct rule_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!is_of_connection(match_of(list->items[i]))) {
            config_report_add(checker->report, CONFIG_ERROR, list->items[i]->place,
                              "this rule compares what is not known of a connection that is passed "
                              "on");
            config_report_hint(checker->report, "with 'passthrough' and 'tcp' rules are about "
                                                "client_address, address_file, country and hours");
        }
    }
}

/* ---- the whole ---- */

static void flatten(const struct access_settings *access, struct rule_list *list,
                    struct arena *arena)
{
    size_t most = 0;

    for (size_t i = 0; i < access->count; i++) {
        most += access->rules[i].shared != NULL ? access->rules[i].shared->rule_count : 1;
    }
    *list = (struct rule_list){arena_calloc(arena, (most + 1) * sizeof(*list->items)), 0};
    for (size_t i = 0; i < access->count; i++) {
        const struct policy_settings *shared = access->rules[i].shared;
        for (size_t k = 0; shared != NULL && k < shared->rule_count; k++) {
            list->items[list->count++] = &shared->rules[k];
        }
        if (shared == NULL) {
            list->items[list->count++] = &access->rules[i];
        }
    }
}

static void check_rules(const struct checker *checker, const struct site_settings *site,
                        const struct route_settings *route, const struct access_settings *access)
{
    struct rule_list list;
    struct arena arena;

    for (size_t i = 0; i < access->count; i++) {
        check_rule(checker, &access->rules[i]);
    }
    if (config_report_has_errors(checker->report)) {
        return; /* what is wrong in a rule is not what is meant by it */
    }
    arena_init(&arena, 4096);
    flatten(access, &list, &arena);
    if (site->passthrough != NULL || site->tcp != NULL) {
        check_of_connection(checker, &list);
    }
    for (size_t i = 0; i < list.count; i++) {
        check_match_clients(checker, site, match_of(list.items[i]));
    }
    check_reachable(checker, &list, &arena);
    check_can_fit(checker, site, route, &list, &arena);
    arena_destroy(&arena);
}

void check_listener_access(const struct checker *checker, const struct listener_settings *listener)
{
    const struct access_settings *access = &listener->access;
    struct rule_list list;
    struct arena arena;

    if (!access->is_given) {
        return;
    }
    if (!check_is_given(checker, &listener->tcp)) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &access->rules),
                          "'access' of a listener without 'tcp'");
        config_report_hint(checker->report, "its connections are those of sites: say it there");
    }
    for (size_t i = 0; i < access->count; i++) {
        check_rule(checker, &access->rules[i]);
    }
    if (config_report_has_errors(checker->report)) {
        return;
    }
    arena_init(&arena, 4096);
    flatten(access, &list, &arena);
    check_of_connection(checker, &list);
    check_reachable(checker, &list, &arena);
    arena_destroy(&arena);
}

void check_site_access(const struct checker *checker, const struct site_settings *site)
{
    if (site->access.is_given) {
        check_rules(checker, site, NULL, &site->access);
    }
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        if (route->access.is_given) {
            check_rules(checker, site, route, &route->access);
        }
        if (!route->site_access && !site->access.is_given) {
            config_report_add(checker->report, CONFIG_WARNING,
                              check_place(checker, &route->site_access, route->place),
                              "'site_access: false' where the site has no 'access'");
            config_report_hint(checker->report, "remove it, or give the site its rules");
        }
    }
}
