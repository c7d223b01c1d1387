#include "http/secret_field.h"

#include "http/fields.h"

/* By their first letter, as the name is read once. */
static bool has_word_at(struct span rest)
{
    switch (ascii_lower(rest.ptr[0])) {
    case 'a':
        return span_istarts_with(rest, SPAN_OF("auth")) ||
               span_istarts_with(rest, SPAN_OF("assertion")) ||
               span_istarts_with(rest, SPAN_OF("access-key"));
    case 'c':
        return span_istarts_with(rest, SPAN_OF("cookie")) ||
               span_istarts_with(rest, SPAN_OF("credential")) ||
               span_istarts_with(rest, SPAN_OF("cert"));
    case 'd':
        return span_istarts_with(rest, SPAN_OF("dpop"));
    case 'j':
        return span_istarts_with(rest, SPAN_OF("jwt"));
    case 'k':
        return span_istarts_with(rest, SPAN_OF("key"));
    case 'o':
        return span_istarts_with(rest, SPAN_OF("otp"));
    case 'p':
        return span_istarts_with(rest, SPAN_OF("passw")) ||
               span_istarts_with(rest, SPAN_OF("pwd")) ||
               span_istarts_with(rest, SPAN_OF("passphrase")) ||
               span_istarts_with(rest, SPAN_OF("principal"));
    case 's':
        return span_istarts_with(rest, SPAN_OF("secret")) ||
               span_istarts_with(rest, SPAN_OF("session")) ||
               span_istarts_with(rest, SPAN_OF("signature")) ||
               span_istarts_with(rest, SPAN_OF("srf"));
    case 't':
        return span_istarts_with(rest, SPAN_OF("token")) ||
               span_istarts_with(rest, SPAN_OF("ticket"));
    default:
        return false;
    }
}

bool http_field_is_secret(const struct http_field *field)
{
    static const uint64_t known =
        FIELD_BIT(FIELD_AUTHORIZATION) | FIELD_BIT(FIELD_COOKIE) | FIELD_BIT(FIELD_SET_COOKIE) |
        FIELD_BIT(FIELD_PROXY_AUTHORIZATION) | FIELD_BIT(FIELD_CLIENT_CERT) |
        FIELD_BIT(FIELD_CLIENT_CERT_CHAIN) | FIELD_BIT(FIELD_X_FORWARDED_CLIENT_CERT);

    if (field->id != FIELD_OTHER) {
        return (known >> field->id & 1) != 0;
    }
    for (size_t at = 0; at < field->name.len; at++) {
        if (has_word_at(span_skip(field->name, at))) {
            return true;
        }
    }
    return false;
}
