#include "edge/route.h"

void route_match_init(struct route_match *match, const char *pattern, const char *const *methods,
                      size_t method_count, struct arena *arena)
{
    struct span *names = arena_alloc(arena, method_count * sizeof(*names));

    for (size_t i = 0; i < method_count; i++) {
        names[i] = span_from_cstr(methods[i]);
    }
    *match = (struct route_match){.path = path_match_make(span_from_cstr(pattern), arena),
                                  .methods = names,
                                  .method_count = method_count};
}

/* ---- one route ---- */

static bool method_matches(const struct route_match *match, struct span method)
{
    if (span_eq(method, SPAN_OF("CONNECT"))) {
        return false;
    }
    if (match->method_count == 0) {
        return !span_eq(method, SPAN_OF("TRACE"));
    }
    return method_list_has(match->methods, match->method_count, method);
}

const struct client_names route_any_client;
const struct client_names route_unverified_client;

static bool client_matches(const struct route_match *match, const struct client_names *client)
{
    return match->client == NULL || client == &route_any_client ||
           (client != &route_unverified_client && client_rule_fits(match->client, client));
}

static enum route_fit path_matches(const struct route_match *match, struct span path,
                                   int64_t *steps)
{
    if (!path_match_fits(&match->path, path)) {
        return ROUTE_FAILS_PATH;
    }
    if (LIKELY(match->regex == NULL)) {
        return ROUTE_FITS;
    }
    switch (pattern_search_within(match->regex, path, NULL, steps)) {
    case PATTERN_FOUND:
        return ROUTE_FITS;
    case PATTERN_NOT_FOUND:
        return ROUTE_FAILS_REGEX;
    case PATTERN_EXCEEDED:
        break;
    }
    return ROUTE_FAILS_SEARCH;
}

/* Of a method that the route does not take: whether the path is its. */
static enum route_fit fails_method(const struct route_match *match, struct match_facts *facts)
{
    enum condition_result result =
        match->condition != NULL ? condition_check_path(match->condition, facts) : CONDITION_HOLDS;

    return result == CONDITION_FAILS       ? ROUTE_FAILS_PATH
           : result == CONDITION_UNDECIDED ? ROUTE_FAILS_SEARCH
                                           : ROUTE_FAILS_METHOD;
}

enum route_fit route_match_check(const struct route_match *match, struct match_facts *facts,
                                 const struct client_names *client, const struct condition **failed)
{
    enum route_fit fit = path_matches(match, facts->path, &facts->steps);

    if (fit != ROUTE_FITS) {
        return fit;
    }
    if (!method_matches(match, facts->method)) {
        return fails_method(match, facts);
    }
    if (match->condition != NULL) {
        switch (condition_check(match->condition, facts, failed)) {
        case CONDITION_FAILS:
            return ROUTE_FAILS_CONDITION;
        case CONDITION_UNDECIDED:
            return ROUTE_FAILS_SEARCH;
        case CONDITION_HOLDS:
            break;
        }
    }
    return client_matches(match, client) ? ROUTE_FITS : ROUTE_FAILS_CLIENT;
}

bool route_match_ends(const struct route_match *match, enum route_fit fit, int *result)
{
    switch (fit) {
    case ROUTE_FITS:
    case ROUTE_FAILS_PATH:
    case ROUTE_FAILS_REGEX:
        return false;
    case ROUTE_FAILS_METHOD:
        *result = *result == ROUTE_NONE ? ROUTE_METHOD_NOT_ALLOWED : *result;
        return match->is_final && match->condition == NULL && match->client == NULL;
    case ROUTE_FAILS_CONDITION:
        if (!match->is_final || match->client != NULL) {
            return false;
        }
        *result = ROUTE_CONDITION_REFUSED;
        return true;
    case ROUTE_FAILS_CLIENT:
        *result = ROUTE_CLIENT_REFUSED;
        return match->is_final;
    case ROUTE_FAILS_SEARCH:
        *result = ROUTE_UNDECIDED;
        return true;
    }
    return false;
}

struct span route_match_capture(const struct route_match *match, struct span path, struct span name)
{
    struct pattern_captures captures;
    unsigned number = match->regex != NULL ? pattern_capture_number(match->regex, name) : 0;

    if (number == 0 || pattern_search(match->regex, path, &captures) != PATTERN_FOUND) {
        return span_make(NULL, 0);
    }
    return captures.items[number];
}

/* ---- all of a site ---- */

int route_table_find(const struct route_table *table, struct match_facts *facts,
                     const struct client_names *client)
{
    int result = ROUTE_NONE;

    for (size_t i = 0; i < table->count; i++) {
        const struct route_match *route = &table->routes[i];
        const struct condition *failed;
        enum route_fit fit = route_match_check(route, facts, client, &failed);

        if (fit == ROUTE_FITS) {
            return (int)i;
        }
        if (route_match_ends(route, fit, &result)) {
            return result;
        }
    }
    return result;
}

