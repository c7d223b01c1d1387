#include "base/url.h"

#include <stdio.h>

/* What stands in a request as it is: visible ASCII, without what a fragment begins with or what
 * RFC 3986 does not allow. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || strchr("#\"<>\\^`{|}", text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_host(struct span host, bool is_bracketed)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.ptr[i]);
        bool is_name = ascii_is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-' ||
                       c == '_' || (is_bracketed && c == ':');
        if (!is_name) {
            return false;
        }
    }
    return host.len != 0 && host.len <= URL_HOST_MAX;
}

static bool parse_authority(struct span text, struct url *url)
{
    bool is_bracketed = text.len != 0 && text.ptr[0] == '[';
    size_t start = is_bracketed ? 1 : 0;
    size_t len = span_find(span_skip(text, start), is_bracketed ? ']' : ':');
    struct span host = span_head(span_skip(text, start), len);
    struct span rest = span_skip(text, start + len);
    uint64_t port = url->is_https ? 443 : 80;

    if (is_bracketed) {
        if (rest.len == 0) {
            return false;
        }
        rest = span_skip(rest, 1);
    }
    if (!is_host(host, is_bracketed)) {
        return false;
    }
    if (rest.len != 0 &&
        (rest.ptr[0] != ':' || !span_to_u64(span_skip(rest, 1), 65535, &port) || port == 0)) {
        return false;
    }
    memcpy(url->host, host.ptr, host.len);
    url->host[host.len] = '\0';
    url->port = (uint16_t)port;
    url->authority = text;
    return true;
}

/* What follows the scheme. */
static bool parse_rest(struct span text, struct url *url)
{
    size_t len = 0;

    while (len < text.len && text.ptr[len] != '/' && text.ptr[len] != '?') {
        len++;
    }
    if (!parse_authority(span_head(text, len), url)) {
        return false;
    }
    text = span_skip(text, len);
    (void)snprintf(url->target, sizeof(url->target), "%s%.*s",
                   text.len != 0 && text.ptr[0] == '/' ? "" : "/", SPAN_ARG(text));
    return true;
}

bool url_parse(struct span text, struct url *url)
{
    static const struct span schemes[] = {SPAN("http://"), SPAN("https://")};

    if (text.len > URL_MAX || !is_plain(text)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (text.len > schemes[i].len && span_ieq(span_head(text, schemes[i].len), schemes[i])) {
            url->is_https = i == 1;
            return parse_rest(span_skip(text, schemes[i].len), url);
        }
    }
    return false;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

struct span url_decode(struct span text, struct arena *arena)
{
    char *out = arena_calloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        bool is_coded = text.ptr[i] == '%' && i + 2 < text.len && digit_of(text.ptr[i + 1]) >= 0 &&
                        digit_of(text.ptr[i + 2]) >= 0;
        out[len++] = is_coded ? (char)(digit_of(text.ptr[i + 1]) * 16 + digit_of(text.ptr[i + 2]))
                              : text.ptr[i];
        i += is_coded ? 2 : 0;
    }
    return span_make(out, len);
}
