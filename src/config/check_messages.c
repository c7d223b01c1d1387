/* What is wrong in what a site or a route says of requests and responses: redirects, rewrites,
 * fields. */
#include "base/pattern.h"
#include "config/check_internal.h"
#include "config/complaint.h"
#include "edge/template.h"

/* Of what all take together: one alone should not put all others out. */
#define CACHE_ENTRY_SHARE 8

static void error_with_hint(const struct checker *checker, struct place place, const char *text,
                            const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(checker->report, "%s", hint);
}

static bool is_redirect(unsigned status)
{
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static void check_redirect(const struct checker *checker, const struct redirect_settings *redirect)
{
    if (redirect != NULL && !is_redirect(redirect->status)) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &redirect->status, redirect->place),
                          "status %u leads clients nowhere", redirect->status);
        config_report_hint(checker->report, "use 301 or 308 for ever, 302 or 307 for now, 303 to "
                                            "have a GET follow");
    }
}

/* Whether all paths that the pattern fits begin with the prefix, in whole segments. */
static bool begins_with(const char *pattern, const char *prefix)
{
    size_t len = strlen(prefix);

    len -= len > 1 && prefix[len - 1] == '/' ? 1 : 0;
    return strncmp(pattern, prefix, len) == 0 && (pattern[len] == '/' || pattern[len] == '\0');
}

static void check_rewrite(const struct checker *checker, const struct route_settings *route)
{
    const struct rewrite_settings *rewrite = route->rewrite;
    const char *pattern = route->match.path;

    if (rewrite->strip_prefix == NULL && rewrite->prefix == NULL && rewrite->replace == NULL &&
        rewrite->query == NULL) {
        error_with_hint(checker, rewrite->place, "a rewrite that changes nothing",
                        "say 'strip_prefix', 'prefix', or both, or 'replace', or 'query'");
    }
    if (route->backend == NULL && route->files == NULL) {
        error_with_hint(checker, rewrite->place,
                        "'rewrite' in a route without 'backend' and 'files'",
                        "nobody gets the path that it makes: remove it");
    }
    if (rewrite->strip_prefix != NULL && pattern != NULL && strcmp(pattern, "/*") != 0 &&
        !begins_with(pattern, rewrite->strip_prefix)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &rewrite->strip_prefix, rewrite->place),
                          "not all paths of the route begin with %s",
                          quote_cstr(rewrite->strip_prefix).text);
        config_report_hint(checker->report, "the route is for %s; other paths stay as they are",
                           quote_cstr(pattern).text);
    }
}

/* A section that says nothing is most likely one whose lines were meant to be in it. */
static void check_fields(const struct checker *checker, const struct field_rules_settings *fields)
{
    if (fields != NULL && !config_report_has_errors(checker->report) &&
        fields->remove.count + fields->set_count + fields->add_count + fields->default_count == 0) {
        error_with_hint(checker, fields->place, "these fields change nothing",
                        "say 'remove', 'set', 'add' or 'default'");
    }
}

static void check_strip_prefix(const struct checker *checker, const struct route_settings *route)
{
    const struct files_settings *files = route->files;
    const char *pattern = route->match.path;

    if (files->strip_prefix != NULL && pattern != NULL && strcmp(pattern, "/*") != 0 &&
        route->rewrite == NULL && files->tries.count == 0 &&
        !begins_with(pattern, files->strip_prefix)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &files->strip_prefix, files->place),
                          "not all paths of the route begin with %s",
                          quote_cstr(files->strip_prefix).text);
        config_report_hint(checker->report, "the route is for %s; other paths stay as they are",
                           quote_cstr(pattern).text);
    }
}

/* ---- captures ---- */

struct captures {
    const struct checker *checker;
    const struct pattern *pattern; /* of the route; NULL: it has none */
    struct arena arena;
};

