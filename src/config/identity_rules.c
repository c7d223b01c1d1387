#include "config/identity_rules.h"

#include "base/base64.h"
#include "config/address.h"

#define PIN_BYTES 32

static bool has_strange_byte(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7F) {
            return true;
        }
    }
    return false;
}

bool rule_client_dns(struct span text, struct complaint *complaint)
{
    if (span_starts_with(text, SPAN_OF("*."))) {
        text = span_skip(text, 2);
    }
    return name_check(text, complaint);
}

bool rule_client_uri(struct span text, struct complaint *complaint)
{
    size_t colon = span_find(text, ':');

    if (colon == 0 || colon >= text.len || has_strange_byte(text)) {
        complain(complaint, "%s is no URI", quote(text).text);
        return complain_hint(complaint, "write it with its scheme: spiffe://example.org/app");
    }
    if (span_find(text, '*') + 1 < text.len) {
        complain(complaint, "URI %s has '*' before its end", quote(text).text);
        return complain_hint(complaint, "'*' stands for the rest, so it can only be last: "
                                        "spiffe://example.org/shop/*");
    }
    return true;
}

bool rule_client_email(struct span text, struct complaint *complaint)
{
    size_t at = span_find(text, '@');
    struct span local = span_head(text, at);

    if (at == 0 || at + 1 >= text.len || has_strange_byte(text) ||
        span_find(span_skip(text, at + 1), '@') + at + 1 < text.len ||
        (span_find(local, '*') < local.len && local.len != 1)) {
        complain(complaint, "%s is no email address", quote(text).text);
        return complain_hint(complaint, "write someone@example.com, or \"*@example.com\" for all "
                                        "of that host");
    }
    return true;
}

bool rule_pin(struct span text, struct complaint *complaint)
{
    static const struct span scheme = SPAN("sha256/");
    unsigned char pin[PIN_BYTES];
    size_t len;

    if (!span_starts_with(text, scheme) ||
        !base64_decode(BASE64, span_skip(text, scheme.len), pin, sizeof(pin), &len) ||
        len != sizeof(pin)) {
        complain(complaint, "%s is no pin", quote(text).text);
        return complain_hint(
            complaint, "write sha256/ and the base64 SHA-256 of the public key: openssl x509 -in "
                       "server.crt -noout -pubkey | openssl pkey -pubin -outform DER | openssl "
                       "dgst -sha256 -binary | base64");
    }
    return true;
}
