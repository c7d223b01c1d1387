#include "io/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static char *put_number(char *to, unsigned n)
{
    char digits[5];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + (sizeof(digits) - at);
}

static char *put_ipv4(char *to, const uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned n = ip[i];
        if (n >= 100) {
            *to++ = (char)('0' + n / 100);
        }
        if (n >= 10) {
            *to++ = (char)('0' + n / 10 % 10);
        }
        *to++ = (char)('0' + n % 10);
        *to++ = '.';
    }
    return to - 1;
}

static unsigned group_at(const uint8_t ip[16], int group)
{
    return (unsigned)ip[2 * group] << 8 | ip[2 * group + 1];
}

static char *put_group(char *to, unsigned group)
{
    static const char hex[] = "0123456789abcdef";
    int shift = group >= 0x1000 ? 12 : group >= 0x100 ? 8 : group >= 0x10 ? 4 : 0;

    for (; shift >= 0; shift -= 4) {
        *to++ = hex[group >> shift & 15];
    }
    return to;
}

/* RFC 5952 section 4.2: "::" stands for the first of the longest runs of zeros that are more than
 * one. Returns its length. */
static int zero_run(const uint8_t ip[16], int *start)
{
    int best = 0;

    for (int at = 0; at < 8; at++) {
        int end = at;
        while (end < 8 && group_at(ip, end) == 0) {
            end++;
        }
        if (end - at > best && end - at > 1) {
            best = end - at;
            *start = at;
        }
        at = end;
    }
    return best;
}

static char *put_ipv6(char *to, const uint8_t ip[16])
{
    int start = 8;
    int run = zero_run(ip, &start);

    for (int at = 0; at < 8;) {
        if (at == start) {
            *to++ = ':';
            *to++ = ':';
            at += run;
            continue;
        }
        if (at != 0 && at != start + run) {
            *to++ = ':';
        }
        to = put_group(to, group_at(ip, at));
        at++;
    }
    return to;
}

/* By hand, because this is asked for with each request and inet_ntop works by printf. */
static size_t ip_text(const uint8_t ip[16], char *text)
{
    static const uint8_t zeros[10];
    char *end = text;

    if (memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0) {
        end = put_ipv4(text, ip + 12);
    } else if (memcmp(ip, zeros, sizeof(zeros)) != 0) {
        end = put_ipv6(text, ip);
    } else { /* what may have an IPv4 address in it, by several conventions */
        CHECK(inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN) != NULL);
        return strlen(text);
    }
    *end = '\0';
    return (size_t)(end - text);
}

bool peer_is_ipv4(const struct peer *peer)
{
    return !peer->is_unix && memcmp(peer->ip, v4_mapped, sizeof(v4_mapped)) == 0;
}

/* In the form of struct peer: IPv4 mapped into IPv6. */
static const struct special_network {
    uint8_t ip[16];
    unsigned bits;
} special_networks[] = {
#define V4(a, b, c, d, length)                                                                     \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (length)                      \
    }
    V4(0, 0, 0, 0, 8),
    V4(10, 0, 0, 0, 8),
    V4(100, 64, 0, 0, 10),
    V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),
    V4(172, 16, 0, 0, 12),
    V4(192, 0, 0, 0, 24),
    V4(192, 0, 2, 0, 24),
    V4(192, 168, 0, 0, 16),
    V4(198, 18, 0, 0, 15),
    V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24),
    V4(224, 0, 0, 0, 3),
    {{0}, 128},                        /* :: */
    {{[15] = 1}, 128},                 /* ::1 */
    {{0}, 96},                         /* IPv4-compatible */
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48}, /* translation within a network */
    {{0x01}, 64},                      /* discard-only */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},    /* documentation */
    {{0xfc}, 7},                       /* unique local */
    {{0xfe, 0x80}, 10},                /* one link */
    {{0xfe, 0xc0}, 10},                /* site-local, of old */
    {{0xff}, 8},                       /* multicast */
#undef V4
};

static bool has_prefix(const uint8_t ip[16], const struct special_network *network)
{
    unsigned whole = network->bits / 8;
    unsigned mask = 0xff00U >> network->bits % 8 & 0xffU;

    return memcmp(ip, network->ip, whole) == 0 &&
           (whole == 16 || ((ip[whole] ^ network->ip[whole]) & mask) == 0);
}

bool peer_is_public(const struct peer *peer)
{
    /* NAT64 and 6to4 lead to the IPv4 address that is in them. */
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    struct peer inner = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

    for (size_t i = 0; i < ARRAY_LEN(special_networks); i++) {
        if (peer->is_unix || has_prefix(peer->ip, &special_networks[i])) {
            return false;
        }
    }
    if (memcmp(peer->ip, nat64, sizeof(nat64)) == 0) {
        memcpy(inner.ip + 12, peer->ip + 12, 4);
        return peer_is_public(&inner);
    }
    if (peer->ip[0] == 0x20 && peer->ip[1] == 0x02) {
        memcpy(inner.ip + 12, peer->ip + 2, 4);
        return peer_is_public(&inner);
    }
    return true;
}

size_t peer_ip_text(const struct peer *peer, char text[SOCK_TEXT_MAX])
{
    if (peer->is_unix) {
        memcpy(text, "unix:", 6);
        return 5;
    }
    return ip_text(peer->ip, text);
}

