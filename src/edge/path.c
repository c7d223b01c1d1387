#include "edge/path.h"

static const struct {
    const char *word;
    const char *text;
} errors[PATH_ERROR_COUNT] = {
    [PATH_OK] = {"ok", "the path is well-formed"},
    [PATH_BAD_START] = {"path_start", "the path does not begin with '/'"},
    [PATH_BAD_BYTE] = {"path_byte", "the path holds a byte that RFC 3986 does not allow there"},
    [PATH_BAD_PERCENT] = {"path_percent",
                          "a '%' in the path is not followed by two hexadecimal digits"},
    [PATH_BAD_NUL] = {"path_nul", "the path holds an encoded NUL, at which some servers stop"},
    [PATH_BAD_BACKSLASH] = {"path_backslash",
                            "the path holds a backslash, which some servers take for a '/'"},
    [PATH_BAD_DOTS] = {"path_hidden_dots",
                       "the path hides a dot segment behind '%2F' or ';', as in \"..;/\", which "
                       "servers read in different ways"},
};

const char *path_error_word(enum path_error error)
{
    CHECK(error < PATH_ERROR_COUNT);
    return errors[error].word;
}

const char *path_error_text(enum path_error error)
{
    CHECK(error < PATH_ERROR_COUNT);
    return errors[error].text;
}

static int hex_value(char c)
{
    if (ascii_is_digit(c)) {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the triplet at s[at], which is '%'; or -1. */
static int triplet_value(struct span s, size_t at)
{
    if (s.len - at < 3) {
        return -1;
    }
    int high = hex_value(s.ptr[at + 1]);
    int low = hex_value(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(int c)
{
    char lower = ascii_lower((char)c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* Writes the triplet at s[at] (whose value is `value`) in its normal form, and returns what follows
 * it in `to`. */
static char *write_triplet(char *to, int value)
{
    static const char digits[] = "0123456789ABCDEF";

    if (is_unreserved(value)) {
        *to++ = (char)value;
        return to;
    }
    *to++ = '%';
    *to++ = digits[value >> 4];
    *to++ = digits[value & 15];
    return to;
}

struct span path_fold_percent(struct span pattern, struct arena *arena)
{
    if (span_find(pattern, '%') == pattern.len) {
        return pattern;
    }
    char *start = arena_alloc(arena, pattern.len);
    char *to = start;

    for (size_t i = 0; i < pattern.len; i++) {
        int value = pattern.ptr[i] == '%' ? triplet_value(pattern, i) : -1;
        if (value < 0) {
            *to++ = pattern.ptr[i];
        } else {
            to = write_triplet(to, value);
            i += 2;
        }
    }
    return span_make(start, (size_t)(to - start));
}

/* Bytes of a path without its '%', which is looked at apart. The brackets, quotes and braces that
 * RFC 3986 does not allow are left to the HTTP parser, which is stricter. */
static enum path_error check_byte(char c)
{
    if (c == '\\') {
        return PATH_BAD_BACKSLASH;
    }
    if (c <= ' ' || c == 0x7f || c == '?' || c == '#') { /* where char is signed, 0x80.. is below */
        return PATH_BAD_BYTE;
    }
    return (unsigned char)c > 0x7e ? PATH_BAD_BYTE : PATH_OK;
}

/* The one pass that most paths need. *is_normal: nothing is there to be normalised. */
static enum path_error scan(struct span raw, bool *is_normal)
{
    bool is_after_slash = false;

    *is_normal = true;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        enum path_error error = check_byte(c);
        if (error != PATH_OK) {
            return error;
        }
        if (c == '%' || (is_after_slash && (c == '/' || c == '.'))) {
            *is_normal = false;
        }
        is_after_slash = c == '/';
    }
    return PATH_OK;
}

static enum path_error fold(struct span raw, struct arena *arena, struct span *folded)
{
    char *start = arena_alloc(arena, raw.len);
    char *to = start;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '%') {
            *to++ = raw.ptr[i];
            continue;
        }
        int value = triplet_value(raw, i);
        if (value < 0) {
            return PATH_BAD_PERCENT;
        }
        if (value == 0) {
            return PATH_BAD_NUL;
        }
        if (value == '\\') {
            return PATH_BAD_BACKSLASH;
        }
        to = write_triplet(to, value);
        i += 2;
    }
    *folded = span_make(start, (size_t)(to - start));
    return PATH_OK;
}

static bool is_dots(struct span s)
{
    return span_eq(s, SPAN_OF(".")) || span_eq(s, SPAN_OF(".."));
}

/* Where `needle` begins in s, or s.len. */
static size_t find_text(struct span s, struct span needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (memcmp(s.ptr + i, needle.ptr, needle.len) == 0) {
            return i;
        }
    }
    return s.len;
}

/* The part in front of a path parameter (";x"), which some servers cut off before they look for dot
 * segments. */
static struct span without_parameter(struct span s)
{
    s = span_head(s, span_find(s, ';'));
    return span_head(s, find_text(s, SPAN_OF("%3B")));
}

/* Whether a server that takes "%2F" for '/' or drops parameters would see a dot segment in a
 * segment that is none. */
static bool hides_dots(struct span segment)
{
    const struct span slash = SPAN("%2F");

    if (is_dots(segment)) {
        return false;
    }
    for (;;) {
        size_t end = find_text(segment, slash);
        if (is_dots(without_parameter(span_head(segment, end)))) {
            return true;
        }
        if (end == segment.len) {
            return false;
        }
        segment = span_skip(segment, end + slash.len);
    }
}

static enum path_error check_dots(struct span folded, bool *has_dots)
{
    struct span rest = span_skip(folded, 1);
    struct span segment;

    *has_dots = false;
    while (span_split(&rest, '/', &segment)) {
        if (hides_dots(segment)) {
            return PATH_BAD_DOTS;
        }
        *has_dots = *has_dots || is_dots(segment);
    }
    return PATH_OK;
}

/* RFC 3986 section 5.2.4, for a path that begins with '/'. */
static struct span remove_dots(struct span folded, struct arena *arena)
{
    char *start = arena_alloc(arena, folded.len);
    size_t len = 0; /* what is written so far ends without a '/', or is empty */
    struct span rest = span_skip(folded, 1);
    struct span segment;

    while (span_split(&rest, '/', &segment)) {
        bool is_last = rest.ptr == NULL;
        if (!is_dots(segment)) {
            start[len++] = '/';
            memcpy(start + len, segment.ptr, segment.len);
            len += segment.len;
            continue;
        }
        if (segment.len == 2) {
            while (len > 0 && start[--len] != '/') {
            }
        }
        if (is_last) {
            start[len++] = '/';
        }
    }
    return span_make(start, len);
}

static struct span merge_slashes(struct span path, struct arena *arena)
{
    if (find_text(path, SPAN_OF("//")) == path.len) {
        return path;
    }
    char *start = arena_alloc(arena, path.len);
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/' || len == 0 || start[len - 1] != '/') {
            start[len++] = path.ptr[i];
        }
    }
    return span_make(start, len);
}

