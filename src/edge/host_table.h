/* From a host name (of SNI, or of a request's authority) to the site that serves it.
 *
 * Looked for in this order: the exact name; the wildcard "*.example.com", which stands for exactly
 * one label, as it does in certificates (RFC 9525 section 6.3), so that a name that is routed is
 * also one that the wildcard's certificate covers; the default "*". Names are compared without
 * regard to case, and one dot at the end is ignored. An IPv6 address is compared by its value,
 * however it is written.
 *
 * Built once and then only read, from any thread. Neither names nor sites are owned: both must
 * outlive the table. */
#ifndef TIDEGATE_EDGE_HOST_TABLE_H
#define TIDEGATE_EDGE_HOST_TABLE_H

#include "base/map.h"

enum host_match {
    HOST_MATCH_NONE,
    HOST_MATCH_EXACT,
    HOST_MATCH_WILDCARD,
    HOST_MATCH_DEFAULT,
    HOST_MATCH_ADDRESS
};

struct host_table {
    struct map exact;
    struct map wildcard; /* keyed by what follows "*." */
    void *fallback;
};

void host_table_init(struct host_table *table);
void host_table_free(struct host_table *table);
/* Whether it is an IP address: "192.0.2.1", "[2001:db8::1]", or the latter without brackets. */
bool host_is_address(struct span host);
/* `pattern` is a name, an address (IPv6 as host_canonical writes it), "*.name" or "*"; site is not
 * NULL. False when the pattern is there already (the first one stays). */
bool host_table_add(struct host_table *table, struct span pattern, void *site);
/* `host` without port; may be absent, which only the default matches. NULL when nothing does. No
 * allocation; two hash lookups whatever the number of sites. */
void *host_table_find(const struct host_table *table, struct span host);
/* The site that has the address itself for a host, however it is written; NULL: none. */
void *host_table_find_address(const struct host_table *table, struct span address);

/* Long enough for an IPv6 address in brackets. */
#define HOST_ADDRESS_MAX 56
/* An IPv6 address, in brackets or not, in the one form of RFC 5952 in brackets, written to `text`;
 * anything else as it is. */
struct span host_canonical(struct span host, char text[HOST_ADDRESS_MAX]) MUST_CHECK;
/* The same, and how it was found. */
void *host_table_find_how(const struct host_table *table, struct span host, enum host_match *how);

#endif
