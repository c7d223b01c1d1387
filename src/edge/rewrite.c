#include "edge/rewrite.h"

#include <string.h>

/* What is left of `match` behind a prefix, in whole segments: "/..." or empty. False: it does not
 * begin so. */
static bool strip(struct span match, struct span prefix, struct span *rest)
{
    if (prefix.len > 1 && prefix.ptr[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (span_eq(prefix, SPAN_OF("/"))) {
        *rest = match;
        return true;
    }
    if (!span_starts_with(match, prefix)) {
        return false;
    }
    *rest = span_skip(match, prefix.len);
    return rest->len == 0 || rest->ptr[0] == '/';
}

/* `text`, in which the first `count` bytes of its match form are written, without these. */
static struct span skip_written(struct span text, size_t count)
{
    char spelled[4];

    while (count != 0 && text.len != 0) {
        int value = path_triplet(text, 0);
        if (value >= 0) {
            size_t len = (size_t)(path_write_decoded(spelled, value) - spelled);
            count -= len < count ? len : count;
            text = span_skip(text, 3);
            continue;
        }
        if (text.ptr[0] == '/') { /* a run of which counts as one */
            while (text.len > 1 && text.ptr[1] == '/') {
                text = span_skip(text, 1);
            }
        }
        count--;
        text = span_skip(text, 1);
    }
    return text;
}

static struct span put_before(struct span prefix, struct span rest, struct arena *arena)
{
    if (rest.len != 0 && prefix.len != 0 && prefix.ptr[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (prefix.len == 0) {
        return rest.len != 0 ? rest : SPAN_OF("/");
    }
    char *bytes = arena_alloc(arena, prefix.len + rest.len + 1);
    memcpy(bytes, prefix.ptr, prefix.len);
    if (rest.len != 0) {
        memcpy(bytes + prefix.len, rest.ptr, rest.len);
    }
    return span_make(bytes, prefix.len + rest.len);
}

const struct rewrite *rewrite_make(const struct rewrite_settings *settings, struct arena *arena)
{
    struct rewrite *rewrite;
    struct error error;
    size_t offset;

    if (settings == NULL) {
        return NULL;
    }
    rewrite = arena_calloc(arena, sizeof(*rewrite));
    rewrite->settings = settings;
    if (settings->replace != NULL) {
        rewrite->regex =
            pattern_compile(span_from_cstr(settings->replace->regex), 0, arena, &error, &offset);
        CHECK(rewrite->regex != NULL && template_parse(span_from_cstr(settings->replace->with),
                                                       false, arena, &rewrite->with, &error));
    }
    if (settings->query != NULL) {
        rewrite->has_query = true;
        CHECK(
            template_parse(span_from_cstr(settings->query), false, arena, &rewrite->query, &error));
    }
    return rewrite;
}

struct span rewrite_query(const struct rewrite *rewrite, const struct template_values *values,
                          struct arena *arena)
{
    struct span query = template_expand(&rewrite->query, values, TEMPLATE_URL, arena);

    while (query.len != 0 && query.ptr[0] == '&') {
        query = span_skip(query, 1);
    }
    while (query.len != 0 && query.ptr[query.len - 1] == '&') {
        query = span_head(query, query.len - 1);
    }
    return query.len != 0 ? query : span_make(NULL, 0);
}

void rewrite_prefixes(const struct rewrite_settings *settings, struct path *path,
                      struct arena *arena)
{
    struct span prefix =
        settings->prefix != NULL ? span_from_cstr(settings->prefix) : span_make(NULL, 0);
    struct span match = path->match;
    struct span forward = path->forward;
    struct span rest;

    if (match.len == 0 || match.ptr[0] != '/') {
        return; /* OPTIONS * */
    }
    if (settings->strip_prefix != NULL &&
        strip(match, span_from_cstr(settings->strip_prefix), &rest)) {
        forward = skip_written(forward, match.len - rest.len);
        match = rest;
    } else if (settings->prefix == NULL) {
        return;
    }
    path->match = put_before(prefix, match, arena);
    path->forward = put_before(prefix, forward, arena);
    path->is_rewritten = true;
}

/* ---- replace ---- */

struct replacing {
    const struct rewrite *rewrite;
    const struct template_values *values; /* of all else */
    struct pattern_captures captures;
};

static struct span value_of(void *owner, const struct template_part *part)
{
    const struct replacing *replacing = owner;

    return part->variable == VARIABLE_MATCH
               ? replacing->captures
                     .items[pattern_capture_number(replacing->rewrite->regex, part->text)]
               : replacing->values->value(replacing->values->owner, part);
}

/* Nothing that was put in begins a query or a fragment. */
static struct span join(struct span before, struct span middle, struct span behind,
                        struct arena *arena)
{
    char *bytes = arena_alloc(arena, before.len + 3 * middle.len + behind.len + 1);
    char *to = bytes;

    memcpy(to, before.len != 0 ? before.ptr : "", before.len);
    to += before.len;
    for (size_t i = 0; i < middle.len; i++) {
        if (middle.ptr[i] == '?' || middle.ptr[i] == '#') {
            memcpy(to, middle.ptr[i] == '?' ? "%3F" : "%23", 3);
            to += 3;
        } else {
            *to++ = middle.ptr[i];
        }
    }
    memcpy(to, behind.len != 0 ? behind.ptr : "", behind.len);
    to += behind.len;
    return path_encode(span_make(bytes, (size_t)(to - bytes)), arena);
}

static bool has_dot_segments(struct span path, struct arena *arena)
{
    struct span folded = path_fold_percent(path, arena);

    return !span_eq(path_remove_dots(folded, arena), folded);
}

/* The captures are of a path that has no dot segments and nothing that its site does not let
 * through; put together anew they might. */
static bool is_sound(struct span text, bool may_be_ambiguous, struct arena *arena,
                     struct path *made)
{
    return text.len != 0 && text.len <= REWRITTEN_PATH_MAX && text.ptr[0] == '/' &&
           path_normalise(text, arena, made) == PATH_OK && !has_dot_segments(text, arena) &&
           (may_be_ambiguous || path_check_strict(made) == PATH_OK);
}

static bool replace(const struct rewrite *rewrite, const struct template_values *values,
                    struct path *path, struct arena *arena)
{
    struct replacing replacing = {.rewrite = rewrite, .values = values};
    const struct template_values all = {value_of, &replacing};
    struct span match = path->match;
    struct span found;
    struct path made;

    switch (pattern_search(rewrite->regex, match, &replacing.captures)) {
    case PATTERN_NOT_FOUND:
        return true;
    case PATTERN_EXCEEDED:
        return false;
    case PATTERN_FOUND:
        break;
    }
    found = replacing.captures.items[0];
    if (found.ptr == NULL) {
        return false;
    }
    size_t at = (size_t)(found.ptr - match.ptr);
    struct span text =
        join(span_head(match, at), template_expand(&rewrite->with, &all, TEMPLATE_URL, arena),
             span_skip(match, at + found.len), arena);
    if (!is_sound(text, path->is_ambiguous, arena, &made)) {
        return false;
    }
    path->match = made.match;
    path->forward = made.forward;
    path->is_rewritten = true;
    return true;
}

bool rewrite_path(const struct rewrite *rewrite, const struct template_values *values,
                  struct path *path, struct arena *arena)
{
    if (path->match.len == 0 || path->match.ptr[0] != '/') {
        return true; /* OPTIONS * */
    }
    rewrite_prefixes(rewrite->settings, path, arena);
    return rewrite->regex == NULL || replace(rewrite, values, path, arena);
}

struct span redirect_location(const struct template *to, const struct template_values *values,
                              enum template_use use, struct arena *arena)
{
    struct span location = template_expand(to, values, use, arena);

    if (template_begins_with_path(to)) {
        while (span_starts_with(location, SPAN_OF("//"))) {
            location = span_skip(location, 1);
        }
    }
    return location;
}
