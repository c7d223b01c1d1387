#include <arpa/inet.h>

#include "http/chars.h"
#include "http/message.h"

/* RFC 3986 section 3.2.2 asks for names of at most 255 bytes, as DNS does. */
#define HOST_MAX 255

/* port = *DIGIT in RFC 3986 section 3.2.3; here up to 5 of them, and 1 to 65535. None at all means
 * the scheme's, as if there were no colon (RFC 3986 section 6.2.3). */
static bool parse_port(struct span digits, uint16_t *port)
{
    uint64_t n;

    if (digits.len == 0) {
        return true;
    }
    if (digits.len > 5 || !span_to_u64(digits, UINT16_MAX, &n) || n == 0) {
        return false;
    }
    *port = (uint16_t)n;
    return true;
}

/* The length of "[IPv6]" at the front, or 0. A zone ("%25eth0") means something on one machine
 * only, and IPvFuture has no users: inet_pton takes neither. */
static size_t ip_literal_len(struct span s)
{
    size_t close = span_find(s, ']');
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (close == s.len || close > sizeof(text)) {
        return 0;
    }
    memcpy(text, s.ptr + 1, close - 1);
    text[close - 1] = '\0';
    /* inet_pton would stop at a NUL among the bytes and find what stands before it good. */
    if (memchr(text, '\0', close - 1) != NULL || inet_pton(AF_INET6, text, &address) != 1) {
        return 0;
    }
    return close + 1;
}

static size_t reg_name_len(struct span s)
{
    size_t len = 0;

    while (len < s.len && http_is(s.ptr[len], HTTP_REG_NAME)) {
        len++;
    }
    return len;
}

bool http_parse_authority(struct span authority, struct span *host, uint16_t *port)
{
    size_t len;

    *port = 0;
    if (authority.len == 0) {
        return false;
    }
    len = authority.ptr[0] == '[' ? ip_literal_len(authority) : reg_name_len(authority);
    if (len == 0 || len > HOST_MAX) {
        return false;
    }
    *host = span_head(authority, len);
    if (len == authority.len) {
        return true;
    }
    return authority.ptr[len] == ':' && parse_port(span_skip(authority, len + 1), port);
}