static int strictness(const struct route_table *table, int found)
{
    const struct route_match *route;

    switch (found) {
    case ROUTE_UNDECIDED:
        return 7;
    case ROUTE_CLIENT_REFUSED:
        return 6;
    case ROUTE_CONDITION_REFUSED:
        return 5;
    case ROUTE_METHOD_NOT_ALLOWED:
        return 3;
    case ROUTE_NONE:
        return 2;
    default:
        route = &table->routes[found];
        return route->refuses
                   ? 4
                   : route->client != NULL || route->condition != NULL || route->is_guarded;
    }
}

int route_table_stricter(const struct route_table *table, int first, int second)
{
    return strictness(table, second) > strictness(table, first) ? second : first;
}

bool route_match_is_all(const struct route_match *match)
{
    return match->path.fit == TEXT_BEGINS && match->path.text.len <= 1 && match->regex == NULL;
}

/* Of two that say more than a path pattern it is not known, unless they say the same. */
static bool path_covers(const struct route_match *wide, const struct route_match *narrow)
{
    if (wide->regex != NULL && (narrow->regex == NULL ||
                                !span_eq(pattern_text(wide->regex), pattern_text(narrow->regex)))) {
        return false;
    }
    return path_match_covers(&wide->path, &narrow->path);
}

bool route_match_covers(const struct route_match *wide, const struct route_match *narrow)
{
    if (!path_covers(wide, narrow) || (narrow->method_count == 0 && wide->method_count != 0) ||
        wide->condition != NULL) {
        return false;
    }
    for (size_t i = 0; i < narrow->method_count; i++) {
        if (!method_matches(wide, narrow->methods[i])) {
            return false;
        }
    }
    return true;
}

bool route_match_opens(const struct route_match *wide, const struct route_match *narrow)
{
    if (!path_covers(wide, narrow) || wide->condition != NULL) {
        return false;
    }
    if (narrow->method_count == 0) {
        for (size_t i = 0; i < wide->method_count; i++) {
            if (method_matches(narrow, wide->methods[i])) {
                return true;
            }
        }
        return wide->method_count == 0;
    }
    for (size_t i = 0; i < narrow->method_count; i++) {
        if (method_matches(wide, narrow->methods[i])) {
            return true;
        }
    }
    return false;
}

bool route_table_asks_client(const struct route_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->routes[i].client != NULL) {
            return true;
        }
    }
    return false;
}

struct allow_list {
    char *text;
    size_t len;
};

static void allow_add(struct allow_list *list, struct span method)
{
    struct span rest = span_make(list->text, list->len);
    struct span one;

    while (list->len != 0 && span_split(&rest, ',', &one)) {
        if (span_eq(span_trim(one), method)) {
            return;
        }
    }
    if (list->len != 0) {
        memcpy(list->text + list->len, ", ", 2);
        list->len += 2;
    }
    memcpy(list->text + list->len, method.ptr, method.len);
    list->len += method.len;
}

/* What a route without `methods` allows and is registered for general use (RFC 9110 section 9.1,
 * RFC 5789); others pass too, but cannot all be named. */
static const struct span usual_methods[] = {SPAN("GET"),  SPAN("HEAD"),   SPAN("POST"),
                                            SPAN("PUT"),  SPAN("DELETE"), SPAN("OPTIONS"),
                                            SPAN("PATCH")};

static size_t allow_size(const struct route_match *match)
{
    size_t size = sizeof("HEAD, ");

    for (size_t i = 0; i < match->method_count; i++) {
        size += match->methods[i].len + 2;
    }
    return size;
}

static void allow_add_route(struct allow_list *list, const struct route_match *match)
{
    bool is_open = match->method_count == 0;
    const struct span *methods = is_open ? usual_methods : match->methods;
    size_t count = is_open ? ARRAY_LEN(usual_methods) : match->method_count;

    for (size_t i = 0; i < count; i++) {
        if (span_eq(methods[i], SPAN_OF("CONNECT"))) {
            continue;
        }
        allow_add(list, methods[i]);
        if (span_eq(methods[i], SPAN_OF("GET"))) {
            allow_add(list, SPAN_OF("HEAD"));
        }
    }
}

struct span route_table_allow(const struct route_table *table, struct span path,
                              struct arena *arena)
{
    size_t size = sizeof("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, ");

    for (size_t i = 0; i < table->count; i++) {
        size += allow_size(&table->routes[i]);
    }
    struct allow_list list = {arena_alloc(arena, size), 0};
    struct match_facts facts = {.path = path, .arena = arena, .steps = MATCH_STEPS_MAX};
    for (size_t i = 0; i < table->count; i++) {
        const struct route_match *route = &table->routes[i];
        if (path_matches(route, path, &facts.steps) != ROUTE_FITS ||
            fails_method(route, &facts) != ROUTE_FAILS_METHOD) {
            continue;
        }
        allow_add_route(&list, route);
        if (route->is_final && route->client == NULL && route->condition == NULL) {
            break; /* what is behind it does not get these requests */
        }
    }
    return span_make(list.text, list.len);
}
