/* From a host name (of SNI, or of a request's authority) to the site that serves it.
 *
 * Looked for in this order: the exact name; the wildcard "*.example.com", which stands for exactly
 * one label, as it does in certificates (RFC 9525 section 6.3), so that a name that is routed is
 * also one that the wildcard's certificate covers; the default "*". Names are compared without
 * regard to case, and one dot at the end is ignored.
 *
 * Built once and then only read, from any thread. Neither names nor sites are owned: both must
 * outlive the table. */
#ifndef TIDEGATE_EDGE_HOST_TABLE_H
#define TIDEGATE_EDGE_HOST_TABLE_H

#include "base/map.h"

enum host_match { HOST_MATCH_NONE, HOST_MATCH_EXACT, HOST_MATCH_WILDCARD, HOST_MATCH_DEFAULT };

struct host_table {
    struct map exact;
    struct map wildcard; /* keyed by what follows "*." */
    void *fallback;
};

void host_table_init(struct host_table *table);
void host_table_free(struct host_table *table);
/* `pattern` is a name, "*.name" or "*"; site is not NULL. False when the pattern is there already
 * (the first one stays). */
bool host_table_add(struct host_table *table, struct span pattern, void *site);
/* `host` without port; may be absent, which only the default matches. NULL when nothing does. No
 * allocation; two hash lookups whatever the number of sites. */
void *host_table_find(const struct host_table *table, struct span host);
/* The same, and how it was found. */
void *host_table_find_how(const struct host_table *table, struct span host, enum host_match *how);

#endif
