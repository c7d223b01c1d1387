#include "edge/script.h"

#include "edge/path.h"

static bool ends_with_mark(struct span segment, struct span mark)
{
    return mark.len != 0 && segment.len > mark.len &&
           span_ieq(span_skip(segment, segment.len - mark.len), mark);
}

/* Where the first segment ends that is a script's; 0: none is. */
static size_t name_end(struct span match, struct span mark)
{
    size_t start = 0;

    for (size_t i = 0; i <= match.len; i++) {
        if (i < match.len && match.ptr[i] != '/') {
            continue;
        }
        if (ends_with_mark(span_make(match.ptr + start, i - start), mark)) {
            return i;
        }
        start = i + 1;
    }
    return 0;
}

/* False: it has a control character. */
static bool decode(struct span text, struct arena *arena, struct span *out)
{
    char *to = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int value = text.ptr[i] == '%' ? path_triplet(text, i) : (unsigned char)text.ptr[i];

        if (value < 0x20 || value == 0x7f) {
            return false;
        }
        i += text.ptr[i] == '%' ? 2 : 0;
        to[len++] = (char)value;
    }
    *out = span_make(to, len);
    return true;
}

static struct span join(struct span one, struct span other, struct arena *arena)
{
    char *text = arena_alloc(arena, one.len + other.len + 1);

    memcpy(text, one.ptr, one.len);
    memcpy(text + one.len, other.ptr, other.len);
    return span_make(text, one.len + other.len);
}

bool script_find(const struct script_rule *rule, struct span match, struct arena *arena,
                 struct script *script)
{
    size_t end = name_end(match, rule->mark);

    if (end == 0 && rule->index.len != 0 && match.len != 0 && match.ptr[match.len - 1] == '/') {
        match = join(match, rule->index, arena);
        end = match.len;
    }
    if (end == 0) {
        return false;
    }
    script->file = span_head(match, end);
    return decode(script->file, arena, &script->name) &&
           decode(span_skip(match, end), arena, &script->info);
}

bool script_is_one(const struct script_rule *rule, struct span name)
{
    size_t start = name.len;

    while (start > 0 && name.ptr[start - 1] != '/') {
        start--;
    }
    return ends_with_mark(span_skip(name, start), rule->mark);
}
