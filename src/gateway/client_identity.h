/* Who the client of a link is, by its certificate: for the rules of routes, and for the fields that
 * tell servers. Made when it is first asked for, and kept with the link, whose owner frees it. */
#ifndef TIDEGATE_GATEWAY_CLIENT_IDENTITY_H
#define TIDEGATE_GATEWAY_CLIENT_IDENTITY_H

#include "edge/client_rule.h"

struct arena;
struct backend;
struct client_identity;
struct dial_client;
struct http_fields;
struct site;
struct link;

/* NULL: the client showed no certificate, or came without TLS; route_unverified_client: it showed
 * one that was not verified. Lives as long as the link. */
const struct client_names *client_identity_names(struct link *link);
/* What texts may say of it. Of a certificate that was not verified, the verdict alone. */
enum client_identity_part {
    CLIENT_IDENTITY_ISSUER,
    CLIENT_IDENTITY_SERIAL,
    CLIENT_IDENTITY_FINGERPRINT,
    CLIENT_IDENTITY_CERTIFICATE, /* PEM, percent-encoded */
    CLIENT_IDENTITY_VERDICT
};
/* ptr NULL: there is none. In the arena. */
struct span client_identity_value(struct link *link, enum client_identity_part part,
                                  struct arena *arena) MUST_CHECK;
/* Adds the fields that the backend wants of it: Client-Cert and Client-Cert-Chain (RFC 9440),
 * X-Forwarded-Client-Cert; and in a site that lets certificates through which are not verified,
 * Client-Cert-Verify with the verdict. What says who a client is, is never said of one of those. */
void client_identity_add_fields(struct link *link, const struct site *site,
                                const struct backend *backend, struct http_fields *fields,
                                struct arena *arena);
/* By value, for those who may outlive the link: as much as the backend's PROXY header has. */
void client_identity_describe(struct link *link, const struct backend *backend,
                              struct dial_client *who);
/* NULL is allowed. */
void client_identity_destroy(struct client_identity *identity);

#endif
