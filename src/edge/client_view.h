/* A request as its client sees it: who it is, and by which scheme, host and port it came. Without
 * proxies in front that is what the connection says; a peer that is trusted tells of what was
 * before it, in X-Forwarded-* and X-Real-IP, or in Forwarded (RFC 7239).
 *
 * All who ask (what servers are told, the redirect to https, the access log) ask here, so that no
 * two of them differ.
 *
 * What trusted proxies say stands at the right of a list, what a stranger said to the first of them
 * at its left. So lists are read from the right, and only as far as the senders are trusted:
 * whatever a stranger wrote is never needed to understand what stands behind it.
 *
 * Where the configuration names the field that has the client's address (CF-Connecting-IP), that
 * one alone has it: no list of hops is looked at then, and none is passed on.
 *
 * One family is believed: X-Forwarded-* where there is any, as most proxies write it and then pass
 * on a Forwarded that some stranger sent; else Forwarded; for the address also X-Real-IP. */
#ifndef TIDEGATE_EDGE_CLIENT_VIEW_H
#define TIDEGATE_EDGE_CLIENT_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "http/message.h"

/* How many proxies in a row are looked through; the one before them is then the client. */
#define VIEW_HOPS_MAX 32
/* What is kept of earlier hops' lists; beyond that the oldest elements are dropped, since the
 * newest are the ones that trusted proxies wrote. */
#define VIEW_PREVIOUS_MAX 4096

struct view_hop {
    struct span address; /* without brackets and port; IPv4 as such when it came mapped into IPv6 */
    uint16_t port;       /* 0: not known */
    uint8_t ip[16];      /* IPv4 mapped into IPv6 */
};

struct client_view_from {
    struct span peer; /* "203.0.113.7" or "2001:db8::7"; empty: it has no address (a Unix socket) */
    uint16_t peer_port;
    bool is_tls;
    struct span authority;            /* of the request; ptr NULL: none */
    uint16_t authority_port;          /* that it names; 0: none */
    const struct http_fields *fields; /* the request's; NULL unless the peer is trusted */
    struct span
        address_field; /* the one that names the client, in place of those above; or empty */
    bool (*is_trusted)(const void *context, const uint8_t ip[16]); /* with fields only */
    const void *context;
};

struct client_view {
    struct span address;  /* ptr NULL: not known */
    uint16_t client_port; /* 0: not known */
    bool is_https;
    struct span host;    /* as the client asked for it, host[:port]; ptr NULL: none */
    uint16_t port;       /* that the client sees: in host, or the scheme's */
    uint16_t named_port; /* that host is known to name; 0: it may name one nevertheless */
    /* What was believed of earlier hops, nearest first, so that the last one is the client. */
    struct view_hop *hops; /* in the arena */
    size_t hop_count;
    /* The lists of earlier hops to be passed on as they are; ptr NULL: written anew from hops. */
    struct span x_for;
    struct span forwarded;
};

/* The view's spans point into the arena, into `from`, or are static. */
void client_view_read(const struct client_view_from *from, struct arena *arena,
                      struct client_view *view);

/* Whether `field` of a trusted peer is one by which some proxies tell the scheme (X-Forwarded-Ssl,
 * Front-End-Https, ...), and says another one than the view: servers would have two truths, of
 * which the one is often a client's that the peer passed on. No I/O. */
bool client_view_denies(const struct client_view *view, const struct http_field *field);

#endif
