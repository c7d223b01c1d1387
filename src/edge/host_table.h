/* From a host name (of SNI, or of a request's authority) to the site that serves it.
 *
 * Looked for in this order: the exact name; the wildcard "*.example.com", which stands for exactly
 * one label, as it does in certificates (RFC 9525 section 6.3), so that a name that is routed is
 * also one that the wildcard's certificate covers; "**.example.com", which stands for one label or
 * more, of several that fit the one that ends in most labels; regular expressions ("re:..."), which
 * must fit the whole name, in the order in which they were added; the default "*". Names are
 * compared without regard to case, and one dot at the end is ignored. An IPv6 address is compared
 * by its value, however it is written.
 *
 * Built once and then only read, from any thread. Neither names nor sites nor expressions are
 * owned: all must outlive the table. */
#ifndef TIDEGATE_EDGE_HOST_TABLE_H
#define TIDEGATE_EDGE_HOST_TABLE_H

#include "base/map.h"
#include "base/pattern.h"

enum host_match {
    HOST_MATCH_NONE,
    HOST_MATCH_EXACT,
    HOST_MATCH_WILDCARD,
    HOST_MATCH_ANY_DEPTH,
    HOST_MATCH_PATTERN,
    HOST_MATCH_DEFAULT,
    HOST_MATCH_ADDRESS
};

struct host_table {
    struct map exact;
    struct map wildcard;  /* keyed by what follows "*." */
    struct map any_depth; /* keyed by what follows "**." */
    bool has_any_depth;
    struct host_pattern *patterns;
    size_t pattern_count;
    void *fallback;
};

struct host_pattern {
    const struct pattern *pattern;
    void *site;
};

void host_table_init(struct host_table *table);
void host_table_free(struct host_table *table);
/* Whether it is an IP address: "192.0.2.1", "[2001:db8::1]", or the latter without brackets. */
bool host_is_address(struct span host);
/* `pattern` is a name, an address (IPv6 as host_canonical writes it), "*.name", "**.name" or "*";
 * site is not NULL. False when the pattern is there already (the first one stays). */
bool host_table_add(struct host_table *table, struct span pattern, void *site);
/* The expression of a pattern "re:..."; the length of that mark, or 0. */
size_t host_is_pattern(struct span pattern);
/* How hosts are compared with it: whole, and without regard to case. */
#define HOST_PATTERN_FLAGS (PATTERN_WHOLE | PATTERN_CASELESS)
void host_table_add_pattern(struct host_table *table, const struct pattern *pattern, void *site);
/* `host` without port; may be absent, which only the default matches. NULL when nothing does, and
 * where a search for an expression was given up: what is not known to be no site's is not the
 * default's. No allocation; two hash lookups whatever the number of sites, and one for each label
 * where there are "**." patterns. */
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
