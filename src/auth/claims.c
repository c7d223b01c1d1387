#include "auth/claims.h"

#include <stdlib.h>
#include <string.h>

struct found {
    struct auth_claim claim;
    bool is_nested;
    size_t index;
};

struct collector {
    struct arena *arena;
    struct found *found;
    size_t count;
    size_t capacity;
};

static void add(struct collector *c, struct span path, bool is_nested, struct span value,
                enum auth_claim_kind kind)
{
    if (c->count == c->capacity) {
        c->capacity = c->capacity * 2 + 32;
        c->found = xrealloc(c->found, c->capacity * sizeof(*c->found));
    }
    c->found[c->count] = (struct found){
        {arena_copy(c->arena, path), arena_copy(c->arena, value), kind}, is_nested, c->count};
    c->count++;
}

static void add_scalar(struct collector *c, struct span path, bool is_nested, const json_t *value)
{
    if (json_is_string(value)) {
        add(c, path, is_nested, span_make(json_string_value(value), json_string_length(value)),
            AUTH_CLAIM_TEXT);
    } else if (json_is_integer(value)) {
        add(c, path, is_nested,
            span_from_cstr(arena_printf(c->arena, "%lld", (long long)json_integer_value(value))),
            AUTH_CLAIM_NUMBER);
    } else if (json_is_real(value)) {
        add(c, path, is_nested,
            span_from_cstr(arena_printf(c->arena, "%.15g", json_real_value(value))),
            AUTH_CLAIM_NUMBER);
    } else if (json_is_boolean(value)) {
        add(c, path, is_nested, json_is_true(value) ? SPAN_OF("true") : SPAN_OF("false"),
            AUTH_CLAIM_BOOL);
    }
}

/* As deep as the JSON is, which was bounded. */
static void collect(struct collector *c, struct span path, bool is_nested, const json_t *value)
{
    char inner[CLAIM_PATH_MAX];
    size_t i;
    const char *name;
    const json_t *part;

    if (json_is_array(value)) {
        json_array_foreach(value, i, part)
        {
            collect(c, path, is_nested, part);
        }
        return;
    }
    if (!json_is_object(value)) {
        add_scalar(c, path, is_nested, value);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, part)
    {
        size_t len = strlen(name);
        if (path.len + 1 + len <= sizeof(inner) && strchr(name, '.') == NULL) {
            memcpy(inner, path.ptr, path.len);
            inner[path.len] = '.';
            memcpy(inner + path.len + 1, name, len);
            collect(c, span_make(inner, path.len + 1 + len), true, part);
        }
    }
}

static int in_order(const void *a, const void *b)
{
    const struct found *one = a;
    const struct found *other = b;
    int order = auth_claim_path_order(one->claim.path, other->claim.path);

    if (order != 0) {
        return order;
    }
    return one->is_nested != other->is_nested ? one->is_nested - other->is_nested
                                              : (one->index > other->index) * 2 - 1;
}

struct auth_claims claims_of_json(const json_t *object, struct arena *arena)
{
    struct collector c = {.arena = arena};
    struct auth_claim *items;
    size_t count = 0;
    bool is_nested = false; /* those of the present path */
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        struct span path = span_from_cstr(name);
        if (path.len != 0 && path.len <= CLAIM_PATH_MAX) {
            collect(&c, path, false, value);
        }
    }
    if (c.count != 0) {
        qsort(c.found, c.count, sizeof(*c.found), in_order);
    }
    items = arena_alloc(arena, (c.count + 1) * sizeof(*items));
    for (size_t i = 0; i < c.count; i++) {
        if (i == 0 || !span_eq(c.found[i - 1].claim.path, c.found[i].claim.path)) {
            is_nested = c.found[i].is_nested;
        }
        if (c.found[i].is_nested == is_nested) {
            items[count++] = c.found[i].claim;
        }
    }
    free(c.found);
    return (struct auth_claims){items, count};
}

struct auth_list claims_words(const struct auth_claims *claims, struct arena *arena)
{
    struct span *items;
    size_t room = 0;
    size_t count = 0;

    for (size_t i = 0; i < claims->count; i++) {
        room++;
        for (size_t at = 0; at < claims->items[i].value.len; at++) {
            room += claims->items[i].value.ptr[at] == ' ';
        }
    }
    items = arena_alloc(arena, (room + 1) * sizeof(*items));
    for (size_t i = 0; i < claims->count; i++) {
        struct span rest = claims->items[i].value;
        struct span word;
        while (rest.ptr != NULL && span_split(&rest, ' ', &word)) {
            if (word.len != 0) {
                items[count++] = word;
            }
        }
    }
    return (struct auth_list){items, count};
}
