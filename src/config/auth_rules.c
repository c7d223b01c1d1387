#include "config/auth_rules.h"

#include "config/text_rules.h"
#include "edge/field_rules.h"

static bool has_odd_byte(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

bool rule_token_word(struct span text, struct complaint *complaint)
{
    if (has_odd_byte(text)) {
        complain(complaint, "%s has a blank, or a byte that is no letter", quote(text).text);
        return complain_hint(complaint, "write it as tokens have it, one a text");
    }
    return true;
}

bool rule_algorithm(struct span text, struct complaint *complaint)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_eq_cstr(text, names[i])) {
            return true;
        }
    }
    if (span_ieq(text, SPAN_OF("none"))) {
        complain(complaint, "'none' is no signature, so anybody could make such a token");
    } else if (span_istarts_with(text, SPAN_OF("HS"))) {
        complain(complaint, "%s needs a secret that whoever verifies could sign with",
                 quote(text).text);
    } else {
        complain(complaint, "%s is no algorithm of signatures that is known here",
                 quote(text).text);
    }
    return complain_hint(complaint, "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                                    "ES512 and EdDSA are");
}

bool rule_claim(struct span text, struct complaint *complaint)
{
    if (has_odd_byte(text) || span_find(text, '{') != text.len ||
        span_find(text, '}') != text.len || text.ptr[0] == '.' || text.ptr[text.len - 1] == '.') {
        complain(complaint, "%s is no claim's name", quote(text).text);
        return complain_hint(complaint, "write sub, or with dots between what is nested: "
                                        "realm_access.roles");
    }
    return true;
}

bool rule_issuer_url(struct span text, struct complaint *complaint)
{
    if (!rule_url(text, complaint)) {
        return false;
    }
    if (span_find(text, '?') != text.len) {
        complain(complaint, "%s has a query, which no issuer has", quote(text).text);
        return complain_hint(complaint, "write what 'issuer' of the provider's document says");
    }
    return true;
}

bool rule_own_path(struct span text, struct complaint *complaint)
{
    bool is_plain = text.len > 1 && text.ptr[0] == '/' && text.ptr[text.len - 1] != '/';

    for (size_t i = 1; i < text.len && is_plain; i++) {
        char byte = text.ptr[i];
        bool begins = text.ptr[i - 1] == '/';
        is_plain =
            ascii_is_digit(byte) || (ascii_lower(byte) >= 'a' && ascii_lower(byte) <= 'z') ||
            byte == '-' || byte == '_' || byte == '~' || (byte == '/' && !begins) ||
            (byte == '.' &&
             !(begins && (i + 1 == text.len || text.ptr[i + 1] == '/' || text.ptr[i + 1] == '.')));
    }
    if (!is_plain) {
        complain(complaint, "%s is no path of letters, digits, '-', '.', '_' and '~'",
                 quote(text).text);
        return complain_hint(complaint, "write one as /oauth2/callback");
    }
    return true;
}

bool rule_auth_field(struct span text, struct complaint *complaint)
{
    const char *instead = NULL;

    if (!rule_field_name(text, complaint)) {
        return false;
    }
    if (!field_rules_may_name(text, true, &instead)) {
        complain(complaint, "%s is about the message or its connection", quote(text).text);
        return complain_hint(complaint, "only fields that say who somebody is can be named");
    }
    return true;
}
