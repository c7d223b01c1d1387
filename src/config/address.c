#include "config/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#define NAME_BYTES_MAX 253
#define LABEL_BYTES_MAX 63

const char *path_join(const char *folder, struct span path, struct arena *arena)
{
    if (folder[0] == '\0' || (path.len != 0 && path.ptr[0] == '/')) {
        return arena_cstr(arena, path);
    }
    return arena_printf(arena, "%s/%.*s", folder, SPAN_ARG(path));
}

static bool parse_ip(int family, struct span text, void *bytes)
{
    char buf[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(buf)) {
        return false;
    }
    memcpy(buf, text.ptr, text.len);
    buf[text.len] = '\0';
    return memchr(buf, '\0', text.len) == NULL && inet_pton(family, buf, bytes) == 1;
}

static bool is_ipv4(struct span text)
{
    struct in_addr bytes;

    return parse_ip(AF_INET, text, &bytes);
}

static bool is_ipv6(struct span text)
{
    struct in6_addr bytes;

    return parse_ip(AF_INET6, text, &bytes);
}

static bool is_name_char(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
           c == '_';
}

static bool is_digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i])) {
            return false;
        }
    }
    return s.len != 0;
}

static bool label_check(struct span name, struct span label, struct complaint *complaint)
{
    if (label.len == 0) {
        complain(complaint, "%s has an empty part between dots", quote(name).text);
        return complain_hint(complaint, "write it as in shop.example.com, without a dot at either "
                                        "end");
    }
    if (label.len > LABEL_BYTES_MAX) {
        complain(complaint, "%s has a part of more than 63 characters", quote(name).text);
        return complain_hint(complaint, "DNS allows 63 between two dots");
    }
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') {
        complain(complaint, "%s has a part that begins or ends with '-'", quote(name).text);
        return complain_hint(complaint, "DNS allows '-' only inside");
    }
    return true;
}

static bool bad_character(struct span name, char c, struct complaint *complaint)
{
    if ((unsigned char)c >= 0x80) {
        complain(complaint, "%s is not plain ASCII", quote(name).text);
        return complain_hint(complaint, "write an international name in its punycode form, "
                                        "xn--...");
    }
    complain(complaint, "%s is not a host name: '%c' cannot be in one", quote(name).text, c);
    return complain_hint(complaint, "letters, digits, '-' and dots, as in shop.example.com");
}

bool name_check(struct span name, struct complaint *complaint)
{
    struct span rest = name;
    struct span label = name;

    if (name.len == 0 || name.len > NAME_BYTES_MAX) {
        complain(complaint, name.len == 0 ? "the host name is empty" : "%s is too long for a name",
                 quote(name).text);
        return complain_hint(complaint, "1 to 253 characters, as in shop.example.com");
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.ptr[i]) && name.ptr[i] != '.') {
            return bad_character(name, name.ptr[i], complaint);
        }
    }
    while (span_split(&rest, '.', &label)) {
        if (!label_check(name, label, complaint)) {
            return false;
        }
    }
    if (is_digits(label)) {
        complain(complaint, "%s is neither a name nor an IPv4 address", quote(name).text);
        return complain_hint(complaint, "an IPv4 address is four numbers from 0 to 255, as in "
                                        "192.0.2.10");
    }
    return true;
}

static bool host_with_extras(struct span host, struct complaint *complaint)
{
    if (span_find(host, '/') < host.len) {
        complain(complaint, "%s is a URL, not a host", quote(host).text);
        return complain_hint(complaint, "write the name alone, as in shop.example.com; paths go "
                                        "into routes");
    }
    if (span_find(host, ':') < host.len) {
        complain(complaint, "host %s has a port", quote(host).text);
        return complain_hint(complaint, "write the name alone; ports are what listeners bind");
    }
    return true;
}

bool host_check(struct span host, struct complaint *complaint)
{
    if (span_eq_cstr(host, "*") || is_ipv4(host)) {
        return true;
    }
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']' &&
        is_ipv6(span_make(host.ptr + 1, host.len - 2))) {
        return true;
    }
    if (is_ipv6(host)) {
        return true; /* kept in brackets, as it is in URLs (host_canonical) */
    }
    if (host.len > 1 && host.ptr[0] == '.') {
        complain(complaint, "host %s begins with a dot", quote(host).text);
        return complain_hint(complaint,
                             "write \"*%.*s\" for the names one part below, and \"%.*s\" for the "
                             "name itself: hosts: [\"%.*s\", \"*%.*s\"]",
                             SPAN_ARG(host), SPAN_ARG(span_skip(host, 1)),
                             SPAN_ARG(span_skip(host, 1)), SPAN_ARG(host));
    }
    if (!host_with_extras(host, complaint)) {
        return false;
    }
    if (span_starts_with(host, SPAN_OF("**."))) {
        host = span_skip(host, 3);
    } else if (span_starts_with(host, SPAN_OF("*."))) {
        host = span_skip(host, 2);
    }
    if (span_find(host, '*') < host.len) {
        complain(complaint, "'*' can only be the whole first part of a host");
        return complain_hint(complaint, "\"*.example.com\" stands for one part before "
                                        "example.com, \"**.example.com\" for any number of them; "
                                        "\"*\" alone for every host");
    }
    return name_check(host, complaint);
}

