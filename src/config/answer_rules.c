#include "config/answer_rules.h"

#include "config/text_rules.h"
#include "http/message.h"

static bool is_host_port(struct span authority)
{
    struct span host;
    uint16_t port;

    return http_parse_authority(authority, &host, &port);
}

bool rule_origin(struct span text, struct complaint *complaint)
{
    struct span rest = text;
    bool has_scheme = false;

    if (span_eq(text, SPAN_OF("*"))) {
        return true;
    }
    if (span_istarts_with(text, SPAN_OF("https://")) ||
        span_istarts_with(text, SPAN_OF("http://"))) {
        rest = span_skip(text, span_find(text, ':') + 3);
        has_scheme = true;
    }
    if (span_starts_with(rest, SPAN_OF("*."))) {
        rest = span_skip(rest, 2);
        /* "*.example" would be anybody's below a name that is sold from. */
        has_scheme &= span_find(rest, '.') != rest.len;
    }
    if (has_scheme && is_host_port(rest) && span_find(rest, '*') == rest.len) {
        return true;
    }
    complain(complaint, "%s is no origin", quote(text).text);
    return complain_hint(complaint, "scheme and host, without a path: https://app.example.com, "
                                    "https://*.example.com, or \"*\" for all");
}

bool rule_cors_field(struct span text, struct complaint *complaint)
{
    return span_eq(text, SPAN_OF("*")) || rule_field_name(text, complaint);
}

bool rule_link(struct span text, struct complaint *complaint)
{
    size_t end = span_find(text, '>');
    bool is_link = text.len > 2 && text.ptr[0] == '<' && end > 1 && end < text.len;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        is_link &= byte >= ' ' && byte < 0x7f;
    }
    for (size_t i = 0; i < end && is_link; i++) {
        is_link &= text.ptr[i] != ' ';
    }
    if (is_link) {
        return true;
    }
    complain(complaint, "%s is no value of Link", quote(text).text);
    return complain_hint(complaint, "for example \"</app.css>; rel=preload; as=style\"");
}

bool rule_media_type(struct span text, struct complaint *complaint)
{
    struct span type = span_head(text, span_find(text, ';'));
    size_t slash = span_find(type, '/');
    bool is_type = slash < type.len && http_is_token(span_head(type, slash)) &&
                   http_is_token(span_trim(span_skip(type, slash + 1)));

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        is_type &= byte >= ' ' && byte < 0x7f;
    }
    if (is_type) {
        return true;
    }
    complain(complaint, "%s is no media type", quote(text).text);
    return complain_hint(complaint, "for example type: text/html; charset=utf-8");
}
