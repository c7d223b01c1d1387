#include "edge/route.h"

#include "edge/path.h"

void route_match_init(struct route_match *match, const char *pattern, const char *const *methods,
                      size_t method_count, struct arena *arena)
{
    struct span path = span_from_cstr(pattern);
    bool is_prefix = path.len != 0 && path.ptr[path.len - 1] == '*';
    struct span *names = arena_alloc(arena, method_count * sizeof(*names));

    if (is_prefix) {
        path.len--;
    }
    for (size_t i = 0; i < method_count; i++) {
        names[i] = span_from_cstr(methods[i]);
    }
    *match = (struct route_match){.path = path_fold_percent(path, arena),
                                  .is_prefix = is_prefix,
                                  .methods = names,
                                  .method_count = method_count};
}

static bool path_fits(const struct route_match *match, struct span path)
{
    if (!match->is_prefix) {
        return span_eq(match->path, path);
    }
    if (span_starts_with(path, match->path)) {
        return true;
    }
    return span_eq(path, SPAN_OF("*")) && span_eq(match->path, SPAN_OF("/"));
}

static bool path_matches(const struct route_match *match, struct span path)
{
    return path_fits(match, path) &&
           (match->regex == NULL || pattern_search(match->regex, path, NULL) == PATTERN_FOUND);
}

/* Methods are compared with regard to case (RFC 9110 section 9.1). */
static bool method_matches(const struct route_match *match, struct span method)
{
    if (span_eq(method, SPAN_OF("CONNECT"))) {
        return false;
    }
    if (match->method_count == 0) {
        return !span_eq(method, SPAN_OF("TRACE"));
    }
    bool is_head = span_eq(method, SPAN_OF("HEAD"));
    for (size_t i = 0; i < match->method_count; i++) {
        if (span_eq(match->methods[i], method) ||
            (is_head && span_eq(match->methods[i], SPAN_OF("GET")))) {
            return true;
        }
    }
    return false;
}

const struct client_names route_any_client;
const struct client_names route_unverified_client;

static bool client_matches(const struct route_match *match, const struct client_names *client)
{
    return match->client == NULL || client == &route_any_client ||
           (client != &route_unverified_client && client_rule_fits(match->client, client));
}

int route_table_find_for(const struct route_table *table, struct span path, struct span method,
                         const struct client_names *client)
{
    int result = ROUTE_NONE;

    for (size_t i = 0; i < table->count; i++) {
        const struct route_match *route = &table->routes[i];
        if (!path_matches(route, path)) {
            continue;
        }
        if (!method_matches(route, method)) {
            result = result == ROUTE_NONE ? ROUTE_METHOD_NOT_ALLOWED : result;
            if (route->is_final && route->client == NULL) {
                return result;
            }
        } else if (!client_matches(route, client)) {
            result = ROUTE_CLIENT_REFUSED;
            if (route->is_final) {
                return result;
            }
        } else {
            return (int)i;
        }
    }
    return result;
}

static int strictness(const struct route_table *table, int found)
{
    switch (found) {
    case ROUTE_CLIENT_REFUSED:
        return 5;
    case ROUTE_METHOD_NOT_ALLOWED:
        return 3;
    case ROUTE_NONE:
        return 2;
    default:
        return table->routes[found].refuses
                   ? 4
                   : table->routes[found].client != NULL || table->routes[found].is_guarded;
    }
}

int route_table_stricter(const struct route_table *table, int first, int second)
{
    return strictness(table, second) > strictness(table, first) ? second : first;
}

bool route_match_is_all(const struct route_match *match)
{
    return match->is_prefix && match->path.len <= 1 && match->regex == NULL;
}

/* A pattern is a path, too: that of a prefix begins all that it fits. */
static bool path_covers(const struct route_match *wide, const struct route_match *narrow)
{
    if (wide->regex != NULL && (narrow->regex == NULL ||
                                !span_eq(pattern_text(wide->regex), pattern_text(narrow->regex)))) {
        return false;
    }
    if (!wide->is_prefix) {
        return !narrow->is_prefix && span_eq(wide->path, narrow->path);
    }
    return span_starts_with(narrow->path, wide->path);
}

bool route_match_covers(const struct route_match *wide, const struct route_match *narrow)
{
    if (!path_covers(wide, narrow) || (narrow->method_count == 0 && wide->method_count != 0)) {
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
    if (!path_covers(wide, narrow)) {
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

int route_table_find(const struct route_table *table, struct span path, struct span method)
{
    return route_table_find_for(table, path, method, NULL);
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
    for (size_t i = 0; i < table->count; i++) {
        const struct route_match *route = &table->routes[i];
        if (!path_matches(route, path)) {
            continue;
        }
        allow_add_route(&list, route);
        if (route->is_final && route->client == NULL) {
            break; /* what is behind it does not get these requests */
        }
    }
    return span_make(list.text, list.len);
}
