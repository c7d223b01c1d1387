/* What is asked of `tidegate route`, by a URL. */
#ifndef TIDEGATE_CLI_ROUTE_QUESTION_H
#define TIDEGATE_CLI_ROUTE_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "settings/choices.h"
#include "settings/place.h"

struct auth_identity;

/* A field of the request; Cookie among them. */
struct route_field {
    struct span name;
    struct span value;
};

struct route_question {
    bool is_https;
    bool is_bytes;               /* no HTTP is spoken; with is_https: inside TLS */
    enum site_starttls starttls; /* what the client says before its TLS */
    const struct span *alpn;     /* the protocols that it offers in it */
    size_t alpn_count;
    struct span host;            /* as in the URL; brackets stay on an IPv6 address */
    uint16_t port;               /* never 0 */
    struct span path;            /* without query; empty is "/" */
    struct span query;           /* ptr NULL: none */
    struct span sni;             /* ptr NULL: no name is sent */
    struct span method;          /* a token */
    bool is_without_certificate; /* else the client's fits whatever rule there is */
    const struct route_field *fields;
    size_t field_count;
    const uint8_t *from;   /* who connects: 16 bytes, IPv4 mapped into IPv6; NULL: a Unix socket */
    struct span from_text; /* the same as text; empty: a Unix socket */
    bool says_who;         /* `identity` is what `auth` finds; else that is not asked about */
    const struct auth_identity *identity; /* who sends it; NULL: nobody */
    int64_t at_s;                         /* when it comes, in seconds since 1970; 0: now */
};

/* Reads "http://host[:port]/path?query", "tcp://host:port" (or "tcp://:port"), "tls://host[:port]"
 * (whatever is in it), or "postgres://host[:port]": a client that asks for TLS as PostgreSQL's do.
 * SNI becomes the host when that is a name. Spans point into `url`. False says what is wrong with
 * it. */
bool route_question_parse(struct route_question *question, const char *url,
                          struct error *error) MUST_CHECK;
/* Who connects: an address, or "unix". *network is room for it. */
bool route_question_from(struct route_question *question, const char *text,
                         struct network *network) MUST_CHECK;
/* "name: value". */
bool route_field_parse(struct span line, struct route_field *field) MUST_CHECK;
/* Whether a URL's host is a name, and no address. */
bool route_is_name(struct span host);

#endif
