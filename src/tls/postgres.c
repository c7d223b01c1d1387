#include "tls/postgres.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

/* Codes in the place of a version of the protocol: major 1234, minor 5678 to 5680. */
#define CODE_CANCEL 80877102U
#define CODE_TLS 80877103U
#define CODE_GSS 80877104U

#define CANCEL_BYTES_MIN 16
/* Version 3.2 of the protocol has keys of up to 256 bytes. */
#define CANCEL_BYTES_MAX (12 + 256)

enum postgres_start postgres_parse_start(struct span bytes)
{
    struct cursor cursor = cursor_make(bytes);
    uint32_t length;
    uint32_t code;

    CHECK(bytes.len != 0);
    if (bytes.ptr[0] != '\0') {
        return POSTGRES_START_NOT; /* no length that servers take begins so */
    }
    if (!cursor_u32(&cursor, &length) || !cursor_u32(&cursor, &code)) {
        return POSTGRES_START_MORE;
    }
    if (length < POSTGRES_REQUEST_BYTES || length > POSTGRES_START_MAX) {
        return POSTGRES_START_BAD;
    }
    if (code == CODE_TLS || code == CODE_GSS) {
        return length != POSTGRES_REQUEST_BYTES ? POSTGRES_START_BAD
               : code == CODE_TLS               ? POSTGRES_START_TLS
                                                : POSTGRES_START_GSS;
    }
    if (code == CODE_CANCEL) {
        return length >= CANCEL_BYTES_MIN && length <= CANCEL_BYTES_MAX ? POSTGRES_START_CANCEL
                                                                        : POSTGRES_START_BAD;
    }
    return code >> 16 == 2 || code >> 16 == 3 ? POSTGRES_START_SESSION : POSTGRES_START_BAD;
}

enum postgres_answer postgres_parse_answer(struct span bytes)
{
    if (bytes.len == 0) {
        return POSTGRES_ANSWER_MORE;
    }
    switch (bytes.ptr[0]) {
    case 'S': /* what lies behind it came before TLS, and whoever read it as TLS would be fooled */
        return bytes.len == 1 ? POSTGRES_ANSWER_TLS : POSTGRES_ANSWER_BAD;
    case 'N':
        return POSTGRES_ANSWER_NO;
    case 'E':
        return POSTGRES_ANSWER_ERROR;
    default:
        return POSTGRES_ANSWER_BAD;
    }
}

static struct span keep_printable(struct span text, char *out, size_t size)
{
    size_t len = text.len < size ? text.len : size;

    for (size_t i = 0; i < len; i++) {
        out[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
    }
    return span_make(out, len);
}

/* Fields are a letter and a text that ends in NUL each. Before it could begin, a server says 'E'
 * and a text alone. */
struct span postgres_error_text(struct span bytes, char *out, size_t size)
{
    struct span rest = bytes.len > 1 ? span_skip(bytes, 1) : SPAN_OF("");

    if (rest.len == 0 || rest.ptr[0] != '\0') {
        return keep_printable(span_head(rest, span_find(rest, '\0')), out, size);
    }
    rest = rest.len > 4 ? span_skip(rest, 4) : SPAN_OF("");
    while (rest.len > 1 && rest.ptr[0] != '\0') {
        char letter = rest.ptr[0];
        struct span value = span_skip(rest, 1);
        size_t end = span_find(value, '\0');

        if (letter == 'M') {
            return keep_printable(span_head(value, end), out, size);
        }
        rest = end < value.len ? span_skip(value, end + 1) : SPAN_OF("");
    }
    return span_make(out, 0);
}

void postgres_write_tls_request(char out[POSTGRES_REQUEST_BYTES])
{
    (void)big_endian_put(out, POSTGRES_REQUEST_BYTES, 4);
    (void)big_endian_put(out + 4, CODE_TLS, 4);
}

static size_t put_field(char *out, size_t at, char letter, const char *text)
{
    size_t room = POSTGRES_ERROR_MAX - at - 3; /* letter, NUL, and the NUL after all fields */
    size_t len = strlen(text) < room ? strlen(text) : room;

    out[at] = letter;
    memcpy(out + at + 1, text, len);
    out[at + 1 + len] = '\0';
    return at + 2 + len;
}

size_t postgres_write_error(char out[POSTGRES_ERROR_MAX], const char *code, const char *text,
                            const char *hint)
{
    size_t at = 5;

    out[0] = 'E';
    at = put_field(out, at, 'S', "FATAL");
    at = put_field(out, at, 'V', "FATAL");
    at = put_field(out, at, 'C', code);
    at = put_field(out, at, 'M', text);
    if (POSTGRES_ERROR_MAX - at > 3) {
        at = put_field(out, at, 'H', hint);
    }
    out[at++] = '\0';
    (void)big_endian_put(out + 1, at - 1, 4);
    return at;
}
