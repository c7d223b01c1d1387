#include "io/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define V2_HEAD_BYTES 16
#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_UNSPEC 0x00
#define V2_TCP4 0x11
#define V2_TCP6 0x21
#define V2_UNIX 0x31
#define V2_UNIX_PATH_BYTES 108

#define TLV_ALPN 0x01
#define TLV_AUTHORITY 0x02
#define TLV_CRC32C 0x03
#define TLV_SSL 0x20
#define TLV_SSL_VERSION 0x21
#define TLV_SSL_CN 0x22
#define TLV_SSL_CIPHER 0x23
#define SSL_CLIENT_SSL 0x01
#define SSL_CLIENT_CERT_CONN 0x02

static const struct span v1_prefix = SPAN("PROXY ");
static const struct span v2_signature = SPAN("\r\n\r\n\0\r\nQUIT\n");

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static enum proxy_header_result refuse(struct proxy_header *header, enum proxy_header_bad why)
{
    header->bad = why;
    return PROXY_HEADER_BAD;
}

/* Whether the bytes are, or may become, something that starts so. */
static bool may_start_with(struct span bytes, struct span prefix)
{
    size_t len = bytes.len < prefix.len ? bytes.len : prefix.len;

    return len == 0 || memcmp(bytes.ptr, prefix.ptr, len) == 0;
}

/* ---- version 1 (section 2.1) ---- */

static bool read_ip(struct span text, int family, struct peer *peer)
{
    char address[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(address) || memchr(text.ptr, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(address, text.ptr, text.len);
    address[text.len] = '\0';
    if (family == AF_INET) {
        memcpy(peer->ip, v4_mapped, sizeof(v4_mapped));
        return inet_pton(AF_INET, address, peer->ip + 12) == 1;
    }
    return inet_pton(AF_INET6, address, peer->ip) == 1;
}

static bool read_port(struct span text, uint16_t *port)
{
    uint64_t number;

    if ((text.len > 1 && text.ptr[0] == '0') || !span_to_u64(text, UINT16_MAX, &number)) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

/* What follows "TCP4 " or "TCP6 ": two addresses and two ports, one space between them. */
static enum proxy_header_bad read_endpoints(struct proxy_header *header, struct span rest,
                                            int family)
{
    struct span fields[4];

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!span_split(&rest, ' ', &fields[i]) || fields[i].len == 0) {
            return PROXY_HEADER_BAD_LINE;
        }
    }
    if (rest.ptr != NULL) {
        return PROXY_HEADER_BAD_LINE;
    }
    if (!read_ip(fields[0], family, &header->source) ||
        !read_ip(fields[1], family, &header->destination)) {
        return PROXY_HEADER_BAD_ADDRESS;
    }
    if (!read_port(fields[2], &header->source.port) ||
        !read_port(fields[3], &header->destination.port)) {
        return PROXY_HEADER_BAD_PORT;
    }
    return PROXY_HEADER_BAD_NONE;
}

/* line: without CR LF. */
static enum proxy_header_bad read_line(struct proxy_header *header, struct span line)
{
    struct span rest = span_skip(line, v1_prefix.len);
    struct span family;

    if (!span_split(&rest, ' ', &family)) {
        return PROXY_HEADER_BAD_LINE;
    }
    if (span_eq(family, SPAN_OF("UNKNOWN"))) {
        header->is_local = true; /* whatever follows is to be ignored */
        return PROXY_HEADER_BAD_NONE;
    }
    if (span_eq(family, SPAN_OF("TCP4"))) {
        return read_endpoints(header, rest, AF_INET);
    }
    if (span_eq(family, SPAN_OF("TCP6"))) {
        return read_endpoints(header, rest, AF_INET6);
    }
    return PROXY_HEADER_BAD_FAMILY;
}

static enum proxy_header_result parse_v1(struct proxy_header *header, struct span bytes)
{
    size_t known = bytes.len < PROXY_HEADER_V1_MAX ? bytes.len : PROXY_HEADER_V1_MAX;
    enum proxy_header_bad why;

    for (size_t i = 0; i < known; i++) {
        char c = bytes.ptr[i];
        if (c == '\n' || c == '\0' || (i > 0 && bytes.ptr[i - 1] == '\r')) {
            bool is_end = c == '\n' && i > 0 && bytes.ptr[i - 1] == '\r';
            if (!is_end) {
                return refuse(header, PROXY_HEADER_BAD_LINE);
            }
            header->len = i + 1;
            why = read_line(header, span_head(bytes, i - 1));
            return why == PROXY_HEADER_BAD_NONE ? PROXY_HEADER_COMPLETE : refuse(header, why);
        }
    }
    return known == PROXY_HEADER_V1_MAX ? refuse(header, PROXY_HEADER_BAD_TOO_LONG)
                                        : PROXY_HEADER_MORE;
}

/* ---- version 2 (section 2.2) ---- */

static uint32_t crc32c_add(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        crc = crc >> 1 ^ (0x82f63b78U & (0U - (crc & 1)));
    }
    return crc;
}