static bool port_parse(struct span address, struct span text, enum address_use use, uint16_t *port,
                       struct complaint *complaint)
{
    uint64_t value = 0;

    if (!span_to_u64(text, UINT16_MAX, &value) || (value == 0 && use == ADDRESS_CONNECT)) {
        complain(complaint, "port %s of %s is not a number from %d to 65535", quote(text).text,
                 quote(address).text, use == ADDRESS_CONNECT ? 1 : 0);
        return complain_hint(complaint, "for example %s",
                             use == ADDRESS_CONNECT ? "127.0.0.1:8080" : "\":443\"");
    }
    *port = (uint16_t)value;
    return true;
}

static bool unix_parse(struct span text, const char *folder, struct arena *arena,
                       struct address_setting *address, struct complaint *complaint)
{
    struct span path = span_skip(text, strlen("unix:"));

    if (path.len == 0) {
        complain(complaint, "%s has no path", quote(text).text);
        return complain_hint(complaint, "for example unix:/run/app.sock");
    }
    address->kind = ADDRESS_UNIX;
    address->host = path_join(folder, path, arena);
    if (strlen(address->host) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        complain(complaint, "the path of the Unix socket is longer than %zu bytes",
                 sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
        return complain_hint(complaint, "Linux allows no more; choose a shorter path than %s",
                             quote_cstr(address->host).text);
    }
    return true;
}

/* A name with a dot at its end is whole: it is looked up as it is, without what `search` of
 * /etc/resolv.conf would add. Everywhere else it is the name without the dot. */
static struct span without_end_dot(struct span name)
{
    bool has_dot = name.len > 1 && name.ptr[name.len - 1] == '.';

    return span_head(name, name.len - has_dot);
}

/* "srv:_http._tcp.example.com": the port comes with the answer. */
static bool srv_parse(struct span text, enum address_use use, struct arena *arena,
                      struct address_setting *address, struct complaint *complaint)
{
    struct span name = span_skip(text, strlen("srv:"));

