/* A string that grows: for log lines, JSON and generated text. Owns its memory; strbuf_init takes
 * none. Always ends in a NUL that is not counted, once anything was written. */
#ifndef TIDEGATE_BASE_STRBUF_H
#define TIDEGATE_BASE_STRBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

struct strbuf {
    char *ptr;
    size_t len;
    size_t capacity;
};

static inline void strbuf_init(struct strbuf *b)
{
    *b = (struct strbuf){0};
}

void strbuf_free(struct strbuf *b);

static inline void strbuf_clear(struct strbuf *b)
{
    b->len = 0;
}

static inline struct span strbuf_span(const struct strbuf *b)
{
    return span_make(b->ptr, b->len);
}

/* Room for n more bytes; returns where they go. Follow with b->len += written. */
char *strbuf_reserve(struct strbuf *b, size_t n);
void strbuf_add(struct strbuf *b, struct span s);
void strbuf_add_cstr(struct strbuf *b, const char *s);
void strbuf_add_char(struct strbuf *b, char c);
void strbuf_add_u64(struct strbuf *b, uint64_t n);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* s as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD (RFC 8259 section
 * 8.1), so one odd byte never spoils a log line. */
void strbuf_add_json(struct strbuf *b, struct span s);

#endif