/* Over the whole header, with the checksum's own bytes taken as zero (section 2.2.3). */
static bool checksum_holds(struct span header, struct span checksum)
{
    size_t from = (size_t)(checksum.ptr - header.ptr);
    struct cursor c = cursor_make(checksum);
    uint32_t expected;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.len; i++) {
        bool is_own = i >= from && i < from + checksum.len;
        crc = crc32c_add(crc, is_own ? 0 : (uint8_t)header.ptr[i]);
    }
    return cursor_u32(&c, &expected) && expected == ~crc;
}

static bool read_tlv(struct cursor *c, uint8_t *type, struct span *value)
{
    struct cursor inner;

    return cursor_u8(c, type) && cursor_vector16(c, &inner) &&
           cursor_bytes(&inner, cursor_left(&inner), value);
}

/* Client flags, the result of verification, then TLVs of its own (section 2.2.6). */
static bool is_ssl_value(struct span value)
{
    struct cursor c = cursor_make(value);
    struct span sub;
    uint8_t type;
    uint32_t verify;

    if (!cursor_u8(&c, &type) || !cursor_u32(&c, &verify)) {
        return false;
    }
    while (cursor_left(&c) != 0) {
        if (!read_tlv(&c, &type, &sub)) {
            return false;
        }
    }
    return true;
}

static enum proxy_header_bad read_tlvs(struct proxy_header *header, struct span whole,
                                       struct cursor c)
{
    struct span checksum = {NULL, 0};

    while (cursor_left(&c) != 0) {
        struct span value;
        uint8_t type;
        if (!read_tlv(&c, &type, &value)) {
            return PROXY_HEADER_BAD_TLV;
        }
        if (type == TLV_AUTHORITY) {
            if (header->authority.ptr != NULL || value.len == 0 ||
                value.len > PROXY_HEADER_AUTHORITY_MAX) {
                return PROXY_HEADER_BAD_TLV;
            }
            header->authority = value;
        } else if (type == TLV_CRC32C) {
            if (checksum.ptr != NULL || value.len != 4) {
                return PROXY_HEADER_BAD_TLV;
            }
            checksum = value;
        } else if (type == TLV_SSL && !is_ssl_value(value)) {
            return PROXY_HEADER_BAD_TLV;
        }
    }
    if (checksum.ptr != NULL && !checksum_holds(whole, checksum)) {
        return PROXY_HEADER_BAD_CHECKSUM;
    }
    return PROXY_HEADER_BAD_NONE;
}

static bool read_v4(struct cursor *c, struct peer *peer)
{
    struct span ip;

    if (!cursor_bytes(c, 4, &ip)) {
        return false;
    }
    memcpy(peer->ip, v4_mapped, sizeof(v4_mapped));
    memcpy(peer->ip + 12, ip.ptr, 4);
    return true;
}

static bool read_v6(struct cursor *c, struct peer *peer)
{
    struct span ip;

    if (!cursor_bytes(c, 16, &ip)) {
        return false;
    }
    memcpy(peer->ip, ip.ptr, 16);
    return true;
}

