/* What routes take from each other: those that nothing can reach, those whose rule another one
 * makes void, and paths that never come. Asked of the tables that requests are routed by. */
#include "config/check_internal.h"
#include "config/complaint.h"
#include "config/places.h"
#include "config/serving.h"

struct routes {
    const struct checker *checker;
    const struct site_settings *site;
    struct route_match *matches;
};

static const struct route_settings *route_at(const struct routes *routes, size_t index)
{
    return &routes->site->routes[index];
}

/* What a route with `else: deny` takes or denies: all that fits it but for the last kind of its
 * conditions. (Who the client is no comparison of routes looks at.) */
static struct route_match without_last(const struct route_match *match)
{
    struct route_match wide = *match;

    if (match->client != NULL) {
        wide.client = NULL;
    } else if (match->condition != NULL) {
        wide.condition = NULL;
    } else {
        wide.method_count = 0;
    }
    return wide;
}

/* Whether all requests of `match` have their answer by `earlier`. */
static bool takes_all(const struct route_match *earlier, const struct route_match *match)
{
    struct route_match wide = without_last(earlier);

    if (earlier->is_final) {
        return route_match_covers(&wide, match);
    }
    return earlier->client == NULL && route_match_covers(earlier, match);
}

static void check_reachable(const struct routes *routes, size_t index)
{
    const struct route_match *match = &routes->matches[index];
    const struct route_settings *route = route_at(routes, index);
    bool keeps_off = match->client != NULL || match->condition != NULL ||
                     (match->refuses && !route_match_is_all(match));

    for (size_t i = 0; i < index; i++) {
        const struct route_match *earlier = &routes->matches[i];

        if (!takes_all(earlier, match)) {
            continue;
        }
        /* Where it was to keep somebody off, it does not. */
        config_report_add(routes->checker->report, keeps_off ? CONFIG_ERROR : CONFIG_WARNING,
                          route->place, "no request can reach this route");
        config_report_hint(
            routes->checker->report,
            earlier->is_final ? "the route on %s takes or denies all of its requests: write "
                                "'else: deny' in the last of those that share a path"
                              : "the route on %s takes all of its requests; the first that "
                                "matches wins, so put the narrower one first",
            place_words(routes->checker->settings, route_at(routes, i)->place, route->place).text);
        return;
    }
}

