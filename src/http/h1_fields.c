#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_parse_internal.h"

/* Why the name that began at `start` did not end in a colon but at `at`. */
static enum h1_error bad_name(const char *start, const char *at)
{
    if (at == start && (*at == ' ' || *at == '\t')) {
        return H1_BAD_FOLDING;
    }
    if (*at == '\n' || (*at == '\r' && at[1] != '\n')) {
        return H1_BAD_LINE_END;
    }
    return H1_BAD_FIELD_NAME;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* field-line = field-name ":" OWS field-value OWS (RFC 9112 section 5). Fills the field and moves
 * *at behind the CR LF, or to the byte that is wrong. */
static inline enum h1_error parse_line(const char **at, const char *end, struct http_field *field)
{
    const char *start = *at;
    const char *p = start;

    while (http_is(*p, HTTP_TOKEN)) {
        p++;
    }
    if (UNLIKELY(*p != ':' || p == start)) {
        *at = p;
        return bad_name(start, p);
    }
    field->name = span_make(start, (size_t)(p - start));
    p++;
    while (is_space(*p)) {
        p++;
    }
    const char *value = p;
    p = http_value_end(p, end);
    if (UNLIKELY(*p != '\r' || p[1] != '\n')) {
        *at = p;
        return *p == '\r' || *p == '\n' ? H1_BAD_LINE_END : H1_BAD_FIELD_VALUE;
    }
    *at = p + 2;
    while (p > value && is_space(p[-1])) {
        p--;
    }
    field->value = span_make(value, (size_t)(p - value));
    return H1_OK;
}

enum h1_error h1_check_line(const char **at, const char *end)
{
    struct http_field field;

    return parse_line(at, end, &field);
}

enum h1_error h1_parse_fields(const char **where, const char *end, size_t limit,
                              struct arena *arena, struct http_fields *fields, uint64_t *repeated)
{
    const char *at = *where;
    uint64_t present = fields->present;
    size_t count = fields->count;

    while (at < end && *at != '\r') {
        if (UNLIKELY(count == limit)) {
            *where = at;
            return H1_TOO_MANY_FIELDS;
        }
        if (UNLIKELY(count == fields->capacity)) {
            fields->count = count;
            http_fields_grow(fields, arena);
        }
        struct http_field *field = &fields->items[count];
        enum h1_error error = parse_line(&at, end, field);
        if (UNLIKELY(error != H1_OK)) {
            *where = at;
            return error;
        }
        field->id = http_field_id(field->name);
        field->is_not_sent = (http_fields_hop_by_hop >> field->id & 1) != 0;
        field->is_untold = false; /* the room for it is not cleared */
        *repeated |= present & FIELD_BIT(field->id);
        present |= FIELD_BIT(field->id);
        count++;
    }
    fields->count = count;
    fields->present = present;
    *where = at;
    /* Anything but the last CR LF here is a CR that is not followed by LF, or an empty line in
     * front of what our caller took for the end. */
    return end - at == 2 && at[1] == '\n' ? H1_OK : H1_BAD_LINE_END;
}
