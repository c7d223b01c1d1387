#include "edge/redact.h"

#include <string.h>

#include "edge/path.h"

/* The character at `at`, decoded once as forms are, in lower case; *at goes behind it. */
static char next_char(struct span text, size_t *at)
{
    int value = path_triplet(text, *at);

    if (value >= 0) {
        *at += 3;
        return ascii_lower((char)value);
    }
    char byte = text.ptr[(*at)++];
    return byte == '+' ? ' ' : ascii_lower(byte);
}

static bool is_name(struct span parameter, const char *name)
{
    size_t at = 0;

    while (at < parameter.len && *name != '\0') {
        if (next_char(parameter, &at) != *name++) {
            return false;
        }
    }
    return at == parameter.len && *name == '\0';
}

bool redact_hides(const struct string_list *names, struct span parameter)
{
    for (size_t i = 0; i < names->count; i++) {
        if (is_name(parameter, names->items[i])) {
            return true;
        }
    }
    return false;
}

/* Some servers take ';' for '&', and some clients put a question mark in front of a parameter where
 * there is one already: so a name may begin behind each of these. But a value that is to be hidden
 * ends where no server goes on reading it. */
static bool begins_another(char byte)
{
    return byte == '&' || byte == ';' || byte == '?';
}

/* The value to hide of what begins at `at`, absent: there is none; *end: where that ends. */
static struct span hidden(const struct string_list *names, struct span query, size_t at,
                          size_t *end)
{
    size_t equals = at;

    while (equals < query.len && query.ptr[equals] != '=' && !begins_another(query.ptr[equals])) {
        equals++;
    }
    *end = equals;
    if (equals < query.len && query.ptr[equals] == '=' &&
        redact_hides(names, span_make(query.ptr + at, equals - at))) {
        *end += span_find(span_skip(query, equals), '&');
        return span_make(query.ptr + equals + 1, *end - equals - 1);
    }
    while (*end < query.len && !begins_another(query.ptr[*end])) {
        (*end)++;
    }
    return span_make(NULL, 0);
}

static size_t count_hidden(const struct string_list *names, struct span query)
{
    size_t count = 0;
    size_t end;

    for (size_t at = 0; at < query.len; at = end + 1) {
        count += hidden(names, query, at, &end).len != 0 ? 1 : 0;
    }
    return count;
}

static char *put(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

struct span redact_query(const struct string_list *names, struct span query, struct arena *arena)
{
    size_t count = names->count != 0 ? count_hidden(names, query) : 0;
    size_t end;
    char *bytes;
    char *to;

    if (count == 0) {
        return query;
    }
    bytes = to = arena_alloc(arena, query.len + count * (sizeof(REDACTED) - 1));
    for (size_t at = 0; at < query.len; at = end + 1) {
        struct span value = hidden(names, query, at, &end);

        to = put(to, query.ptr + at, end - at - value.len);
        if (value.len != 0) {
            to = put(to, REDACTED, sizeof(REDACTED) - 1);
        }
        if (end < query.len) {
            *to++ = query.ptr[end];
        }
    }
    return span_make(bytes, (size_t)(to - bytes));
}

struct span redact_url(const struct string_list *names, struct span text, struct arena *arena)
{
    size_t mark = span_find(text, '?');
    struct span query;
    struct span mended;
    char *bytes;

    if (names->count == 0 || mark == text.len) {
        return text;
    }
    query = span_skip(text, mark + 1);
    mended = redact_query(names, query, arena);
    if (mended.ptr == query.ptr) {
        return text;
    }
    bytes = arena_alloc(arena, mark + 1 + mended.len);
    memcpy(bytes, text.ptr, mark + 1);
    memcpy(bytes + mark + 1, mended.ptr, mended.len);
    return span_make(bytes, mark + 1 + mended.len);
}
