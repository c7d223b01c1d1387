#include "config/complaint.h"

#include <stdarg.h>
#include <stdio.h>

bool complain(struct complaint *complaint, const char *fmt, ...)
{
    va_list args;

    complaint->hint[0] = '\0';
    complaint->offset = 0;
    va_start(args, fmt);
    vsnprintf(complaint->text, sizeof(complaint->text), fmt, args);
    va_end(args);
    return false;
}

bool complain_hint(struct complaint *complaint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(complaint->hint, sizeof(complaint->hint), fmt, args);
    va_end(args);
    return false;
}

struct quote quote(struct span s)
{
    struct quote q;
    size_t len = s.len < 64 ? s.len : 64;

    /* Not in the middle of a UTF-8 character. */
    while (len != 0 && len < s.len && ((unsigned char)s.ptr[len] & 0xC0U) == 0x80) {
        len--;
    }
    snprintf(q.text, sizeof(q.text), "'%.*s%s'", (int)len, s.len != 0 ? s.ptr : "",
             len < s.len ? "..." : "");
    return q;
}

struct quote quote_cstr(const char *s)
{
    return quote(span_from_cstr(s));
}
