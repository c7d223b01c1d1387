/* What each byte may be in HTTP: one table, so that every parser here asks the same question the
 * same way. Never the locale's idea of a letter. */
#ifndef TIDEGATE_HTTP_CHARS_H
#define TIDEGATE_HTTP_CHARS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

enum http_class {
    HTTP_TOKEN = 1,       /* tchar (RFC 9110 section 5.6.2) */
    HTTP_VALUE = 2,       /* HTAB, SP, VCHAR, obs-text: field values and reason phrases */
    HTTP_TARGET = 4,      /* may stand in a request target; the rule is in h1_parse.h */
    HTTP_REG_NAME = 32,   /* may stand in a host name; the rule is in message.h */
    HTTP_HEX_DIGIT = 64,  /* either case */
    HTTP_UPPER_CASE = 128 /* 'A' to 'Z' */
};

extern const uint8_t http_classes[256];

static inline bool http_is(char c, unsigned classes)
{
    return (http_classes[(uint8_t)c] & classes) != 0;
}

/* 0 to 15; only for a byte that is HTTP_HEX_DIGIT. */
static inline unsigned http_hex_value(char c)
{
    return (unsigned)(c & 15) + (c > '9' ? 9U : 0U);
}

#define HTTP_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The first byte in [at, end) that is not HTTP_VALUE, or end. Eight bytes at a time: the high bit
 * of each byte of `odd` is set where the byte is below 0x20 or is DEL (and maybe, by a borrow, in
 * bytes behind the first such one, so only the first is asked for). Of those HTAB alone is one. */
static inline const char *http_value_end(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word); /* the first byte is the lowest */
        uint64_t del = word ^ HTTP_EACH_BYTE(0x7f);
        uint64_t odd =
            (((word - HTTP_EACH_BYTE(0x20)) & ~word) | ((del - HTTP_EACH_BYTE(0x01)) & ~del)) &
            HTTP_EACH_BYTE(0x80);
        if (odd == 0) {
            at += 8;
            continue;
        }
        at += __builtin_ctzll(odd) / 8;
        if (*at != '\t') {
            return at;
        }
        at++;
    }
    while (at < end && http_is(*at, HTTP_VALUE)) {
        at++;
    }
    return at;
}

#endif
