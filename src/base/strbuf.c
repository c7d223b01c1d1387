#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

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
    char digits[SPAN_U64_MAX];

    strbuf_add(b, span_from_u64(n, digits));
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

/* One character, or one byte that is none. Returns the bytes used. */
static size_t add_json_character(struct strbuf *b, struct span s)
{
    uint32_t code;
    size_t len = utf8_take(s, &code);

    if (len == 0) {
        strbuf_add_cstr(b, "\xef\xbf\xbd");
        return 1;
    }
    if (code == '"' || code == '\\') {
        strbuf_add_char(b, '\\');
        strbuf_add_char(b, (char)code);
    } else if (utf8_is_shown(code)) {
        strbuf_add(b, span_head(s, len));
    } else if (code > 0xffff) {
        strbuf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                      0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
        strbuf_printf(b, "\\u%04x", code);
    }
    return len;
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
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
        s = span_skip(s, add_json_character(b, s));
    }
    strbuf_add_char(b, '"');
}
