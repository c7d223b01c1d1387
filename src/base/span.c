#include "base/span.h"

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight bytes at a time: they may differ in bit 5 where that makes the other case of a letter. */
static inline bool words_ieq(const char *a, const char *b)
{
    uint64_t word;
    uint64_t other;

    memcpy(&word, a, sizeof(word));
    memcpy(&other, b, sizeof(other));
    uint64_t difference = word ^ other;
    if (difference == 0) {
        return true;
    }
    if ((difference & ~EACH_BYTE(0x20)) != 0) {
        return false;
    }
    /* The high bit of each byte from 'a' on, less that of each behind 'z'; of ASCII alone. */
    uint64_t lower = (word | EACH_BYTE(0x20)) & EACH_BYTE(0x7f);
    uint64_t letters = ((lower + EACH_BYTE(0x80 - 'a')) ^ (lower + EACH_BYTE(0x7f - 'z'))) & ~word;
    return (difference & ~((letters & EACH_BYTE(0x80)) >> 2)) == 0;
}

bool span_ieq(struct span a, struct span b)
{
    const size_t size = sizeof(uint64_t);

    if (a.len != b.len) {
        return false;
    }
    if (a.len >= size) {
        for (size_t i = 0; i + size < a.len; i += size) {
            if (!words_ieq(a.ptr + i, b.ptr + i)) {
                return false;
            }
        }
        return words_ieq(a.ptr + a.len - size, b.ptr + a.len - size);
    }
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq(span_head(s, prefix.len), prefix);
}

bool span_istarts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_ieq(span_head(s, prefix.len), prefix);
}

bool span_ends_with(struct span s, struct span suffix)
{
    return s.len >= suffix.len && span_eq(span_skip(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, char c)
{
    const char *at = s.len != 0 ? memchr(s.ptr, c, s.len) : NULL;

    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

struct span span_skip(struct span s, size_t n)
{
    CHECK(n <= s.len);
    return n != 0 ? span_make(s.ptr + n, s.len - n) : s;
}

struct span span_head(struct span s, size_t n)
{
    CHECK(n <= s.len);
    return span_make(s.ptr, n);
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len != 0 && is_ows(s.ptr[0])) {
        s = span_skip(s, 1);
    }
    while (s.len != 0 && is_ows(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool span_split(struct span *rest, char separator, struct span *part)
{
    size_t at;

    if (rest->ptr == NULL) {
        return false;
    }
    at = span_find(*rest, separator);
    *part = span_head(*rest, at);
    *rest = at < rest->len ? span_skip(*rest, at + 1) : span_make(NULL, 0);
    return true;
}

bool span_to_u64(struct span s, uint64_t max, uint64_t *value)
{
    uint64_t n = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (n > (UINT64_MAX - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    if (n > max) {
        return false;
    }
    *value = n;
    return true;
}

uint32_t span_ihash(struct span s)
{
    uint32_t h = 2166136261U;

    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (uint8_t)ascii_lower(s.ptr[i])) * 16777619U;
    }
    return h;
}

static bool read_number(struct cursor *c, size_t size, uint32_t *value)
{
    uint32_t n = 0;

    if (cursor_left(c) < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        n = n << 8 | c->at[i];
    }
    c->at += size;
    *value = n;
    return true;
}

bool cursor_u8(struct cursor *c, uint8_t *value)
{
    uint32_t n;

    if (!read_number(c, 1, &n)) {
        return false;
    }
    *value = (uint8_t)n;
    return true;
}

bool cursor_u16(struct cursor *c, uint16_t *value)
{
    uint32_t n;

    if (!read_number(c, 2, &n)) {
        return false;
    }
    *value = (uint16_t)n;
    return true;
}

bool cursor_u24(struct cursor *c, uint32_t *value)
{
    return read_number(c, 3, value);
}

bool cursor_u32(struct cursor *c, uint32_t *value)
{
    return read_number(c, 4, value);
}

bool cursor_u64(struct cursor *c, uint64_t *value)
{
    struct cursor inner = *c;
    uint32_t high;
    uint32_t low;

    if (!cursor_u32(&inner, &high) || !cursor_u32(&inner, &low)) {
        return false;
    }
    *value = (uint64_t)high << 32 | low;
    *c = inner;
    return true;
}

void *big_endian_put(void *to, uint64_t number, size_t bytes)
{
    unsigned char *at = to;

    for (size_t i = bytes; i-- > 0; number >>= 8) {
        at[i] = (unsigned char)number;
    }
    return at + bytes;
}

bool cursor_bytes(struct cursor *c, size_t n, struct span *bytes)
{
    if (cursor_left(c) < n) {
        return false;
    }
    *bytes = span_make(c->at, n);
    if (n != 0) {
        c->at += n;
    }
    return true;
}

static bool read_vector(struct cursor *c, size_t length_size, struct cursor *inner)
{
    struct cursor ahead = *c;
    struct span bytes;
    uint32_t len;

    if (!read_number(&ahead, length_size, &len) || !cursor_bytes(&ahead, len, &bytes)) {
        return false;
    }
    *inner = cursor_make(bytes);
    *c = ahead;
    return true;
}

bool cursor_vector8(struct cursor *c, struct cursor *inner)
{
    return read_vector(c, 1, inner);
}

bool cursor_vector16(struct cursor *c, struct cursor *inner)
{
    return read_vector(c, 2, inner);
}

/* ---- numbers in text ---- */

struct span span_from_u64(uint64_t n, char digits[SPAN_U64_MAX])
{
    size_t at = SPAN_U64_MAX;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return span_make(digits + at, SPAN_U64_MAX - at);
}

const char *span_take_cstr(struct span *bytes)
{
    const char *text = bytes->ptr;
    const char *end = bytes->len != 0 ? memchr(bytes->ptr, '\0', bytes->len) : NULL;

    if (end == NULL) {
        return NULL;
    }
    *bytes = span_skip(*bytes, (size_t)(end - text) + 1);
    return text;
}
