/* A span: a pointer and a length, owned by somebody else. And a cursor, which reads big-endian
 * numbers and byte runs off a span's front and can never pass its end.
 *
 * Neither owns memory; a span lives as long as what it points into. A span of length 0 may have a
 * NULL pointer; one with a NULL pointer means "absent" where a header says so. */
#ifndef TIDEGATE_BASE_SPAN_H
#define TIDEGATE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

struct span {
    const char *ptr;
    size_t len;
};

/* A span over a string literal, usable in static initialisers. */
#define SPAN(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define SPAN_OF(literal) ((struct span)SPAN(literal))
/* For printf's "%.*s". */
#define SPAN_ARG(s) (int)(s).len, (s).ptr != NULL ? (s).ptr : ""

static inline struct span span_make(const void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

static inline struct span span_from_cstr(const char *s)
{
    return (struct span){s, s != NULL ? strlen(s) : 0};
}

/* A number in decimal digits; the memory is the caller's. */
#define SPAN_U64_MAX 20
struct span span_from_u64(uint64_t n, char digits[SPAN_U64_MAX]);

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_eq_cstr(struct span a, const char *b)
{
    return span_eq(a, span_from_cstr(b));
}

/* ASCII only, as HTTP and DNS names are; never the locale's idea of case. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool span_ieq(struct span a, struct span b);
bool span_starts_with(struct span s, struct span prefix);
/* The same, where ASCII case does not count. A prefix is never compared by way of span_head, whose
 * length a peer's bytes may be shorter than. */
bool span_istarts_with(struct span s, struct span prefix);
bool span_ends_with(struct span s, struct span suffix);
/* Index of the first byte c, or s.len. */
size_t span_find(struct span s, char c);
/* s without its first n bytes; n <= s.len. */
struct span span_skip(struct span s, size_t n);
/* The first n bytes; n <= s.len. */
struct span span_head(struct span s, size_t n);
/* The same, or all of s where it is shorter. */
static inline struct span span_cut(struct span s, size_t most)
{
    return span_make(s.ptr, s.len < most ? s.len : most);
}
/* Without spaces and tabs at both ends (OWS, RFC 9110 section 5.6.3). */
struct span span_trim(struct span s);
/* Takes the part before the first `separator` (or all) off *rest. False when *rest is absent. After
 * the last part *rest is absent (NULL), so `a,,b` yields "a", "", "b". */
bool span_split(struct span *rest, char separator, struct span *part);
/* Decimal digits only, no sign, no space; false when empty, not digits, or above `max`. */
bool span_to_u64(struct span s, uint64_t max, uint64_t *value) MUST_CHECK;
/* The next text with a NUL behind it, which is off `bytes` then; NULL: there is none. */
const char *span_take_cstr(struct span *bytes);
/* FNV-1a over the lower-cased bytes; for the tables in base/map.h, not for secrets. */
uint32_t span_ihash(struct span s);

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct cursor cursor_make(struct span s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;

    return (struct cursor){p, p != NULL ? p + s.len : p};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* Each reads from the front and moves on, or returns false and leaves the cursor alone. */
bool cursor_u8(struct cursor *c, uint8_t *value) MUST_CHECK;
bool cursor_u16(struct cursor *c, uint16_t *value) MUST_CHECK;
bool cursor_u24(struct cursor *c, uint32_t *value) MUST_CHECK;
bool cursor_u32(struct cursor *c, uint32_t *value) MUST_CHECK;
bool cursor_u64(struct cursor *c, uint64_t *value) MUST_CHECK;
bool cursor_bytes(struct cursor *c, size_t n, struct span *bytes) MUST_CHECK;
/* A vector with a length in front of it, as TLS writes them (RFC 8446 section 3.4). */
bool cursor_vector8(struct cursor *c, struct cursor *inner) MUST_CHECK;
bool cursor_vector16(struct cursor *c, struct cursor *inner) MUST_CHECK;
/* The number in so many bytes, as cursors read it; returns where the next one goes. */
void *big_endian_put(void *to, uint64_t number, size_t bytes);

#endif
