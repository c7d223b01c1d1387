#include "edge/range.h"

/* Digits only; a number above 64 bits counts as the largest, since it is past any file's end. */
static bool parse_position(struct span s, uint64_t *value)
{
    *value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (*value > (UINT64_MAX - digit) / 10) {
            *value = UINT64_MAX;
        } else {
            *value = *value * 10 + digit;
        }
    }
    return true;
}

/* One range-spec. False: malformed. A length of 0 means it cannot be satisfied. */
static bool parse_one(struct span spec, uint64_t size, struct byte_range *range)
{
    size_t dash = span_find(spec, '-');
    uint64_t first;
    uint64_t last = UINT64_MAX;

    *range = (struct byte_range){0};
    if (dash == spec.len) {
        return false;
    }
    struct span behind = span_skip(spec, dash + 1);
    if (dash == 0) {
        uint64_t suffix;
        if (!parse_position(behind, &suffix)) {
            return false;
        }
        range->length = suffix < size ? suffix : size;
        range->first = size - range->length;
        return true;
    }
    if (!parse_position(span_head(spec, dash), &first) ||
        (behind.len != 0 && !parse_position(behind, &last)) || last < first) {
        return false;
    }
    if (first < size) {
        range->first = first;
        range->length = (last < size - 1 ? last : size - 1) - first + 1;
    }
    return true;
}

static bool overlaps_any(const struct byte_range *ranges, size_t count, struct byte_range one)
{
    for (size_t i = 0; i < count; i++) {
        if (one.first < ranges[i].first + ranges[i].length &&
            ranges[i].first < one.first + one.length) {
            return true;
        }
    }
    return false;
}

enum range_result range_parse(struct span value, uint64_t size, struct byte_range ranges[RANGE_MAX],
                              size_t *count)
{
    const struct span unit = SPAN("bytes=");
    size_t asked = 0;
    struct span spec;

    *count = 0;
    if (!span_istarts_with(value, unit)) {
        return RANGE_WHOLE;
    }
    value = span_skip(value, unit.len);
    while (span_split(&value, ',', &spec)) {
        struct byte_range range;
        spec = span_trim(spec);
        if (spec.len == 0) {
            continue; /* RFC 9110 section 5.6.1.2 */
        }
        if (++asked > RANGE_MAX || !parse_one(spec, size, &range)) {
            *count = 0;
            return RANGE_WHOLE;
        }
        if (range.length == 0) {
            continue;
        }
        if (overlaps_any(ranges, *count, range)) {
            *count = 0;
            return RANGE_WHOLE;
        }
        ranges[(*count)++] = range;
    }
    if (asked == 0 || size == 0) {
        return RANGE_WHOLE; /* an empty file has no byte that a Content-Range could name */
    }
    return *count != 0 ? RANGE_PARTIAL : RANGE_UNSATISFIABLE;
}
