#include "tls/sign_form.h"

/* ---- TLS 1.3 ---- */

#define SPACES "                                                                "

static bool is_tls13(struct span message)
{
    static const struct span begins[] = {
        SPAN(SPACES "TLS 1.3, server CertificateVerify\0"),
        SPAN(SPACES "TLS 1.3, client CertificateVerify\0"),
    };

    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        if (span_starts_with(message, begins[i])) {
            size_t digest = message.len - begins[i].len;
            return digest == 32 || digest == 48;
        }
    }
    return false;
}

/* ---- TLS 1.2 and older, a server's ---- */

#define RANDOMS_LEN 64
#define NAMED_CURVE 3

/* An uncompressed point, or a number, by the group (RFC 8422 section 5.1.1 and 5.4); 0: it is none
 * that TLS 1.2 has. */
static size_t point_len(uint16_t group)
{
    switch (group) {
    case 23: /* secp256r1 */
    case 26: /* brainpoolP256r1 */
        return 65;
    case 24: /* secp384r1 */
    case 27: /* brainpoolP384r1 */
        return 97;
    case 25: /* secp521r1 */
        return 133;
    case 28: /* brainpoolP512r1 */
        return 129;
    case 29: /* x25519 */
        return 32;
    case 30: /* x448 */
        return 56;
    default:
        return 0;
    }
}

static bool is_curve(struct cursor params)
{
    struct cursor point;
    uint8_t type;
    uint16_t group;

    return cursor_u8(&params, &type) && type == NAMED_CURVE && cursor_u16(&params, &group) &&
           point_len(group) != 0 && cursor_vector8(&params, &point) && cursor_left(&params) == 0 &&
           cursor_left(&point) == point_len(group);
}

static bool is_finite_field(struct cursor params)
{
    struct cursor prime;
    struct cursor generator;
    struct cursor number;

    return cursor_vector16(&params, &prime) && cursor_vector16(&params, &generator) &&
           cursor_vector16(&params, &number) && cursor_left(&params) == 0 &&
           cursor_left(&prime) >= 128 && cursor_left(&prime) <= 1024 &&
           cursor_left(&generator) > 0 && cursor_left(&generator) <= cursor_left(&prime) &&
           cursor_left(&number) > 0 && cursor_left(&number) <= cursor_left(&prime);
}

static bool is_key_exchange(struct span message)
{
    struct cursor params;

    if (message.len <= RANDOMS_LEN) {
        return false;
    }
    params = cursor_make(span_skip(message, RANDOMS_LEN));
    return is_curve(params) || is_finite_field(params);
}

/* ---- TLS 1.2, a client's ---- */

enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11, CLIENT_KEY_EXCHANGE = 16 };
#define CERTIFICATE_STATUS 22

static bool may_stand_between(uint8_t type)
{
    return (type >= CERTIFICATE && type < CLIENT_KEY_EXCHANGE) || type == CERTIFICATE_STATUS;
}

static bool is_transcript(struct span message)
{
    struct cursor rest = cursor_make(message);
    uint8_t type = 0;

    for (unsigned i = 0; cursor_left(&rest) != 0; i++) {
        struct span body;
        uint32_t len;
        if (!cursor_u8(&rest, &type) || !cursor_u24(&rest, &len) ||
            !cursor_bytes(&rest, len, &body)) {
            return false;
        }
        if (i < 2 ? type != (i == 0 ? CLIENT_HELLO : SERVER_HELLO)
                  : !may_stand_between(type) &&
                        !(type == CLIENT_KEY_EXCHANGE && cursor_left(&rest) == 0)) {
            return false;
        }
    }
    return type == CLIENT_KEY_EXCHANGE;
}

enum sign_form sign_form_of(struct span message)
{
    return is_tls13(message)          ? SIGN_FORM_TLS13
           : is_key_exchange(message) ? SIGN_FORM_TLS12_SERVER
           : is_transcript(message)   ? SIGN_FORM_TLS12_CLIENT
                                      : SIGN_FORM_NONE;
}
