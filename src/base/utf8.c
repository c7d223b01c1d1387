#include "base/utf8.h"

size_t utf8_take(struct span s, uint32_t *code)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t len;

    if (s.len == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
        *code = p[0] & 0x1fU;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        *code = p[0] & 0x0fU;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        *code = p[0] & 0x07U;
    } else {
        return 0;
    }
    if (s.len < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        *code = *code << 6 | (p[i] & 0x3fU);
    }
    bool is_overlong = (len == 3 && *code < 0x800) || (len == 4 && *code < 0x10000);
    bool is_no_scalar = *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff);
    return is_overlong || is_no_scalar ? 0 : len;
}

bool utf8_is_shown(uint32_t code)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } hidden[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        if (code >= hidden[i].first && code <= hidden[i].last) {
            return false;
        }
    }
    return true;
}
