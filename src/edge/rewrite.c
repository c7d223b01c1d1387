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

void rewrite_path(const struct rewrite_settings *settings, struct path *path, struct arena *arena)
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