    if (use == ADDRESS_LISTEN) {
        complain(complaint, "a listener cannot be a service of the DNS");
        return complain_hint(complaint, "an address of this machine, 127.0.0.1:8080, or every "
                                        "one, \":8080\"");
    }
    if (span_find(name, ':') < name.len) {
        complain(complaint, "service %s has a port", quote(name).text);
        return complain_hint(complaint, "write srv: and its name alone, the DNS has the port: "
                                        "srv:_http._tcp.example.com");
    }
    address->kind = ADDRESS_SRV;
    address->looked_up = arena_cstr(arena, name);
    address->host = arena_cstr(arena, without_end_dot(name));
    return name_check(without_end_dot(name), complaint);
}

/* Cuts "host:port". The host keeps no brackets; *is_bracketed says whether it had them. */
static bool split_port(struct span text, enum address_use use, struct span *host, struct span *port,
                       bool *is_bracketed, struct complaint *complaint)
{
    size_t colon = text.len;

    *is_bracketed = text.len != 0 && text.ptr[0] == '[';
    while (colon > 0 && text.ptr[colon - 1] != ':' && text.ptr[colon - 1] != ']') {
        colon--;
    }
    if (colon == 0 || text.ptr[colon - 1] == ']') {
        complain(complaint, "address %s has no port", quote(text).text);
        return use == ADDRESS_LISTEN && is_digits(text)
                   ? complain_hint(complaint, "to listen on that port write \":%.*s\"",
                                   SPAN_ARG(text))
                   : complain_hint(complaint, "write address:port, for example %s",
                                   *is_bracketed ? "\"[::1]:8080\"" : "127.0.0.1:8080");
    }
    *host = span_head(text, colon - 1);
    *port = span_skip(text, colon);
    if (*is_bracketed && host->len > 1 && host->ptr[host->len - 1] == ']') {
        *host = span_make(host->ptr + 1, host->len - 2);
    } else if (*is_bracketed || span_find(*host, ':') < host->len) {
        complain(complaint, "%s is not an address", quote(text).text);
        return complain_hint(complaint, span_find(text, '/') < text.len
                                            ? "write host:port without a scheme and a path"
                                            : "an IPv6 address needs brackets: \"[::1]:8080\"");
    }
    return true;
}

static bool host_parse(struct span text, struct span host, bool is_bracketed, enum address_use use,
                       struct address_setting *address, struct complaint *complaint)
{
    if (is_bracketed) {
        address->kind = ADDRESS_IPV6;
        if (!is_ipv6(host)) {
            complain(complaint, "%s is not an IPv6 address", quote(host).text);
            return complain_hint(complaint, "for example \"[2001:db8::1]:443\"");
        }
        return true;
    }
    if (is_ipv4(host)) {
        address->kind = ADDRESS_IPV4;
        return true;
    }
    if (host.len == 0 || span_eq_cstr(host, "*")) {
        address->kind = ADDRESS_ANY;
        if (use == ADDRESS_CONNECT || host.len != 0) {
            complain(complaint, "address %s names no host", quote(text).text);
            return use == ADDRESS_CONNECT
                       ? complain_hint(complaint,
                                       "for a server on this machine write "
                                       "127.0.0.1%.*s",
                                       SPAN_ARG(text))
                       : complain_hint(complaint, "write \"%.*s\" for every address",
                                       SPAN_ARG(span_skip(text, 1)));
        }
        return true;
    }
    address->kind = ADDRESS_NAME;
    if (!name_check(without_end_dot(host), complaint)) {
        return false;
    }
    if (use == ADDRESS_LISTEN) {
        complain(complaint, "a listener needs a number, not the name %s", quote(host).text);
        return complain_hint(complaint, "an address of this machine, 127.0.0.1:8080, or every "
                                        "one, \":8080\"");
    }
    return true;
}

/* "https://10.0.0.1/": what people paste. What stands for TLS is said elsewhere, and paths are
 * passed on as they come. */
static bool refuse_url(struct span text, enum address_use use, struct complaint *complaint)
{
    size_t colon = span_find(text, ':');
    struct span scheme = span_head(text, colon);
    struct span rest = span_skip(text, colon + 3);
    struct span host = span_head(rest, span_find(rest, '/'));
    bool has_tls = span_ieq(scheme, SPAN_OF("https")) || span_ieq(scheme, SPAN_OF("wss")) ||
                   span_ieq(scheme, SPAN_OF("h2")) || span_ieq(scheme, SPAN_OF("grpcs"));
    size_t name_len = host.len != 0 && host.ptr[0] == '[' ? span_find(host, ']') : 0;
    bool has_port = span_find(span_skip(host, name_len), ':') < host.len - name_len;
    const char *port = has_port ? "" : has_tls ? ":443" : ":80";

    complain(complaint, "%s is a URL, not an address", quote(text).text);
    if (use == ADDRESS_LISTEN) {
        return complain_hint(complaint, "write the address and port alone, for example \":443\"");
    }
    return has_tls
               ? complain_hint(complaint,
                               "write the address, and that TLS is spoken to it: backend: { "
                               "servers: [\"%.*s%s\"], tls: {} }; paths are passed on as they come",
                               SPAN_ARG(host), port)
               : complain_hint(complaint,
                               "write the address alone: \"%.*s%s\"; paths are passed on as they "
                               "come",
                               SPAN_ARG(host), port);
}

static bool is_url(struct span text)
{
    size_t colon = span_find(text, ':');

    return colon != 0 && colon < text.len &&
           span_starts_with(span_skip(text, colon), SPAN_OF("://"));
}

bool name_server_check(struct span text, struct complaint *complaint)
{
    size_t colon = text.len;
    uint64_t port = 53;
    struct span host;

    if (is_ipv4(text) || is_ipv6(text)) {
        return true;
    }
    while (colon > 0 && text.ptr[colon - 1] != ':' && text.ptr[colon - 1] != ']') {
        colon--;
    }
    bool has_port = colon > 0 && text.ptr[colon - 1] == ':';
    host = has_port ? span_head(text, colon - 1) : text;
    if (has_port && !span_to_u64(span_skip(text, colon), UINT16_MAX, &port)) {
        port = 0;
    }
    bool is_address = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']'
                          ? is_ipv6(span_make(host.ptr + 1, host.len - 2))
                          : is_ipv4(host);
    if (is_address && port != 0) {
        return true;
    }
    complain(complaint, "%s is not the address of a name server", quote(text).text);
    return complain_hint(complaint, "for example 10.0.0.53, \"10.0.0.53:5353\" or "
                                    "\"[2001:db8::53]:5353\"");
}

bool address_parse(struct span text, enum address_use use, const char *folder, struct arena *arena,
                   struct address_setting *address, struct complaint *complaint)
{
    struct span host = {NULL, 0};
    struct span port = {NULL, 0};
    bool is_bracketed = false;

