#include "edge/hops.h"

bool hops_has_mark(const struct http_fields *fields, struct span mark)
{
    if (!http_fields_has(fields, FIELD_CDN_LOOP)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        struct span rest = fields->items[i].value;
        struct span info;
        if (fields->items[i].id != FIELD_CDN_LOOP) {
            continue;
        }
        while (span_split(&rest, ',', &info)) {
            info = span_head(info, span_find(info, ';'));
            if (span_ieq(span_trim(info), mark)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.ptr[i])) {
            return false;
        }
    }
    return text.len != 0;
}

enum hops_left hops_left(const struct http_request *request, unsigned *less_one)
{
    const struct http_field *field = http_fields_find(&request->fields, FIELD_MAX_FORWARDS);
    uint64_t number;

    if (field == NULL || (request->method != HTTP_OPTIONS && request->method != HTTP_TRACE)) {
        return HOPS_ANY;
    }
    for (const struct http_field *other = field + 1;
         other < request->fields.items + request->fields.count; other++) {
        if (other->id == FIELD_MAX_FORWARDS) {
            return HOPS_BAD;
        }
    }
    if (!is_number(field->value)) {
        return HOPS_BAD;
    }
    if (!span_to_u64(field->value, HOPS_MAX, &number)) {
        *less_one = HOPS_MAX;
        return HOPS_SOME;
    }
    if (number == 0) {
        return HOPS_NONE;
    }
    *less_one = (unsigned)number - 1;
    return HOPS_SOME;
}

void hops_set(struct http_fields *fields, struct span less_one)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_MAX_FORWARDS) {
            fields->items[i].value = less_one;
        }
    }
}