static enum proxy_header_bad read_addresses(struct proxy_header *header, struct cursor *c,
                                            uint8_t family)
{
    bool (*read_one)(struct cursor *, struct peer *) = family == V2_TCP4 ? read_v4 : read_v6;
    struct span paths;

    switch (family) {
    case V2_UNSPEC:
        header->is_local = true;
        return PROXY_HEADER_BAD_NONE;
    case V2_UNIX:
        header->source.is_unix = header->destination.is_unix = true;
        return cursor_bytes(c, (size_t)2 * V2_UNIX_PATH_BYTES, &paths) ? PROXY_HEADER_BAD_NONE
                                                                       : PROXY_HEADER_BAD_ADDRESS;
    case V2_TCP4:
    case V2_TCP6:
        return read_one(c, &header->source) && read_one(c, &header->destination) &&
                       cursor_u16(c, &header->source.port) &&
                       cursor_u16(c, &header->destination.port)
                   ? PROXY_HEADER_BAD_NONE
                   : PROXY_HEADER_BAD_ADDRESS;
    default:
        return PROXY_HEADER_BAD_FAMILY;
    }
}

static enum proxy_header_result parse_v2(struct proxy_header *header, struct span bytes)
{
    struct cursor c = cursor_make(bytes);
    struct cursor body;
    struct span signature, rest;
    uint8_t command, family;
    uint16_t len;
    enum proxy_header_bad why;

    header->is_v2 = true;
    if (!cursor_bytes(&c, v2_signature.len, &signature) || !cursor_u8(&c, &command)) {
        return PROXY_HEADER_MORE;
    }
    if (command != V2_LOCAL && command != V2_PROXY) {
        return refuse(header, PROXY_HEADER_BAD_VERSION);
    }
    if (!cursor_u8(&c, &family) || !cursor_u16(&c, &len)) {
        return PROXY_HEADER_MORE;
    }
    if (V2_HEAD_BYTES + (size_t)len > PROXY_HEADER_MAX) {
        return refuse(header, PROXY_HEADER_BAD_TOO_LONG);
    }
    if (!cursor_bytes(&c, len, &rest)) {
        return PROXY_HEADER_MORE;
    }
    body = cursor_make(rest);
    header->len = V2_HEAD_BYTES + (size_t)len;
    if (command == V2_LOCAL) {
        header->is_local = true; /* the rest is to be skipped unread */
        return PROXY_HEADER_COMPLETE;
    }
    why = read_addresses(header, &body, family);
    if (why == PROXY_HEADER_BAD_NONE) {
        why = read_tlvs(header, span_head(bytes, header->len), body);
    }
    return why == PROXY_HEADER_BAD_NONE ? PROXY_HEADER_COMPLETE : refuse(header, why);
}

enum proxy_header_result proxy_header_parse(struct proxy_header *header, struct span bytes)
{
    *header = (struct proxy_header){0};
    if (may_start_with(bytes, v2_signature)) {
        return bytes.len == 0 ? PROXY_HEADER_MORE : parse_v2(header, bytes);
    }
    if (may_start_with(bytes, v1_prefix)) {
        return bytes.len < v1_prefix.len ? PROXY_HEADER_MORE : parse_v1(header, bytes);
    }
    return PROXY_HEADER_NOT;
}

const char *proxy_header_bad_text(enum proxy_header_bad bad)
{
    static const char *const texts[] = {
        [PROXY_HEADER_BAD_NONE] = "nothing is wrong with it",
        [PROXY_HEADER_BAD_TOO_LONG] = "the PROXY header is above the limit",
        [PROXY_HEADER_BAD_LINE] = "the PROXY line has the wrong fields, spaces or end",
        [PROXY_HEADER_BAD_FAMILY] = "the PROXY header is for another family than TCP",
        [PROXY_HEADER_BAD_ADDRESS] = "an address in the PROXY header is malformed",
        [PROXY_HEADER_BAD_PORT] = "a port in the PROXY header is malformed",
        [PROXY_HEADER_BAD_VERSION] = "the PROXY header has an unknown version or command",
        [PROXY_HEADER_BAD_TLV] = "the lengths in the PROXY header do not add up",
        [PROXY_HEADER_BAD_CHECKSUM] = "the PROXY header's checksum is wrong",
    };

    return texts[bad];
}

