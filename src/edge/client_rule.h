/* Rules about a client's certificate: whom a route is for.
 *
 * A rule has up to five lists (DNS names, URIs, email addresses of the subjectAltName, the
 * subject and the issuer); the certificate must fit each list that is not empty, and fits a list by
 * one entry of it. Plain texts: whoever calls has verified the certificate. The memory is the
 * caller's; no I/O.
 */
#ifndef TIDEGATE_EDGE_CLIENT_RULE_H
#define TIDEGATE_EDGE_CLIENT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct client_name_list {
    const struct span *items;
    size_t count;
};

/* What a verified certificate says of its holder. */
struct client_names {
    struct span subject; /* RFC 4514 text: "CN=alice,O=Partners" */
    struct span issuer;  /* the same of the CA that issued it */
    struct client_name_list dns;
    struct client_name_list uris;
    struct client_name_list emails;
    struct client_name_list ips;
    struct span fingerprint; /* SHA-256 of the certificate, in hex */
    int64_t expires;         /* seconds since 1970 */
};

struct client_rule {
    struct client_name_list dns;      /* a name, or "*.name" for one label before it */
    struct client_name_list uris;     /* a URI, or with '*' at the end what begins so */
    struct client_name_list emails;   /* an address, or "*@host" */
    struct client_name_list subjects; /* the whole text */
    struct client_name_list issuers;  /* the same */
};

/* client NULL: it showed no certificate, which fits no rule. */
bool client_rule_fits(const struct client_rule *rule, const struct client_names *client);

#endif
