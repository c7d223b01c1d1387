#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void strbuf_free(struct strbuf *b)
{
    free(b->ptr);
    strbuf_init(b);
}

char *strbuf_reserve(struct strbuf *b, size_t n)
{
    CHECK(n < SIZE_MAX / 4);
    if (b->capacity - b->len <= n) {
        size_t capacity = b->capacity != 0 ? b->capacity : 64;
        while (capacity - b->len <= n) {
            capacity *= 2;
        }
        b->ptr = xrealloc(b->ptr, capacity);
        b->capacity = capacity;
    }
    return b->ptr + b->len;
}

void strbuf_add(struct strbuf *b, struct span s)
{
    char *to = strbuf_reserve(b, s.len);

    if (s.len != 0) {
        memcpy(to, s.ptr, s.len);
    }
    b->len += s.len;
    b->ptr[b->len] = '\0';
}

void strbuf_add_cstr(struct strbuf *b, const char *s)
{
    strbuf_add(b, span_from_cstr(s));
}

void strbuf_add_char(struct strbuf *b, char c)
{
    strbuf_add(b, span_make(&c, 1));
}

void strbuf_add_u64(struct strbuf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    strbuf_add(b, span_make(digits + at, sizeof(digits) - at));
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(len >= 0);
    char *to = strbuf_reserve(b, (size_t)len + 1);
    va_start(args, fmt);
    (void)vsnprintf(to, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
}

/* The length of the UTF-8 sequence at the front of s (RFC 3629), or 0 if there is none. */
static size_t utf8_length(struct span s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t len;
    uint32_t code;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
        code = p[0] & 0x1fU;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        code = p[0] & 0x0fU;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        code = p[0] & 0x07U;
    } else {
        return 0;
    }
    if (s.len < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3fU);
    }
    bool is_overlong = (len == 3 && code < 0x800) || (len == 4 && code < 0x10000);
    bool is_no_scalar = code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
    return is_overlong || is_no_scalar ? 0 : len;
}

static bool is_plain(char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f; /* char may be signed: >= 0x80 is not */
}

void strbuf_add_json(struct strbuf *b, struct span s)
{
    strbuf_add_char(b, '"');
    while (s.len != 0) {
        size_t plain = 0;
        while (plain < s.len && is_plain(s.ptr[plain])) {
            plain++;
        }
        strbuf_add(b, span_head(s, plain));
        s = span_skip(s, plain);
        if (s.len == 0) {
            break;
        }
        unsigned char c = (unsigned char)s.ptr[0];
        size_t len = utf8_length(s);
        if (len == 0) {
            strbuf_add_cstr(b, "\xef\xbf\xbd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            strbuf_add_char(b, '\\');
            strbuf_add_char(b, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            strbuf_printf(b, "\\u%04x", c);
        } else {
            strbuf_add(b, span_head(s, len));
        }
        s = span_skip(s, len);
    }
    strbuf_add_char(b, '"');
}
