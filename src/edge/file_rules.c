#include "edge/file_rules.h"

#include "edge/mime.h"

#define HASH_MIN 8

/* What was compressed once, with all the time in the world, is smallest in Brotli. */
const enum coding file_codings[FILE_CODING_COUNT] = {CODING_BROTLI, CODING_ZSTD, CODING_GZIP};

struct span file_suffix(enum coding coding)
{
    static const struct span suffixes[CODING_COUNT] = {SPAN(""), SPAN(".gz"), SPAN(".br"),
                                                       SPAN(".zst")};

    return suffixes[coding];
}

/* ---- types ---- */

/* Behind the last dot of the last part; empty: it has none. */
static struct span extension(struct span name)
{
    for (size_t i = name.len; i-- > 0 && name.ptr[i] != '/';) {
        if (name.ptr[i] == '.') {
            return span_skip(name, i + 1);
        }
    }
    return span_make(NULL, 0);
}

static struct span with_charset(const char *charset, struct span type, struct arena *arena)
{
    const struct span usual = SPAN("; charset=utf-8");

    if (charset == NULL || !span_ends_with(type, usual)) {
        return type;
    }
    type = span_head(type, type.len - usual.len);
    return strcmp(charset, "none") == 0
               ? type
               : span_from_cstr(arena_printf(arena, "%.*s; charset=%s", SPAN_ARG(type), charset));
}

struct span file_type(const struct files_settings *settings, struct span name, struct arena *arena)
{
    struct span own = extension(name);
    const char *any = NULL;

    for (size_t i = 0; i < settings->type_count; i++) {
        struct span key = span_from_cstr(settings->types[i].name);
        if (span_eq(key, SPAN_OF("*"))) {
            any = settings->types[i].value;
        } else if (own.len != 0 && span_ieq(own, key)) {
            return span_from_cstr(settings->types[i].value);
        }
    }
    if (any != NULL && !mime_is_known(name)) {
        return span_from_cstr(any);
    }
    return with_charset(settings->charset, mime_from_name(name), arena);
}

/* ---- patterns ---- */

static bool is_of_hash(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c == '-';
}

static bool fits(struct span pattern, struct span name);

static bool fits_hash(struct span pattern, struct span name)
{
    bool has_digit = false;

    for (size_t i = 0; i < name.len && is_of_hash(name.ptr[i]); i++) {
        has_digit |= ascii_is_digit(name.ptr[i]);
        if (i + 1 >= HASH_MIN && has_digit && fits(pattern, span_skip(name, i + 1))) {
            return true;
        }
    }
    return false;
}

/* The last '*' alone is gone back to, which is enough where nothing but '*' is of any length; a
 * hash is as long as the name at most, and a pattern has one. */
static bool fits(struct span pattern, struct span name)
{
    const struct span hash = SPAN("{hash}");
    struct span behind_star = {NULL, 0};
    struct span retry = {NULL, 0};

    for (;;) {
        if (pattern.len != 0 && pattern.ptr[0] == '*') {
            pattern = behind_star = span_skip(pattern, 1);
            retry = name;
            continue;
        }
        if (span_starts_with(pattern, hash)) {
            if (fits_hash(span_skip(pattern, hash.len), name)) {
                return true;
            }
        } else if (pattern.len == 0 && name.len == 0) {
            return true;
        } else if (pattern.len != 0 && name.len != 0 && pattern.ptr[0] == name.ptr[0]) {
            pattern = span_skip(pattern, 1);
            name = span_skip(name, 1);
            continue;
        }
        if (behind_star.ptr == NULL || retry.len == 0) {
            return false;
        }
        pattern = behind_star;
        name = retry = span_skip(retry, 1);
    }
}

bool file_pattern_fits(struct span pattern, struct span name)
{
    if (span_starts_with(pattern, SPAN_OF("/"))) {
        return fits(span_skip(pattern, 1), name);
    }
    for (size_t i = name.len; i-- > 0;) {
        if (name.ptr[i] == '/') {
            return fits(pattern, span_skip(name, i + 1));
        }
    }
    return fits(pattern, name);
}

bool file_pattern_is_fine(struct span pattern)
{
    const struct span hash = SPAN("{hash}");
    bool has_hash = false;

    for (size_t i = 0; i < pattern.len; i++) {
        unsigned char c = (unsigned char)pattern.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '}') {
            return false;
        }
        if (c == '{') {
            if (has_hash || !span_starts_with(span_skip(pattern, i), hash)) {
                return false;
            }
            has_hash = true;
            i += hash.len - 1;
        }
    }
    return pattern.len != 0;
}

struct span file_cache_control(const struct files_settings *settings, struct span name)
{
    for (size_t i = 0; i < settings->cache_control_count; i++) {
        if (file_pattern_fits(span_from_cstr(settings->cache_control[i].name), name)) {
            return span_from_cstr(settings->cache_control[i].value);
        }
    }
    return span_make(NULL, 0);
}
