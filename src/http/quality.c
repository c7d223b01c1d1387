#include "http/quality.h"

#include "http/message.h"

/* ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static bool parse_weight(struct span s, unsigned *weight)
{
    unsigned digit = 100;

    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') ||
        (s.len > 1 && s.ptr[1] != '.')) {
        return false;
    }
    *weight = s.ptr[0] == '1' ? QUALITY_MAX : 0;
    for (size_t i = 2; i < s.len; i++, digit /= 10) {
        if (!ascii_is_digit(s.ptr[i])) {
            return false;
        }
        *weight += (unsigned)(s.ptr[i] - '0') * digit;
    }
    return *weight <= QUALITY_MAX;
}

/* The weight is the last parameter: what Accept had behind it is obsolete (RFC 9110
 * section 12.5.1). False: malformed. */
static bool parse_parameters(struct span element, size_t semicolon, struct quality_item *item)
{
    struct span rest = span_skip(element, semicolon);
    struct span part;

    item->parameters = span_make(element.ptr + element.len, 0);
    if (rest.len == 0) {
        return true;
    }
    rest = span_skip(rest, 1);
    item->parameters = rest;
    while (span_split(&rest, ';', &part)) {
        size_t at = (size_t)(part.ptr - item->parameters.ptr);
        part = span_trim(part);
        if (part.len < 2 || ascii_lower(part.ptr[0]) != 'q' || part.ptr[1] != '=') {
            if (part.len == 0) {
                return false;
            }
            continue;
        }
        item->parameters.len = at > 0 ? at - 1 : 0;
        return rest.ptr == NULL && parse_weight(span_skip(part, 2), &item->weight);
    }
    return true;
}

enum quality_result quality_next(struct span *list, struct quality_item *item)
{
    struct span element;

    while (span_split(list, ',', &element)) {
        element = span_trim(element);
        if (element.len == 0) {
            continue;
        }
        size_t semicolon = span_find(element, ';');
        *item = (struct quality_item){.name = span_trim(span_head(element, semicolon)),
                                      .weight = QUALITY_MAX};
        return item->name.len != 0 && parse_parameters(element, semicolon, item) ? QUALITY_ITEM
                                                                                 : QUALITY_BAD;
    }
    return QUALITY_END;
}