    address->text = arena_cstr(arena, text);
    address->port = 0;
    if (span_starts_with(text, SPAN_OF("unix:"))) {
        return unix_parse(text, folder, arena, address, complaint);
    }
    if (span_starts_with(text, SPAN_OF("srv:"))) {
        return srv_parse(text, use, arena, address, complaint);
    }
    if (is_url(text)) {
        return refuse_url(text, use, complaint);
    }
    if (!split_port(text, use, &host, &port, &is_bracketed, complaint) ||
        !host_parse(text, host, is_bracketed, use, address, complaint) ||
        !port_parse(text, port, use, &address->port, complaint)) {
        return false;
    }
    address->looked_up = arena_cstr(arena, host);
    address->host = arena_cstr(arena, without_end_dot(host));
    return true;
}

static bool is_every_address(const struct address_setting *address)
{
    return strcmp(address->host, address->kind == ADDRESS_IPV6 ? "::" : "0.0.0.0") == 0;
}

static bool is_same_host(const struct address_setting *a, const struct address_setting *b)
{
    unsigned char x[16] = {0};
    unsigned char y[16] = {0};
    int family = a->kind == ADDRESS_IPV6 ? AF_INET6 : AF_INET;

    return parse_ip(family, span_from_cstr(a->host), x) &&
           parse_ip(family, span_from_cstr(b->host), y) && memcmp(x, y, sizeof(x)) == 0;
}

bool address_overlaps(const struct address_setting *a, const struct address_setting *b)
{
    if (a->kind == ADDRESS_UNIX || b->kind == ADDRESS_UNIX) {
        return a->kind == b->kind && strcmp(a->host, b->host) == 0;
    }
    if (a->port != b->port || a->port == 0) {
        return false;
    }
    if (a->kind == ADDRESS_ANY || b->kind == ADDRESS_ANY) {
        return true;
    }
    return a->kind == b->kind && (is_every_address(a) || is_every_address(b) || is_same_host(a, b));
}

/* Whether all bits behind the prefix are 0. */
static bool has_no_host_bits(const struct network *network)
{
    for (unsigned bit = network->prefix_bits; bit < 128; bit++) {
        if ((network->address[bit / 8] & (0x80U >> (bit % 8))) != 0) {
            return false;
        }
    }
    return true;
}

static bool prefix_parse(struct span text, struct span prefix, bool is_v4, struct network *network,
                         struct complaint *complaint)
{
    unsigned width = is_v4 ? 32 : 128;
    uint64_t bits = width;

    if (prefix.ptr != NULL && !span_to_u64(prefix, width, &bits)) {
        complain(complaint, "the prefix length of %s is not a number from 0 to %u",
                 quote(text).text, width);
        return complain_hint(complaint, "for example %s", is_v4 ? "10.0.0.0/8" : "fd00::/8");
    }
    network->prefix_bits = (uint8_t)(bits + (is_v4 ? 96 : 0));
    if (!has_no_host_bits(network)) {
        complain(complaint, "network %s has bits set behind its prefix", quote(text).text);
        return complain_hint(complaint,
                             "set the bits behind the first %u to 0, or leave the "
                             "prefix out to mean the single address",
                             (unsigned)bits);
    }
    return true;
}

bool network_parse(struct span text, struct network *network, struct complaint *complaint)
{
    struct span prefix = text;
    struct span address = {NULL, 0};
    bool is_v4;

    *network = (struct network){.is_unix = span_eq_cstr(text, "unix")};
    if (network->is_unix) {
        return true;
    }
    (void)span_split(&prefix, '/', &address);
    is_v4 = parse_ip(AF_INET, address, network->address + 12);
    if (!is_v4 && !parse_ip(AF_INET6, address, network->address)) {
        complain(complaint, "%s is not a network", quote(text).text);
        return complain_hint(complaint, "an address or network in numbers, 10.0.0.0/8 or fd00::/8, "
                                        "or \"unix\"");
    }
    if (is_v4) {
        network->address[10] = network->address[11] = 0xFF;
    }
    return prefix_parse(text, prefix, is_v4, network, complaint);
}

struct network_text network_format(const struct network *network)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_ipv4 =
        network->prefix_bits >= 96 && memcmp(network->address, mapped, sizeof(mapped)) == 0;
    struct network_text text = {"unix"};
    char address[INET6_ADDRSTRLEN] = "";

    if (!network->is_unix) {
        (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, network->address + (is_ipv4 ? 12 : 0),
                        address, sizeof(address));
        (void)snprintf(text.text, sizeof(text.text), "%s/%u", address,
                       network->prefix_bits - (is_ipv4 ? 96U : 0U));
    }
    return text;
}