static void check_captures_of(struct captures *c, const char *text, struct place place)
{
    struct template template;
    struct error error;

    if (strstr(text, "{match.") == NULL ||
        !template_parse(span_from_cstr(text), true, &c->arena, &template, &error)) {
        return;
    }
    for (size_t i = 0; i < template.count; i++) {
        struct span name = template.parts[i].text;

        if (template.parts[i].variable != VARIABLE_MATCH ||
            (c->pattern != NULL && pattern_capture_number(c->pattern, name) != 0)) {
            continue;
        }
        config_report_add(c->checker->report, CONFIG_ERROR, place, "there is no capture %s",
                          quote(name).text);
        config_report_hint(c->checker->report,
                           c->pattern == NULL
                               ? "captures are of 'match.regex', which the route does not have"
                               : "in 'match.regex' of the route write (?<%.*s>...), or count its "
                                 "captures from 1",
                           SPAN_ARG(name));
    }
}

static void check_captures_of_fields(struct captures *c, const struct header_setting *fields,
                                     size_t count, struct place place)
{
    for (size_t i = 0; i < count; i++) {
        check_captures_of(c, fields[i].value, place);
    }
}

static void check_captures_of_rules(struct captures *c, const struct field_rules_settings *rules)
{
    if (rules != NULL) {
        check_captures_of_fields(c, rules->set, rules->set_count, rules->place);
        check_captures_of_fields(c, rules->add, rules->add_count, rules->place);
        check_captures_of_fields(c, rules->defaults, rules->default_count, rules->place);
    }
}

static void check_captures(const struct checker *checker, const struct route_settings *route)
{
    struct captures c = {.checker = checker};
    struct error error;
    size_t offset;

    arena_init(&c.arena, 4096);
    if (route->match.regex != NULL) {
        c.pattern =
            pattern_compile(span_from_cstr(route->match.regex), 0, &c.arena, &error, &offset);
    }
    check_captures_of_rules(&c, route->request_fields);
    check_captures_of_rules(&c, route->response_fields);
    if (route->redirect != NULL && route->redirect->to != NULL) {
        check_captures_of(&c, route->redirect->to,
                          check_place(checker, &route->redirect->to, route->redirect->place));
    }
    for (size_t i = 0; route->files != NULL && i < route->files->tries.count; i++) {
        check_captures_of(&c, route->files->tries.items[i], route->files->place);
    }
    arena_destroy(&c.arena);
}

static void check_cache(const struct checker *checker, const struct cache_settings *cache)
{
    uint64_t limit = checker->settings->limits.cache;

    if (cache != NULL && cache->mode == CACHE_ON && cache->max_entry > limit / CACHE_ENTRY_SHARE) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &cache->max_entry, cache->place),
                          "a response may take more than an eighth of 'limits.cache'");
        config_report_hint(checker->report, "lower 'max_entry', or raise 'cache' in 'limits'");
    }
}

void check_route_messages(const struct checker *checker, const struct route_settings *route)
{
    check_redirect(checker, route->redirect);
    if (route->rewrite != NULL) {
        check_rewrite(checker, route);
    }
    if (route->files != NULL) {
        check_strip_prefix(checker, route);
    }
    if (route->request_fields != NULL && route->backend == NULL) {
        error_with_hint(checker, route->request_fields->place,
                        "'request_fields' in a route without 'backend'",
                        "no server gets them: remove them, or say 'response_fields'");
    }
    if (check_is_given(checker, &route->cache) && route->cache != NULL &&
        route->cache->mode == CACHE_ON && route->backend == NULL) {
        error_with_hint(checker, route->cache->place, "'cache' in a route without 'backend'",
                        "what is answered here needs none: remove it");
    }
    check_cache(checker, route->cache);
    check_fields(checker, route->request_fields);
    check_fields(checker, route->response_fields);
    check_captures(checker, route);
}

void check_site_messages(const struct checker *checker, const struct site_settings *site)
{
    check_redirect(checker, site->redirect);
    check_site_answers(checker, site);
    check_fields(checker, site->request_fields);
    check_fields(checker, site->response_fields);
}
