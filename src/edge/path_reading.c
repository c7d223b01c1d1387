#include "edge/path_reading.h"

/* The choices of a reading, as bits. */
enum {
    SLASH = 1,          /* "%2F" is a '/' */
    BACKSLASH = 2,      /* "%5C" is a '/' */
    PARAMETERS = 4,     /* dropped as they are written, before anything is decoded */
    PARAMETERS_TOO = 8, /* dropped once all is decoded: "%3B" begins one as well */
    MERGED = 16,        /* slashes are merged before dot segments are removed */
    CHOICES = 32
};

/* Bytes of all readings together: what one request may cost. */
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

/* A choice that changes nothing makes no reading of its own. */
static unsigned choices_of(struct span s, bool is_decoded_again)
{
    bool has_parameter = span_find(s, ';') < s.len;
    bool has_encoded_parameter = has_text(s, "%3B");
    unsigned choices = (has_text(s, "%2F") ? SLASH : 0U) | (has_text(s, "%5C") ? BACKSLASH : 0U);

    /* To drop them late is another thing only where decoding brings some, or ends them earlier. */
    if (has_encoded_parameter || (has_parameter && choices != 0)) {
        choices |= PARAMETERS_TOO;
    }
    return choices | (has_parameter ? PARAMETERS : 0U) | (is_decoded_again ? MERGED : 0U);
}

static unsigned count_readings(unsigned choices)
{
    unsigned count = 1;

    for (; choices != 0; choices &= choices - 1) {
        count *= 2;
    }
    return count;
}

enum path_error path_readings_begin(struct path_readings *readings, const struct path *path,
                                    struct arena *arena)
{
    struct span more = path_fold_percent(path->raw, arena);
    size_t bytes = 0;

    *readings = (struct path_readings){.match = path->match};
    arena_init(&readings->scratch, 4096);
    do {
        unsigned level = readings->level_count;
        if (level == ARRAY_LEN(readings->levels)) {
            return PATH_DOUBLE;
        }
        if (has_text(more, "%00")) {
            return PATH_BAD_NUL;
        }
        if (path_has_bad_utf8(more)) {
            return PATH_BAD_UTF8;
        }
        readings->levels[level] = more;
        readings->choices[level] = choices_of(more, level != 0);
        bytes += count_readings(readings->choices[level]) * more.len;
        if (bytes > READINGS_BYTES_MAX) {
            return PATH_READINGS;
        }
        readings->level_count++;
    } while (decode_once_more(more, arena, &more));
    return PATH_OK;
}

void path_readings_end(struct path_readings *readings)
{
    arena_destroy(&readings->scratch);
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

static struct span read_path(struct span s, unsigned choices, struct arena *arena)
{
    if ((choices & PARAMETERS) != 0) {
        s = drop_parameters(s, false, arena);
    }
    if ((choices & SLASH) != 0) {
        s = decode_separator(s, "%2F", arena);
    }
    if ((choices & BACKSLASH) != 0) {
        s = decode_separator(s, "%5C", arena);
    }
    if ((choices & PARAMETERS_TOO) != 0) {
        s = drop_parameters(s, true, arena);
    }
    if ((choices & MERGED) != 0) {
        s = path_merge_slashes(s, arena);
    }
    s = path_merge_slashes(path_remove_dots(s, arena), arena);
    return s.len != 0 ? s : SPAN_OF("/");
}

bool path_readings_next(struct path_readings *readings, struct span *reading)
{
    while (readings->next < readings->level_count * CHOICES) {
        unsigned level = readings->next / CHOICES;
        unsigned choices = readings->next % CHOICES;

        readings->next++;
        if (level == 0 && choices == 0) {
            *reading = readings->match;
            return true;
        }
        if ((choices & ~readings->choices[level]) == 0) {
            arena_reset(&readings->scratch);
            *reading = read_path(readings->levels[level], choices, &readings->scratch);
            return true;
        }
    }
    return false;
}
