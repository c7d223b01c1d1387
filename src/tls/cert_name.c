#include "tls/cert_name.h"

#include <string.h>

static bool is_wildcard(struct span name)
{
    return name.len > 2 && name.ptr[0] == '*' && name.ptr[1] == '.';
}

enum cert_cover cert_name_cover(struct span pattern, struct span host)
{
    size_t dot = span_find(host, '.');

    if (host.len == 0) {
        return CERT_COVER_NONE;
    }
    if (span_ieq(pattern, host)) {
        return CERT_COVER_EXACT;
    }
    return is_wildcard(pattern) && dot != 0 && dot < host.len &&
                   span_ieq(span_skip(pattern, 1), span_skip(host, dot))
               ? CERT_COVER_WILDCARD
               : CERT_COVER_NONE;
}

static size_t count(struct span text, char c)
{
    size_t found = 0;

    for (size_t i = 0; i < text.len; i++) {
        found += text.ptr[i] == c ? 1 : 0;
    }
    return found;
}

static bool has_odd_byte(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.' || c == '_' || c == '*')) {
            return true;
        }
    }
    return false;
}

const char *cert_name_fault(struct span name)
{
    struct span rest = is_wildcard(name) ? span_skip(name, 2) : name;

    if (name.len == 0 || has_odd_byte(name)) {
        return "is no host name: names beyond ASCII are written as xn--...";
    }
    if (name.len > 253) {
        return "is longer than a host name can be (253 characters)";
    }
    if (name.ptr[name.len - 1] == '.') {
        return "ends with a dot, and clients compare without it";
    }
    if (span_eq(name, SPAN_OF("*"))) {
        return "is a wildcard for everything, which no client takes";
    }
    if (count(rest, '*') != 0) {
        return "has a wildcard that is not the whole first label, which clients do not take (RFC "
               "9525 section 6.3)";
    }
    if (is_wildcard(name) && count(rest, '.') == 0) {
        return "is a wildcard right under a top-level domain, which most clients do not take: "
               "browsers, curl and OpenSSL want two labels behind the '*'";
    }
    return NULL;
}
