#include "edge/path.h"

#include <stdio.h>

#define STRICT_MEND                                                                                \
    "'paths: as_sent' of the site lets it through and asks the rules about every reading"

static const struct {
    const char *word;
    const char *text;
    const char *mend;
} errors[PATH_ERROR_COUNT] = {
    [PATH_OK] = {"ok", "the path is well-formed", NULL},
    [PATH_BAD_START] = {"path_start", "the path does not begin with '/'", NULL},
    [PATH_BAD_BYTE] = {"path_byte", "the path holds a byte that no path can hold",
                       "the client should percent-encode it"},
    [PATH_BAD_BACKSLASH] = {"path_backslash",
                            "the path holds a backslash, which some servers take for a '/'",
                            "the client should percent-encode it"},
    [PATH_BAD_PERCENT] = {"path_percent",
                          "a '%' in the path is not followed by two hexadecimal digits",
                          "the client should write %25 for a '%' of the name itself"},
    [PATH_BAD_NUL] = {"path_nul", "the path holds an encoded NUL, at which some servers stop",
                      NULL},
    [PATH_BAD_DOTS] = {"path_hidden_dots",
                       "the path hides a dot segment behind '%2F', '%5C' or ';', as in \"..;/\", "
                       "which servers read in different ways",
                       NULL},
    [PATH_BAD_UTF8] = {"path_overlong",
                       "the path holds bytes that are not UTF-8, and that some servers take for "
                       "another character, as \"%C0%AF\" for '/'",
                       NULL},
    [PATH_ENCODED_SLASH] = {"path_encoded_slash",
                            "the path holds an encoded '/', which some servers take for a "
                            "separator, and the site has rules about paths",
                            STRICT_MEND},
    [PATH_ENCODED_BACKSLASH] = {"path_encoded_backslash",
                                "the path holds an encoded backslash, which some servers take for "
                                "a '/', and the site has rules about paths",
                                STRICT_MEND},
    [PATH_PARAMETER] = {"path_parameter",
                        "the path holds a ';', from which on some servers drop the rest of the "
                        "segment, and the site has rules about paths",
                        STRICT_MEND},
    [PATH_DOUBLE] = {"path_double_encoding",
                     "the path is encoded twice, which some servers decode twice, and the site has "
                     "rules about paths",
                     STRICT_MEND},
    [PATH_READINGS] =
        {"path_readings",
         "there are more ways in which servers could read the path than can be "
         "looked at, and the site has rules about paths",
         "the client should percent-encode it once, and use no ';' and '%2F' where it "
         "is long"},
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

const char *path_error_mend(enum path_error error)
{
    CHECK(error < PATH_ERROR_COUNT);
    return errors[error].mend;
}

const char *path_error_detail(enum path_error error, const struct path *path, struct arena *arena)
{
    char shown[64];
    size_t len = 0;

    if (path->bad.ptr == NULL) {
        return path_error_text(error);
    }
    for (size_t i = 0; i < path->bad.len && len + 5 < sizeof(shown); i++) {
        unsigned char c = (unsigned char)path->bad.ptr[i];
        bool is_plain = c > ' ' && c < 0x7f && c != '"';
        len += (size_t)snprintf(shown + len, sizeof(shown) - len, is_plain ? "%c" : "\\x%02x", c);
    }
    return arena_printf(arena, "%s: \"%s\" at byte %zu of the path", path_error_text(error), shown,
                        (size_t)(path->bad.ptr - path->raw.ptr) + 1);
}

/* ---- characters ---- */

static int hex_value(char c)
{
    if (ascii_is_digit(c)) {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int path_triplet(struct span s, size_t at)
{
    if (s.len - at < 3 || s.ptr[at] != '%') {
        return -1;
    }
    int high = hex_value(s.ptr[at + 1]);
    int low = hex_value(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The character at s[at], written as itself or as a triplet, and how many bytes it takes. */
static int char_at(struct span s, size_t at, size_t *len)
{
    int value = path_triplet(s, at);

    *len = value >= 0 ? 3 : 1;
    return value >= 0 ? value : (unsigned char)s.ptr[at];
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(int c)
{
    char lower = ascii_lower((char)c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* What RFC 3986 does not allow in a path and yet comes, from browsers too. The square brackets,
 * which they send as well, are left: servers take them. */
static bool is_odd(int c)
{
    return c >= 0x80 || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' ||
           c == '{' || c == '|' || c == '}';
}

static char *write_triplet(char *to, int value)
{
    static const char digits[] = "0123456789ABCDEF";

    *to++ = '%';
    *to++ = digits[value >> 4];
    *to++ = digits[value & 15];
    return to;
}

/* Whether `match` has it as itself: printable, and without a meaning to whoever reads a path. */
static bool is_plain(int c)
{
    return c > ' ' && c < 0x7f && c != '/' && c != '\\' && c != '?' && c != '#' && c != '%' &&
           c != ';';
}

char *path_write_decoded(char *to, int value)
{
    if (!is_plain(value)) {
        return write_triplet(to, value);
    }
    *to++ = (char)value;
    return to;
}

/* One that came as itself; a '%' without its digits stays. */
static char *write_raw(char *to, int value)
{
    if (value == '\\' || value >= 0x80) {
        return write_triplet(to, value);
    }
    *to++ = (char)value;
    return to;
}

struct span path_fold_percent(struct span pattern, struct arena *arena)
{
    char *start = arena_alloc(arena, pattern.len * 3);
    char *to = start;
    size_t len;

    for (size_t i = 0; i < pattern.len; i += len) {
        int value = char_at(pattern, i, &len);
        to = len == 3 ? path_write_decoded(to, value) : write_raw(to, value);
    }
    return span_make(start, (size_t)(to - start));
}

struct span path_encode(struct span text, struct arena *arena)
{
    size_t odd = 0;

    for (size_t i = 0; i < text.len; i++) {
        odd += is_odd((unsigned char)text.ptr[i]);
    }
    if (odd == 0) {
        return text;
    }
    char *start = arena_alloc(arena, text.len + 2 * odd);
    char *to = start;
    for (size_t i = 0; i < text.len; i++) {
        if (is_odd((unsigned char)text.ptr[i])) {
            to = write_triplet(to, (unsigned char)text.ptr[i]);
        } else {
            *to++ = text.ptr[i];
        }
    }
    return span_make(start, (size_t)(to - start));
}

/* RFC 3986 section 6.2.2, for what is forwarded rewritten. */
static struct span fold_for_backend(struct span raw, struct arena *arena)
{
    char *start = arena_alloc(arena, raw.len * 3);
    char *to = start;
    size_t len;

    for (size_t i = 0; i < raw.len; i += len) {
        int value = char_at(raw, i, &len);
        if (len == 3 ? is_unreserved(value) : !is_odd(value)) {
            *to++ = (char)value;
        } else {
            to = write_triplet(to, value);
        }
    }
    return span_make(start, (size_t)(to - start));
}

/* ---- what is refused ---- */

static enum path_error refuse(struct path *path, enum path_error error, size_t at, size_t len)
{
    path->bad = span_make(path->raw.ptr + at, len);
    return error;
}

/* Bytes that mean nothing wherever they stand: nearly all of most paths. */
static const bool is_quiet[256] = {
    ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true,
    ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true,
    ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true,
    ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true,
    ['y'] = true, ['z'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true,
    ['E'] = true, ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true,
    ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true,
    ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true,
    ['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true, ['0'] = true, ['1'] = true,
    ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
    ['8'] = true, ['9'] = true, ['-'] = true, ['_'] = true, ['~'] = true, ['='] = true,
    [','] = true, ['+'] = true, [':'] = true, ['@'] = true,
};

/* The one pass that most paths need. *is_normal: nothing is there to be normalised. */
static enum path_error scan(struct path *path, bool *is_normal)
{
    struct span raw = path->raw;
    bool is_after_slash = false;

    *is_normal = true;
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.ptr[i];
        if (LIKELY(is_quiet[c])) {
            is_after_slash = false;
            continue;
        }
        if (c <= ' ' || c >= 0x7f || c == '?' || c == '#') {
            return refuse(path, PATH_BAD_BYTE, i, 1);
        }
        if (c == '\\') {
            return refuse(path, PATH_BAD_BACKSLASH, i, 1);
        }
        if (c == '%' || (is_after_slash && (c == '/' || c == '.')) || is_odd(c)) {
            *is_normal = false;
        }
        path->is_ambiguous |= c == ';';
        is_after_slash = c == '/';
    }
    return PATH_OK;
}

/* Whether the character is the first of a form of UTF-8 that is longer than it need be (RFC 3629
 * section 3), with which a check for '/' or '.' can be passed. */
static bool is_overlong(struct span raw, int value, size_t next)
{
    size_t len;
    int second = next < raw.len ? char_at(raw, next, &len) : 0;

    return ((value == 0xc0 || value == 0xc1) && second >= 0x80 && second < 0xc0) ||
           (value == 0xe0 && second >= 0x80 && second < 0xa0) ||
           (value == 0xf0 && second >= 0x80 && second < 0x90);
}

/* Some decoders do not look at the byte behind it, and make any character of the two. */
static bool is_never_utf8(int value)
{
    return value == 0xc0 || value == 0xc1 || value >= 0xf5;
}

/* Whether the two characters from `at` on, each in whatever spelling, are hex digits. */
static bool are_hex_digits(struct span raw, size_t at)
{
    size_t len = 0;

    for (int i = 0; i < 2; i++, at += len) {
        int value = at < raw.len ? char_at(raw, at, &len) : 0;
        if (value >= 0x80 || hex_value((char)value) < 0) {
            return false;
        }
    }
    return true;
}

/* What a character means to servers that read more into it than RFC 3986 does. */
static enum path_error judge(struct span raw, size_t at, size_t len, int value)
{
    if (value == '/') {
        return len == 3 ? PATH_ENCODED_SLASH : PATH_OK;
    }
    if (value == '\\') {
        return PATH_ENCODED_BACKSLASH;
    }
    if (value == ';') {
        return PATH_PARAMETER;
    }
    if (value == '%' && are_hex_digits(raw, at + len)) {
        return PATH_DOUBLE;
    }
    return is_never_utf8(value) ? PATH_BAD_UTF8 : PATH_OK;
}

bool path_has_bad_utf8(struct span text)
{
    size_t len;

    for (size_t i = 0; i < text.len; i += len) {
        int value = char_at(text, i, &len);
        if (is_never_utf8(value) || is_overlong(text, value, i + len)) {
            return true;
        }
    }
    return false;
}

enum path_error path_check_strict(struct path *path)
{
    struct span raw = path->raw;
    size_t len;

    if (LIKELY(!path->is_ambiguous)) {
        return PATH_OK;
    }
    for (size_t i = 0; i < raw.len; i += len) {
        int value = char_at(raw, i, &len);
        enum path_error error = judge(raw, i, len, value);
        if (error != PATH_OK) {
            return refuse(path, error, i, error == PATH_DOUBLE && raw.len - i >= 5 ? 5 : len);
        }
    }
    return PATH_OK;
}

static enum path_error fold(struct path *path, struct arena *arena, struct span *folded)
{
    struct span raw = path->raw;
    char *start = arena_alloc(arena, raw.len * 3);
    char *to = start;
    size_t len;

    for (size_t i = 0; i < raw.len; i += len) {
        int value = char_at(raw, i, &len);
        if (value == '%' && len == 1) {
            return refuse(path, PATH_BAD_PERCENT, i, raw.len - i < 3 ? raw.len - i : 3);
        }
        if (value == 0) {
            return refuse(path, PATH_BAD_NUL, i, len);
        }
        if (is_overlong(raw, value, i + len)) {
            return refuse(path, PATH_BAD_UTF8, i, len);
        }
        path->is_ambiguous |= judge(raw, i, len, value) != PATH_OK;
        to = len == 3 ? path_write_decoded(to, value) : write_raw(to, value);
    }
    *folded = span_make(start, (size_t)(to - start));
    return PATH_OK;
}

/* ---- segments ---- */

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

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The part in front of a path parameter (";x"), which some servers cut off before they look for dot
 * segments. */
static struct span without_parameter(struct span s)
{
    return span_head(s, min_size(span_find(s, ';'), find_text(s, SPAN_OF("%3B"))));
}

/* Whether a server that takes "%2F" or "%5C" for '/' or drops parameters would see a dot segment in
 * a segment that is none. */
static bool hides_dots(struct span segment)
{
    const struct span slash = SPAN("%2F");
    const struct span backslash = SPAN("%5C");

    if (is_dots(segment)) {
        return false;
    }
    for (;;) {
        size_t end = min_size(find_text(segment, slash), find_text(segment, backslash));
        if (is_dots(without_parameter(span_head(segment, end)))) {
            return true;
        }
        if (end == segment.len) {
            return false;
        }
        segment = span_skip(segment, end + slash.len);
    }
}

/* `folded` is how routes would see the path but for its dots. */
static enum path_error check_dots(struct path *path, struct span folded, bool *has_dots)
{
    struct span rest = span_skip(folded, 1);
    struct span segment;

    *has_dots = false;
    while (span_split(&rest, '/', &segment)) {
        if (hides_dots(segment)) {
            path->is_ambiguous = true;
            /* It says where: there is one of its bytes. */
            return path_check_strict(path) != PATH_OK ? PATH_BAD_DOTS : PATH_OK;
        }
        *has_dots = *has_dots || is_dots(segment);
    }
    return PATH_OK;
}

/* RFC 3986 section 5.2.4, for a path that begins with '/'. */
struct span path_remove_dots(struct span path, struct arena *arena)
{
    char *start = arena_alloc(arena, path.len + 1);
    size_t len = 0; /* what is written so far ends without a '/', or is empty */
    struct span rest = span_skip(path, 1);
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

struct span path_merge_slashes(struct span path, struct arena *arena)
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

    *path = (struct path){.raw = raw, .match = raw, .forward = raw};
    if (raw.len == 0) {
        path->match = path->forward = SPAN_OF("/");
        path->is_rewritten = true;
        return PATH_OK;
    }
    if (raw.ptr[0] != '/') {
        bool is_asterisk = span_eq(raw, SPAN_OF("*"));
        return is_asterisk ? PATH_OK : refuse(path, PATH_BAD_START, 0, 1);
    }
    enum path_error error = scan(path, &is_normal);
    if (error != PATH_OK) {
        return error;
    }
    if (LIKELY(is_normal) && LIKELY(!path->is_ambiguous)) {
        return PATH_OK;
    }
    error = fold(path, arena, &folded);
    if (error != PATH_OK) {
        return error;
    }
    error = check_dots(path, folded, &has_dots);
    if (error != PATH_OK) {
        return error;
    }
    if (has_dots) {
        path->forward = path_remove_dots(fold_for_backend(raw, arena), arena);
        path->match = path_merge_slashes(path_remove_dots(folded, arena), arena);
        path->is_rewritten = true;
        return PATH_OK;
    }
    path->forward = path_encode(raw, arena);
    path->is_rewritten = path->forward.ptr != raw.ptr;
    path->match = is_normal ? raw : path_merge_slashes(folded, arena);
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
            c = path_triplet(match, i);
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