enum path_error path_normalise(struct span raw, struct arena *arena, struct path *path)
{
    bool is_normal;
    bool has_dots;
    struct span folded;

    *path = (struct path){0};
    if (raw.len == 0) {
        *path = (struct path){SPAN("/"), SPAN("/"), true};
        return PATH_OK;
    }
    if (raw.ptr[0] != '/') {
        bool is_asterisk = span_eq(raw, SPAN_OF("*"));
        *path = (struct path){raw, raw, false};
        return is_asterisk ? PATH_OK : PATH_BAD_START;
    }
    *path = (struct path){raw, raw, false};
    enum path_error error = scan(raw, &is_normal);
    if (error != PATH_OK || LIKELY(is_normal)) {
        return error;
    }
    error = fold(raw, arena, &folded);
    if (error != PATH_OK) {
        return error;
    }
    error = check_dots(folded, &has_dots);
    if (error != PATH_OK) {
        return error;
    }
    if (has_dots) {
        folded = remove_dots(folded, arena);
        path->forward = folded;
        path->is_rewritten = true;
    }
    path->match = merge_slashes(folded, arena);
    return PATH_OK;
}

/* Whether the segment that begins at `at` of the relative name is one that files never show. */
static bool is_hidden(const char *name, size_t at, size_t end)
{
    if (name[at] != '.') {
        return false;
    }
    return at != 0 || !span_eq(span_make(name, end), SPAN_OF(".well-known"));
}

bool path_to_file(struct span match, struct arena *arena, const char **relative)
{
    char *name = arena_alloc(arena, match.len + 2);
    size_t len = 0;
    size_t segment = 0; /* where the last one begins */

    if (match.len == 0 || match.ptr[0] != '/') {
        return false;
    }
    name[0] = '\0';
    for (size_t i = 1; i < match.len; i++) {
        int c = (unsigned char)match.ptr[i];
        if (c == '/') {
            if (is_hidden(name, segment, len)) {
                return false;
            }
            name[len++] = '/';
            name[len] = '\0';
            segment = len;
            continue;
        }
        if (c == '%') {
            c = triplet_value(match, i);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || c == '/') {
            return false;
        }
        name[len++] = (char)c;
        name[len] = '\0';
    }
    if (is_hidden(name, segment, len)) {
        return false;
    }
    if (len == 0) {
        name[len++] = '.';
        name[len] = '\0';
    }
    *relative = name;
    return true;
}
