#include "http/cookie.h"

static struct span find_in(struct span list, struct span name)
{
    struct span pair;

    while (span_split(&list, ';', &pair)) {
        size_t at;
        pair = span_trim(pair);
        at = span_find(pair, '=');
        if (at < pair.len && span_eq(span_head(pair, at), name)) {
            return span_skip(pair, at + 1);
        }
    }
    return (struct span){0};
}

struct span http_cookie_find(const struct http_fields *fields, struct span name)
{
    struct span value = {0};

    if (!http_fields_has(fields, FIELD_COOKIE)) {
        return value;
    }
    for (size_t i = 0; i < fields->count && value.ptr == NULL; i++) {
        if (fields->items[i].id == FIELD_COOKIE) {
            value = find_in(fields->items[i].value, name);
        }
    }
    return value;
}
