#include "base/base64.h"

#define SHARED_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char digits[][65] = {
    [BASE64] = SHARED_DIGITS "+/",
    [BASE64_URL] = SHARED_DIGITS "-_",
};

size_t base64_encode(enum base64_alphabet alphabet, struct span bytes, char *text)
{
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    char *at = text;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)from[i] << 16;

        group |= count > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        group |= count > 2 ? from[i + 2] : 0;
        for (size_t digit = 0; digit <= count; digit++) {
            *at++ = digits[alphabet][group >> (18 - 6 * digit) & 63];
        }
        for (size_t pad = count; alphabet == BASE64 && pad < 3; pad++) {
            *at++ = '=';
        }
    }
    return (size_t)(at - text);
}

/* 64: it is no digit. */
static uint32_t value_of(enum base64_alphabet alphabet, char c)
{
    const char *found = c != '\0' ? strchr(digits[alphabet], c) : NULL;

    return found != NULL ? (uint32_t)(found - digits[alphabet]) : 64;
}

/* Takes the padding off; false where it is not as it must be. */
static bool strip_padding(enum base64_alphabet alphabet, struct span *text)
{
    if (alphabet == BASE64_URL) {
        return true;
    }
    if (text->len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < 2 && text->len != 0 && text->ptr[text->len - 1] == '='; i++) {
        text->len--;
    }
    return true;
}

bool base64_decode(enum base64_alphabet alphabet, struct span text, unsigned char *bytes,
                   size_t size, size_t *len)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;

    *len = 0;
    if (!strip_padding(alphabet, &text) || text.len % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint32_t value = value_of(alphabet, text.ptr[i]);

        if (value == 64) {
            return false;
        }
        bits = bits << 6 | value;
        bit_count += 6;
        if (bit_count >= 8) {
            if (*len == size) {
                return false;
            }
            bit_count -= 8;
            bytes[(*len)++] = (unsigned char)(bits >> bit_count);
            bits &= (1U << bit_count) - 1;
        }
    }
    return bits == 0;
}

void hex_encode(struct span bytes, char *text)
{
    static const char hex_digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];

        text[2 * i] = hex_digits[byte >> 4];
        text[2 * i + 1] = hex_digits[byte & 15];
    }
}