size_t peer_text(const struct peer *peer, char text[SOCK_TEXT_MAX])
{
    char *at = text;

    if (peer->is_unix) {
        return peer_ip_text(peer, text);
    }
    if (peer_is_ipv4(peer)) {
        at += ip_text(peer->ip, at);
    } else {
        *at++ = '[';
        at += ip_text(peer->ip, at);
        *at++ = ']';
    }
    *at++ = ':';
    at = put_number(at, peer->port);
    *at = '\0';
    return (size_t)(at - text);
}

struct peer peer_from(const struct sock_address *address)
{
    struct peer peer = {.is_unix = true};

    if (address->any.sa_family == AF_INET) {
        peer.is_unix = false;
        memcpy(peer.ip, v4_mapped, sizeof(v4_mapped));
        memcpy(peer.ip + 12, &address->v4.sin_addr, 4);
        peer.port = ntohs(address->v4.sin_port);
    } else if (address->any.sa_family == AF_INET6) {
        peer.is_unix = false;
        memcpy(peer.ip, &address->v6.sin6_addr, 16);
        peer.port = ntohs(address->v6.sin6_port);
    }
    return peer;
}

size_t sock_address_text(const struct sock_address *address, char text[SOCK_TEXT_MAX])
{
    if (address->any.sa_family == AF_UNIX) {
        const char *path = address->len > sizeof(sa_family_t) ? address->un.sun_path : "";
        int len =
            snprintf(text, SOCK_TEXT_MAX, "unix:%.*s", (int)sizeof(address->un.sun_path), path);
        return (size_t)len;
    }
    struct peer peer = peer_from(address);
    return peer_text(&peer, text);
}

bool sock_address_from_ip(struct sock_address *address, const char *host, uint16_t port)
{
    *address = (struct sock_address){0};
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        address->len = sizeof(address->v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        address->len = sizeof(address->v6);
        return true;
    }
    return false;
}

struct sock_address sock_address_at(const struct sock_address *address, uint16_t port)
{
    struct sock_address at = *address;

    if (at.any.sa_family == AF_INET) {
        at.v4.sin_port = htons(port);
    } else if (at.any.sa_family == AF_INET6) {
        at.v6.sin6_port = htons(port);
    }
    return at;
}

bool sock_address_from_path(struct sock_address *address, const char *path)
{
    size_t len = strlen(path);

    *address = (struct sock_address){0};
    if (len == 0 || len >= sizeof(address->un.sun_path)) {
        return false;
    }
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, path, len + 1);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return true;
}

/* Removes a socket file that a dead process left. A file of another kind, or a socket on which
 * somebody answers, stays, and bind reports it. */
static void remove_stale_socket(const struct sock_address *address)
{
    struct stat st;
    int fd;

    if (lstat(address->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &address->any, address->len) != 0 && errno == ECONNREFUSED) {
        (void)unlink(address->un.sun_path);
    }
    close(fd);
}

static const char *unix_hint(int number)
{
    switch (number) {
    case EACCES:
        return "this user may not make files in the socket's folder; change its permissions, or "
               "choose another folder";
    case ENOENT:
    case ENOTDIR:
        return "the socket's folder is not there; make it, or choose another path";
    case EADDRINUSE:
        return "another program listens there already; stop it, or choose another path";
    default:
        return NULL;
    }
}

static const char *port_hint(int number)
{
    switch (number) {
    case EACCES:
        return "ports below 1024 need root; start tidegate as root, give the binary the capability "
               "(setcap cap_net_bind_service=+ep), or choose a port above 1023";
    case EADDRINUSE:
        return "another program listens there already; see 'ss -ltnp', stop it or choose another "
               "port";
    case EADDRNOTAVAIL:
        return "this machine has no such address; see 'ip address'";
    default:
        return NULL;
    }
}

static void set_no_delay(int fd, int family)
{
    int on = 1;

    if (family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
}

int sock_listen(const struct sock_address *address, int backlog, struct error *error)
{
    char text[SOCK_TEXT_MAX];
    int family = address->any.sa_family;
    int on = 1;
    int off = 0;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)sock_address_text(address, text);
    if (fd < 0) {
        (void)error_set_errno(error, errno, "cannot make a socket for %s", text);
        return -1;
    }
    if (family == AF_UNIX) {
        remove_stale_socket(address);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        set_no_delay(fd, family); /* accepted sockets inherit it: one call instead of one each */
    }
    if (family == AF_INET6) {
        bool is_any = IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(on));
    }
    if (bind(fd, &address->any, address->len) != 0 || listen(fd, backlog) != 0) {
        int number = errno;
        const char *hint = family == AF_UNIX ? unix_hint(number) : port_hint(number);
        close(fd);
        if (hint != NULL) {
            (void)error_set(error, "cannot listen on %s: %s: %s", text, strerror(number), hint);
        } else {
            (void)error_set_errno(error, number, "cannot listen on %s", text);
        }
        return -1;
    }
    return fd;
}

int sock_accept(int listen_fd, struct sock_address *peer)
{
    int fd;

    *peer = (struct sock_address){0};
    peer->len = sizeof(*peer) - offsetof(struct sock_address, any);
    fd = accept4(listen_fd, &peer->any, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd;
}

int sock_connect(const struct sock_address *to, bool *is_connected)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    set_no_delay(fd, to->any.sa_family);
    *is_connected = connect(fd, &to->any, to->len) == 0;
    if (!*is_connected && errno != EINPROGRESS) {
        int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

bool sock_local_address(int fd, struct sock_address *address)
{
    *address = (struct sock_address){0};
    address->len = sizeof(*address) - offsetof(struct sock_address, any);
    return getsockname(fd, &address->any, &address->len) == 0;
}
