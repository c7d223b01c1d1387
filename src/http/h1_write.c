#include "http/h1_write.h"

#include "http/chars.h"
#include "http/fields.h"

/* Of a value that some caller made: a CR LF in it would begin a field of its own, or a message.
 * HTAB is clean; the other control bytes never come from the parser and split nothing. */
static bool is_clean(struct span s)
{
    if (s.len == 0) {
        return true;
    }
    const char *at = s.ptr;
    const char *end = s.ptr + s.len;
    while ((at = http_value_end(at, end)) < end) {
        if (*at == '\r' || *at == '\n' || *at == '\0') {
            return false;
        }
        at++;
    }
    return true;
}

static inline char *put(char *at, struct span s)
{
    memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* Room for n bytes, or the writer is full from now on. */
static inline bool has_room(struct h1_writer *w, size_t n)
{
    if (UNLIKELY(w->is_full || (size_t)(w->end - w->at) < n)) {
        w->is_full = true;
        return false;
    }
    return true;
}

void h1_write_u64(struct h1_writer *w, uint64_t n)
{
    char digits[20];
    char *p = digits + sizeof(digits);

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    h1_write_bytes(w, span_make(p, (size_t)(digits + sizeof(digits) - p)));
}

void h1_write_request_line(struct h1_writer *w, struct span method, struct span target)
{
    static const struct span tail = SPAN(" HTTP/1.1\r\n");

    CHECK(is_clean(method) && is_clean(target));
    if (!has_room(w, method.len + 1 + target.len + tail.len)) {
        return;
    }
    char *at = put(w->at, method);
    *at++ = ' ';
    at = put(at, target);
    w->at = put(at, tail);
}

void h1_write_status_line(struct h1_writer *w, unsigned status, struct span reason)
{
    static const struct span version = SPAN("HTTP/1.1 ");

    CHECK(status >= 100 && status <= 999);
    CHECK(is_clean(reason));
    if (reason.len == 0) {
        reason = span_from_cstr(http_reason(status));
    }
    if (!has_room(w, version.len + 4 + reason.len + 2)) {
        return;
    }
    char *at = put(w->at, version);
    *at++ = (char)('0' + status / 100);
    *at++ = (char)('0' + status / 10 % 10);
    *at++ = (char)('0' + status % 10);
    *at++ = ' ';
    at = put(at, reason);
    w->at = put(at, SPAN_OF("\r\n"));
}

static inline void put_field(struct h1_writer *w, struct span name, struct span value)
{
    if (!has_room(w, name.len + 2 + value.len + 2)) {
        return;
    }
    char *at = put(w->at, name);
    *at++ = ':';
    *at++ = ' ';
    if (value.len != 0) {
        at = put(at, value);
    }
    *at++ = '\r';
    *at++ = '\n';
    w->at = at;
}

void h1_write_field(struct h1_writer *w, struct span name, struct span value)
{
    CHECK(http_is_token(name));
    CHECK(is_clean(value));
    put_field(w, name, value);
}

void h1_write_field_u64(struct h1_writer *w, struct span name, uint64_t value)
{
    CHECK(http_is_token(name));
    h1_write_bytes(w, name);
    h1_write_bytes(w, SPAN_OF(": "));
    h1_write_u64(w, value);
    h1_write_bytes(w, SPAN_OF("\r\n"));
}

void h1_write_fields(struct h1_writer *w, const struct http_fields *fields, uint64_t skip_ids)
{
    /* FIELD_OTHER is no one field: a caller that sets bit 0 by mistake loses nothing. */
    skip_ids &= ~FIELD_BIT(FIELD_OTHER);
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (field->is_not_sent || (skip_ids >> field->id & 1) != 0) {
            continue;
        }
        put_field(w, field->name, field->value);
    }
}

size_t h1_fields_size(const struct http_fields *fields)
{
    size_t size = 0;

    for (size_t i = 0; i < fields->count; i++) {
        size += fields->items[i].name.len + fields->items[i].value.len + 4;
    }
    return size;
}

void h1_write_end(struct h1_writer *w)
{
    h1_write_bytes(w, SPAN_OF("\r\n"));
}

size_t h1_chunk_line(char line[H1_CHUNK_LINE_MAX], uint64_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t digits = 1;

    CHECK(n != 0);
    while (digits < 16 && n >> (4 * digits) != 0) {
        digits++;
    }
    for (size_t i = digits; i-- > 0; n >>= 4) {
        line[i] = hex[n & 15];
    }
    line[digits] = '\r';
    line[digits + 1] = '\n';
    return digits + 2;
}
