#include "config/text_check.h"

#include "base/utf8.h"

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
    size_t len = utf8_take(rest, c);

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

bool text_check(struct span text, unsigned file, struct config_report *report)
{
    struct place place = {1, 1, file};
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
    if (utf8_take(rest, &c) == 0) {
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
