/* Sockets and their addresses: nothing here blocks or resolves names. */
#ifndef TIDEGATE_IO_SOCK_H
#define TIDEGATE_IO_SOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/span.h"

struct sock_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    };
};

/* Who is at the other end, in few bytes: kept by each session. IPv4 is ::ffff:a.b.c.d. */
struct peer {
    uint8_t ip[16];
    uint16_t port;
    bool is_unix; /* ip and port mean nothing */
};

#define SOCK_TEXT_MAX 120

/* "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:" for an unnamed one. Returns the length. */
size_t sock_address_text(const struct sock_address *address, char text[SOCK_TEXT_MAX]);
/* Whether the address is one of the public Internet's: not of this machine, of a private network,
 * of one link, shared, for documentation or many receivers (RFC 6890 and its registry). */
bool peer_is_public(const struct peer *peer);
size_t peer_text(const struct peer *peer, char text[SOCK_TEXT_MAX]);
/* Without port and brackets. */
size_t peer_ip_text(const struct peer *peer, char text[SOCK_TEXT_MAX]);
bool peer_is_ipv4(const struct peer *peer);
struct peer peer_from(const struct sock_address *address);
/* host is an IPv4 or IPv6 literal without brackets; false otherwise. */
bool sock_address_from_ip(struct sock_address *address, const char *host, uint16_t port) MUST_CHECK;
/* False when the path is too long for a socket. */
/* The same, at another port; a Unix socket has none and stays as it is. */
struct sock_address sock_address_at(const struct sock_address *address, uint16_t port);
bool sock_address_from_path(struct sock_address *address, const char *path) MUST_CHECK;

/* A listening, non-blocking, close-on-exec socket; -1 with the error for a person. `is_any` with an
 * IPv6 address: both families. A stale Unix socket file that nobody answers on is replaced. */
int sock_listen(const struct sock_address *address, int backlog, struct error *error) MUST_CHECK;
/* The next connection, non-blocking; TCP_NODELAY comes from sock_listen. -1 with errno. */
int sock_accept(int listen_fd, struct sock_address *peer) MUST_CHECK;
/* A non-blocking socket on its way to the address; -1 with errno. *is_connected: already there. */
int sock_connect(const struct sock_address *to, bool *is_connected) MUST_CHECK;
bool sock_local_address(int fd, struct sock_address *address) MUST_CHECK;

#endif
