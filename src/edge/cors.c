#include "edge/cors.h"

static struct span value_of(const struct http_request *request, struct span name)
{
    const struct http_field *field = http_fields_find_name(&request->fields, name);

    return field != NULL ? field->value : span_make(NULL, 0);
}

bool cors_is_preflight(const struct http_request *request, struct span *method)
{
    if (request->method != HTTP_OPTIONS || value_of(request, SPAN_OF("Origin")).ptr == NULL) {
        return false;
    }
    *method = value_of(request, SPAN_OF("Access-Control-Request-Method"));
    return http_is_token(*method);
}

/* ---- origins ---- */

static bool is_all(const char *origin)
{
    return span_eq(span_from_cstr(origin), SPAN_OF("*"));
}

static bool allows_all(const struct cors_settings *cors)
{
    for (size_t i = 0; i < cors->origins.count; i++) {
        if (is_all(cors->origins.items[i])) {
            return true;
        }
    }
    return false;
}

/* Labels of a name, and nothing that could end it: "evil.test/.a.example" fits no pattern. */
static bool are_labels(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = ascii_lower(text.ptr[i]);
        if (!(byte >= 'a' && byte <= 'z') && !ascii_is_digit(byte) && byte != '-' && byte != '_' &&
            byte != '.') {
            return false;
        }
    }
    return text.len != 0 && text.ptr[0] != '.' && text.ptr[text.len - 1] != '.';
}

/* What stands for the star is before the dot that follows it. */
static bool fits(struct span pattern, struct span origin)
{
    size_t star = span_find(pattern, '*');
    struct span behind;

    if (star == pattern.len) {
        return span_ieq(pattern, origin);
    }
    behind = span_skip(pattern, star + 1);
    return origin.len > star + behind.len && span_istarts_with(origin, span_head(pattern, star)) &&
           span_ieq(span_skip(origin, origin.len - behind.len), behind) &&
           are_labels(span_make(origin.ptr + star, origin.len - star - behind.len));
}

bool cors_allows(const struct cors_settings *cors, struct span origin)
{
    for (size_t i = 0; i < cors->origins.count; i++) {
        if (is_all(cors->origins.items[i]) ||
            fits(span_from_cstr(cors->origins.items[i]), origin)) {
            return true;
        }
    }
    return false;
}

/* ---- fields ---- */

static void add(struct http_fields *fields, struct arena *arena, struct span name,
                struct span value)
{
    http_fields_add(fields, arena, http_field_id(name), name, value);
}

static struct span join(const struct string_list *list, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < list->count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ", list->items[i]);
    }
    return span_from_cstr(text);
}

static bool lists(const struct string_list *list, const char *what)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_ieq(span_from_cstr(list->items[i]), span_from_cstr(what))) {
            return true;
        }
    }
    return false;
}

/* False: the origin may not, and is told nothing. */
static bool add_origin(const struct cors_settings *cors, const struct http_request *request,
                       struct arena *arena, struct http_fields *fields)
{
    struct span origin = value_of(request, SPAN_OF("Origin"));
    bool is_for_all = allows_all(cors) && !cors->credentials;

    if (!is_for_all) { /* a cache has one answer for each */
        add(fields, arena, SPAN_OF("Vary"), SPAN_OF("Origin"));
    }
    if (origin.ptr == NULL || !cors_allows(cors, origin)) {
        return false;
    }
    add(fields, arena, SPAN_OF("Access-Control-Allow-Origin"), is_for_all ? SPAN_OF("*") : origin);
    if (cors->credentials) {
        add(fields, arena, SPAN_OF("Access-Control-Allow-Credentials"), SPAN_OF("true"));
    }
    return true;
}

/* With '*' what is asked for, as a browser with credentials takes '*' for a name. */
static struct span allowed_fields(const struct cors_settings *cors,
                                  const struct http_request *request, struct arena *arena)
{
    return lists(&cors->fields, "*") ? value_of(request, SPAN_OF("Access-Control-Request-Headers"))
                                     : join(&cors->fields, arena);
}

void cors_answer_preflight(const struct cors_settings *cors, const struct http_request *request,
                           struct arena *arena, struct http_fields *fields)
{
    struct span names;

    if (lists(&cors->fields, "*")) {
        add(fields, arena, SPAN_OF("Vary"), SPAN_OF("Access-Control-Request-Headers"));
    }
    if (!add_origin(cors, request, arena, fields)) {
        return;
    }
    if (cors->methods.count != 0) {
        add(fields, arena, SPAN_OF("Access-Control-Allow-Methods"), join(&cors->methods, arena));
    }
    names = allowed_fields(cors, request, arena);
    if (names.len != 0) {
        add(fields, arena, SPAN_OF("Access-Control-Allow-Headers"), names);
    }
    add(fields, arena, SPAN_OF("Access-Control-Max-Age"),
        span_from_cstr(arena_printf(arena, "%llu", (unsigned long long)(cors->max_age_ms / 1000))));
}

void cors_add(const struct cors_settings *cors, const struct http_request *request,
              struct arena *arena, struct http_fields *fields)
{
    const struct span ours = SPAN("Access-Control-");

    for (size_t i = 0; i < fields->count; i++) {
        if (span_istarts_with(fields->items[i].name, ours)) {
            fields->items[i].is_not_sent = true;
        }
    }
    if (add_origin(cors, request, arena, fields) && cors->expose.count != 0) {
        add(fields, arena, SPAN_OF("Access-Control-Expose-Headers"), join(&cors->expose, arena));
    }
}
