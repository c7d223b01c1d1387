#include "config/text_check.h"

static size_t sequence_length(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return 3;
    }
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

size_t text_char(struct span s, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t len = s.len != 0 ? sequence_length((unsigned char)s.ptr[0]) : 0;
    uint32_t c;

    if (len == 0 || len > s.len) {
        return 0;
    }
    c = (unsigned char)s.ptr[0] & (uint32_t)first_mask[len];
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)s.ptr[i];

        if ((next & 0xC0U) != 0x80) {
            return 0;
        }
        c = (c << 6) | (next & 0x3FU);
    }
    if (c < smallest[len] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) {
        return 0;
    }
    *character = c;
    return len;
}

/* U+0085, U+2028 and U+2029 are line breaks to some YAML readers and text to others, so that two
 * programs could read one file differently. */
static bool is_printable(uint32_t c)
{
    return c == '\t' || c == '\n' || (c >= 0x20 && c <= 0x7E) ||
           (c >= 0xA0 && c <= 0xFFFD && c != 0x2028 && c != 0x2029 && c != 0xFEFF) ||
           (c >= 0x10000 && c <= 0x10FFFF);
}

/* Length of what may stand at the front of `rest`, else 0. */
static size_t allowed(struct span rest, bool at_start, uint32_t *c)
{
    size_t len = text_char(rest, c);

    if (len == 0) {
        *c = 0;
        return 0;
    }
    if (*c == '\r' && rest.len > 1 && rest.ptr[1] == '\n') {
        return len;
    }
    if (*c == 0xFEFF && at_start) {
        return len;
    }
    return is_printable(*c) ? len : 0;
}

bool text_check(struct span text, struct config_report *report)
{
    struct place place = {1, 1};
    struct span rest = text;
    uint32_t c = 0;
    size_t len;

    while (rest.len != 0) {
        len = allowed(rest, rest.len == text.len, &c);
        if (len == 0) {
            break;
        }
        place.column++;
        if (c == '\n') {
            place.line++;
            place.column = 1;
        }
        rest = span_skip(rest, len);
    }
    if (rest.len == 0) {
        return true;
    }
    if (text_char(rest, &c) == 0) {
        config_report_add(report, CONFIG_ERROR, place, "byte 0x%02x is not UTF-8 text",
                          (unsigned char)rest.ptr[0]);
        config_report_hint(report, "save the file as UTF-8");
    } else {
        config_report_add(report, CONFIG_ERROR, place, "control character U+%04X in the file",
                          (unsigned)c);
        config_report_hint(report, "remove it; in double quotes it can be written as \\u%04X",
                           (unsigned)c);
    }
    return false;
}