static bool same_upgrades(const struct string_list *one, const struct string_list *other)
{
    if (one->count != other->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        if (strcmp(one->items[i], other->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Whether what is said of requests and responses besides is the same. What a route says itself is a
 * section of its own, so that another one's is never the same. */
static bool same_ways(const struct route_settings *one, const struct route_settings *other)
{
    const struct answers_settings *answers = &one->answers;
    const struct answers_settings *others = &other->answers;

    return one->delay_ms == other->delay_ms && one->split == other->split &&
           one->split_by == other->split_by && one->split_sticky == other->split_sticky &&
           one->mirror == other->mirror && one->auth == other->auth && !one->access.is_given &&
           !other->access.is_given && one->rate_count + other->rate_count == 0 &&
           one->site_access == other->site_access && one->rewrite == NULL &&
           other->rewrite == NULL && one->request_fields == NULL && other->request_fields == NULL &&
           one->response_fields == NULL && other->response_fields == NULL &&
           one->compress == other->compress && one->cache == other->cache &&
           one->timeouts == other->timeouts && one->log == other->log &&
           one->access_log == other->access_log && one->retries == other->retries &&
           one->security_fields == other->security_fields && one->early_hints.count == 0 &&
           other->early_hints.count == 0 && answers->hsts == others->hsts &&
           answers->cors == others->cors && answers->cookies == others->cookies &&
           answers->errors == others->errors && answers->maintenance == others->maintenance &&
           answers->locations == others->locations;
}

/* Whether a request is treated the same by both. */
static bool same_answer(const struct route_settings *one, const struct route_settings *other)
{
    if (!same_ways(one, other)) {
        return false;
    }
    if (one->files != NULL && other->files != NULL) {
        return one->files->root != NULL && other->files->root != NULL &&
               strcmp(one->files->root, other->files->root) == 0;
    }
    return one->backend != NULL && one->backend == other->backend &&
           one->body_limit == other->body_limit && one->response_limit == other->response_limit &&
           one->replay_limit == other->replay_limit &&
           one->on_client_close == other->on_client_close && one->priority == other->priority &&
           same_upgrades(&one->upgrade, &other->upgrade);
}

static void report_void(const struct routes *routes, size_t index, size_t by)
{
    const struct route_settings *route = route_at(routes, index);
    const struct route_match *match = &routes->matches[index];
    bool is_client = match->client != NULL;
    struct place place = is_client ? route->match.client->place
                         : match->condition != NULL
                             ? route->match.place
                             : check_place(routes->checker, &route->match.methods, route->place);

    config_report_add(
        routes->checker->report, CONFIG_ERROR, place,
        "the route is for some %s, but the others are let in by the one on %s",
        is_client                  ? "clients"
        : match->condition != NULL ? "requests"
                                   : "methods",
        place_words(routes->checker->settings, route_at(routes, by)->place, route->place).text);
    config_report_hint(routes->checker->report,
                       "add 'else: deny' to the route to answer the others with %s, or "
                       "'else: next' if that is what is meant",
                       is_client || match->condition != NULL ? "403" : "405");
}

/* Whether `later` has an answer for all whom the rule of `match` keeps off, so that no route behind
 * it gets them: it refuses them, or it is final ('else: deny'). */
static bool is_end(const struct route_match *later, const struct route_match *match)
{
    struct route_match wide = without_last(later);
    struct route_match kept_off = without_last(match);

    return (later->is_final && route_match_covers(&wide, &kept_off)) ||
           (later->refuses && later->client == NULL && route_match_covers(later, &kept_off));
}

/* Whether `later` lets in those whom the rule of `match` keeps off. Of methods and conditions many
 * a route is for some without being a rule: it is one where it makes no other difference. */
static bool makes_void(const struct routes *routes, size_t index, size_t later)
{
    const struct route_match *match = &routes->matches[index];
    struct route_match kept_off = without_last(match);

    if (routes->matches[later].client != NULL || routes->matches[later].refuses) {
        return false;
    }
    if (match->client != NULL) {
        return route_match_opens(&routes->matches[later], match);
    }
    return route_match_covers(&routes->matches[later], &kept_off) &&
           same_answer(route_at(routes, index), route_at(routes, later));
}

/* A rule that keeps nobody off is worse than none, as somebody relies on it. */
static void check_void(const struct routes *routes, size_t index)
{
    const struct route_match *match = &routes->matches[index];

    if (check_is_given(routes->checker, &route_at(routes, index)->otherwise) ||
        (match->client == NULL && match->condition == NULL && match->method_count == 0)) {
        return;
    }
    for (size_t i = index + 1; i < routes->site->route_count; i++) {
        if (makes_void(routes, index, i)) {
            report_void(routes, index, i);
            return;
        }
        if (is_end(&routes->matches[i], match)) {
            return;
        }
    }
}

static void check_else(const struct routes *routes, size_t index)
{
    const struct route_settings *route = route_at(routes, index);
    const struct route_match *match = &routes->matches[index];

    if (route->otherwise == OTHERWISE_DENY && match->client == NULL && match->condition == NULL &&
        match->method_count == 0) {
        config_report_add(routes->checker->report, CONFIG_ERROR,
                          check_place(routes->checker, &route->otherwise, route->place),
                          "'else: deny' in a route that is for every client and method");
        config_report_hint(routes->checker->report,
                           "add to its 'match' whom it is for, 'client' or 'methods' or "
                           "'client_address'; or remove 'else'");
    }
}

/* What is refused before the routes are asked is matched by none. */
static void check_pattern(const struct routes *routes, size_t index, struct arena *arena)
{
    const struct route_settings *route = route_at(routes, index);
    struct span pattern = span_from_cstr(route->match.path != NULL ? route->match.path : "/*");
    struct path path;
    enum path_error error;

    if (pattern.len > 1 && pattern.ptr[pattern.len - 1] == '*') {
        pattern.len--;
    } else if (pattern.len > 1 && pattern.ptr[0] == '*') { /* what ends so, behind some beginning */
        pattern = span_from_cstr(arena_printf(arena, "/%.*s", SPAN_ARG(span_skip(pattern, 1))));
    }
    error = path_normalise(pattern, arena, &path);
    if (error == PATH_OK && routes->site->paths != PATHS_AS_SENT) {
        error = path_check_strict(&path);
    }
    if (error == PATH_OK) {
        return;
    }
    config_report_add(routes->checker->report, CONFIG_ERROR,
                      check_place(routes->checker, &route->match.path, route->place),
                      "path %s would match nothing: such requests are refused",
                      quote_cstr(route->match.path).text);
    config_report_hint(routes->checker->report, "%s%s", path_error_detail(error, &path, arena),
                       path_error_mend(error) != NULL
                           ? "; 'paths: as_sent' of the site lets them through to the routes"
                           : "");
}

void check_routes(const struct checker *checker, const struct site_settings *site)
{
    struct routes routes = {checker, site, NULL};
    struct arena arena;

    arena_init(&arena, 4096);
    routes.matches = arena_calloc(&arena, (site->route_count + 1) * sizeof(*routes.matches));
    for (size_t i = 0; i < site->route_count; i++) {
        serving_match_init(&routes.matches[i], &site->routes[i], &arena);
    }
    for (size_t i = 0; i < site->route_count; i++) {
        check_reachable(&routes, i);
        check_void(&routes, i);
        check_else(&routes, i);
        check_pattern(&routes, i, &arena);
    }
    arena_destroy(&arena);
}
