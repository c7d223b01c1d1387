/* Which country an address is in, by a MaxMind DB file (version 2 of that format: a tree of the
 * bits of addresses, whose leaves point at data).
 *
 * A reader of our own, since libmaxminddb opens files by their names, at any time: a confined
 * gateway may not, and files that are followed come as bytes. Nothing in a file is trusted: each
 * step is bounded, and what leads out of it is no country. Followed (base/followed.h); parsed, it
 * is a struct country_db. */
#ifndef TIDEGATE_ACCESS_COUNTRY_DB_H
#define TIDEGATE_ACCESS_COUNTRY_DB_H

#include <stdint.h>

#include "base/followed.h"

struct country_db;

extern const struct followed_type country_db_type;

/* "DE"; absent: it says nothing of the address. `ip` has 16 bytes, IPv4 mapped into IPv6; NULL: a
 * Unix socket's. The text is the database's. */
struct span country_db_find(const struct country_db *db, const uint8_t *ip) MUST_CHECK;

#endif
