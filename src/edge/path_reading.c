#include "edge/path_reading.h"

/* Bytes of all of them together, with what they are made of: what one request may cost. */
#define READINGS_BYTES_MAX ((size_t)256 * 1024)

static bool has_text(struct span s, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= s.len; i++) {
        if (s.ptr[i] == text[0] && memcmp(s.ptr + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

/* "%252F" becomes "%2F". Whether there was any. */
static bool decode_once_more(struct span s, struct arena *arena, struct span *decoded)
{
    char *start = arena_alloc(arena, s.len);
    char *to = start;
    bool is_changed = false;

    for (size_t i = 0; i < s.len; i++) {
        char digits[3] = {'%', 0, 0};
        int value = -1;
        if (s.len - i >= 5 && memcmp(s.ptr + i, "%25", 3) == 0) {
            memcpy(digits + 1, s.ptr + i + 3, 2);
            value = path_triplet(span_make(digits, 3), 0);
        }
        if (value < 0) {
            *to++ = s.ptr[i];
            continue;
        }
        to = path_write_decoded(to, value);
        i += 4;
        is_changed = true;
    }
    *decoded = span_make(start, (size_t)(to - start));
    return is_changed;
}

/* Drops ";..." of each segment; `is_late`: "%3B..." too. */
static struct span drop_parameters(struct span s, bool is_late, struct arena *arena)
{
    char *start = arena_alloc(arena, s.len);
    size_t len = 0;
    bool is_dropped = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '/') {
            is_dropped = false;
        } else if (s.ptr[i] == ';' ||
                   (is_late && s.len - i >= 3 && memcmp(s.ptr + i, "%3B", 3) == 0)) {
            is_dropped = true;
        }
        if (!is_dropped) {
            start[len++] = s.ptr[i];
        }
    }
    return span_make(start, len);
}

static struct span decode_separator(struct span s, const char *triplet, struct arena *arena)
{
    char *start = arena_alloc(arena, s.len);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        bool is_one = s.len - i >= 3 && memcmp(s.ptr + i, triplet, 3) == 0;
        start[len++] = is_one ? '/' : s.ptr[i];
        i += is_one ? 2 : 0;
    }
    return span_make(start, len);
}

/* ---- sets of paths ---- */

static bool add(struct path_set *set, struct span s)
{
    for (size_t i = 0; i < set->count; i++) {
        if (span_eq(set->items[i], s)) {
            return true;
        }
    }
    if (set->count == PATH_READINGS_MAX) {
        return false;
    }
    set->items[set->count++] = s;
    return true;
}

/* What one step of some server makes of s. A step that changes nothing adds nothing. */
static bool add_steps(struct path_set *set, struct span s, struct arena *arena)
{
    bool is_good = true;

    if (span_find(s, ';') < s.len) {
        is_good = add(set, drop_parameters(s, false, arena));
    }
    if (has_text(s, "%3B")) {
        is_good = is_good && add(set, drop_parameters(s, true, arena));
    }
    if (has_text(s, "%2F")) {
        is_good = is_good && add(set, decode_separator(s, "%2F", arena));
    }
    if (has_text(s, "%5C")) {
        is_good = is_good && add(set, decode_separator(s, "%5C", arena));
    }
    if (has_text(s, "/.")) {
        is_good = is_good && add(set, path_remove_dots(s, arena)) &&
                  add(set, path_merge_slashes(s, arena));
    }
    return is_good;
}

/* All that the steps make of the set, in whatever order and number servers take them. */
static enum path_error close_set(struct path_set *set, size_t *bytes, struct arena *arena)
{
    for (size_t i = 0; i < set->count; i++) {
        *bytes += set->items[i].len;
        if (*bytes > READINGS_BYTES_MAX || !add_steps(set, set->items[i], arena)) {
            return PATH_READINGS;
        }
    }
    return PATH_OK;
}

static enum path_error check_bytes(const struct path_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (has_text(set->items[i], "%00")) {
            return PATH_BAD_NUL;
        }
        if (path_has_bad_utf8(set->items[i])) {
            return PATH_BAD_UTF8;
        }
    }
    return PATH_OK;
}

/* To the readings goes what is left of each when all else is done. */
static bool add_readings(struct path_readings *readings, const struct path_set *set)
{
    struct arena *arena = &readings->arena;

    for (size_t i = 0; i < set->count; i++) {
        struct span s = path_merge_slashes(path_remove_dots(set->items[i], arena), arena);
        if (!add(readings->set, s.len != 0 ? s : SPAN_OF("/"))) {
            return false;
        }
    }
    return true;
}

static bool decode_set(struct path_set *set, struct arena *arena)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++) {
        struct span more;
        if (decode_once_more(set->items[i], arena, &more)) {
            set->items[kept++] = more;
        }
    }
    set->count = kept;
    return kept != 0;
}

enum path_error path_readings_begin(struct path_readings *readings, const struct path *path)
{
    struct arena *arena = &readings->arena;
    struct path_set *set;
    unsigned decodings = 0;
    size_t bytes = 0;

    *readings = (struct path_readings){.next = 0};
    arena_init(arena, 4096);
    readings->set = arena_alloc(arena, sizeof(*readings->set));
    set = arena_alloc(arena, sizeof(*set));
    readings->set->count = set->count = 0;
    /* Servers see it as it is sent on, where dot segments are resolved. */
    if (!add(readings->set, path->match) || !add(set, path_fold_percent(path->forward, arena))) {
        return PATH_READINGS;
    }
    do {
        enum path_error error = check_bytes(set);
        if (error == PATH_OK && decodings++ > PATH_DECODINGS_MAX) {
            error = PATH_DOUBLE;
        }
        if (error == PATH_OK) {
            error = close_set(set, &bytes, arena);
        }
        if (error != PATH_OK) {
            return error;
        }
        if (!add_readings(readings, set)) {
            return PATH_READINGS;
        }
    } while (decode_set(set, arena));
    return PATH_OK;
}

void path_readings_end(struct path_readings *readings)
{
    arena_destroy(&readings->arena);
}

bool path_readings_next(struct path_readings *readings, struct span *reading)
{
    if (readings->next == readings->set->count) {
        return false;
    }
    *reading = readings->set->items[readings->next++];
    return true;
}