/* ---- writing ---- */

static bool are_both_ipv4(const struct peer *a, const struct peer *b)
{
    return peer_is_ipv4(a) && peer_is_ipv4(b);
}

size_t proxy_header_write_v1(char out[PROXY_HEADER_WRITE_MAX], const struct peer *source,
                             const struct peer *destination)
{
    int family = are_both_ipv4(source, destination) ? AF_INET : AF_INET6;
    size_t skip = family == AF_INET ? 12 : 0;
    char from[INET6_ADDRSTRLEN];
    char to[INET6_ADDRSTRLEN];

    if (source->is_unix || destination->is_unix) {
        return (size_t)snprintf(out, PROXY_HEADER_WRITE_MAX, "PROXY UNKNOWN\r\n");
    }
    CHECK(inet_ntop(family, source->ip + skip, from, sizeof(from)) != NULL &&
          inet_ntop(family, destination->ip + skip, to, sizeof(to)) != NULL);
    return (size_t)snprintf(out, PROXY_HEADER_WRITE_MAX, "PROXY %s %s %s %u %u\r\n",
                            family == AF_INET ? "TCP4" : "TCP6", from, to, source->port,
                            destination->port);
}

static char *put(char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static char *put_tlv(char *at, uint8_t type, struct span value)
{
    *at++ = (char)type;
    at = big_endian_put(at, value.len, 2);
    return put(at, value.ptr, value.len);
}

/* Those without a text are left out. */
static char *put_text(char *at, uint8_t type, struct span text)
{
    return text.len != 0 ? put_tlv(at, type, span_cut(text, PROXY_HEADER_TEXT_MAX)) : at;
}

/* Its `verify` is 0 for a certificate that is good, and only counts where there is one. */
static char *put_tls(char *at, const struct proxy_header_tls *tls)
{
    char *start;

    at = put_text(at, TLV_ALPN, tls->alpn);
    start = at;
    *at++ = TLV_SSL;
    at += 2; /* the length, below */
    *at++ = (char)(SSL_CLIENT_SSL | (tls->has_certificate ? SSL_CLIENT_CERT_CONN : 0));
    at = big_endian_put(at, 0, 2);
    at = big_endian_put(at, tls->has_certificate && tls->is_verified ? 0 : 1, 2);
    at = put_text(at, TLV_SSL_VERSION, tls->version);
    at = put_text(at, TLV_SSL_CN, tls->common_name);
    at = put_text(at, TLV_SSL_CIPHER, tls->cipher);
    (void)big_endian_put(start + 1, (size_t)(at - start) - 3, 2);
    return at;
}

size_t proxy_header_write_v2(char out[PROXY_HEADER_WRITE_MAX], const struct peer *source,
                             const struct peer *destination, struct span authority,
                             const struct proxy_header_tls *tls)
{
    bool is_known = !source->is_unix && !destination->is_unix;
    bool is_v4 = are_both_ipv4(source, destination);
    size_t skip = is_v4 ? 12 : 0;
    char *at = put(out, v2_signature.ptr, v2_signature.len);

    *at++ = is_known ? V2_PROXY : V2_LOCAL;
    *at++ = !is_known ? V2_UNSPEC : is_v4 ? V2_TCP4 : V2_TCP6;
    at += 2; /* the length, below */
    if (is_known) {
        at = put(at, source->ip + skip, 16 - skip);
        at = put(at, destination->ip + skip, 16 - skip);
        at = big_endian_put(at, source->port, 2);
        at = big_endian_put(at, destination->port, 2);
    }
    if (authority.len != 0 && authority.len <= PROXY_HEADER_AUTHORITY_MAX) {
        at = put_tlv(at, TLV_AUTHORITY, authority);
    }
    if (tls != NULL) {
        at = put_tls(at, tls);
    }
    (void)big_endian_put(out + V2_HEAD_BYTES - 2, (size_t)(at - out) - V2_HEAD_BYTES, 2);
    return (size_t)(at - out);
}
