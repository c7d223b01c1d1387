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

/* Where the pair that begins at `at` ends: some servers take ';' for '&'. */
static size_t pair_end(struct span query, size_t at)
{
    while (at < query.len && query.ptr[at] != '&' && query.ptr[at] != ';') {
        at++;
    }
    return at;
}

/* Its value, if it is one of the names'; absent: there is nothing to hide. */
static struct span hidden(const struct string_list *names, struct span pair)
{
    size_t equals = span_find(pair, '=');

    if (equals + 1 >= pair.len || !redact_hides(names, span_head(pair, equals))) {
        return span_make(NULL, 0);
    }
    return span_skip(pair, equals + 1);
}

static size_t count_hidden(const struct string_list *names, struct span query)
{
    size_t count = 0;

    for (size_t at = 0; at < query.len;) {
        size_t end = pair_end(query, at);
        count += hidden(names, span_make(query.ptr + at, end - at)).len != 0 ? 1 : 0;
        at = end + 1;
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
    char *bytes;
    char *to;

    if (count == 0) {
        return query;
    }
    bytes = to = arena_alloc(arena, query.len + count * (sizeof(REDACTED) - 1));
    for (size_t at = 0; at < query.len;) {
        size_t end = pair_end(query, at);
        struct span value = hidden(names, span_make(query.ptr + at, end - at));

        to = put(to, query.ptr + at, end - at - value.len);
        if (value.len != 0) {
            to = put(to, REDACTED, sizeof(REDACTED) - 1);
        }
        if (end < query.len) {
            *to++ = query.ptr[end];
        }
        at = end + 1;
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
