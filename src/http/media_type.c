#include "http/media_type.h"

#include "http/message.h"

struct span media_type_of(struct span content_type)
{
    return span_trim(span_head(content_type, span_find(content_type, ';')));
}

bool media_type_fits(struct span type, struct span pattern)
{
    size_t star = span_find(pattern, '*');
    struct span tail;

    if (star == pattern.len) {
        return span_ieq(type, pattern);
    }
    tail = span_skip(pattern, star + 1);
    return type.len >= star + tail.len && span_istarts_with(type, span_head(pattern, star)) &&
           span_ieq(span_skip(type, type.len - tail.len), tail);
}

/* '*' is a byte that tokens may have. */
bool media_type_is_pattern(struct span pattern)
{
    size_t slash = span_find(pattern, '/');
    size_t star = span_find(pattern, '*');

    if (star < pattern.len &&
        span_find(span_skip(pattern, star + 1), '*') + star + 1 < pattern.len) {
        return false;
    }
    return span_eq(pattern, SPAN_OF("*")) ||
           (slash < pattern.len && http_is_token(span_head(pattern, slash)) &&
            http_is_token(span_skip(pattern, slash + 1)));
}
