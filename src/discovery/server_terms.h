/* What the servers of a backend have in common, and how one of them becomes a `struct server`:
 * whoever knows its address, the snapshot or the discovery, makes it here, so that the same server
 * is the same endpoint. */
#ifndef TIDEGATE_DISCOVERY_SERVER_TERMS_H
#define TIDEGATE_DISCOVERY_SERVER_TERMS_H

#include "base/arena.h"
#include "settings/settings.h"
#include "upstream/server_set.h"

/* Of a server of the settings that has TLS of its own. */
struct server_own_terms {
    const char *server_name;
    const char *identity; /* NULL: it has none of its own */
    const char *trust;
};

/* Texts lie in the arena that it was made with. */
struct server_terms {
    enum backend_protocol protocol;
    bool has_tls;
    const char *server_name; /* of all; NULL: each its own */
    bool is_named_by_client; /* or each request's: that is for checks, then */
    const char *identity;    /* these: see endpoint_key */
    const char *trust;
    const char *check;
    struct health_terms health;
    const char *zone;                      /* the gateway's; NULL: zones do not count */
    const struct server_settings *servers; /* those of the backend's settings; */
    size_t server_count;
    struct server_own_terms *own; /* of each of them */
};

struct server_terms server_terms_of(const struct backend_settings *backend, struct arena *arena);

/* Servers that become a set. Zero-initialised. */
struct server_list {
    struct server *items;
    size_t count;
    size_t capacity;
    size_t left_out; /* above SERVER_SET_MAX */
};

/* Adds the server of the settings at that address: `ip` is a number, or NULL where the settings
 * themselves have one, or a path. False: the path of a Unix socket is too long for one. */
bool server_list_add(struct server_list *list, const struct server_terms *terms,
                     const struct server_settings *settings, const char *ip, uint16_t port,
                     unsigned weight) MUST_CHECK;
/* Makes the set of them; the list is empty then. */
struct server_set *server_list_take(struct server_list *list, const char *problem) MUST_CHECK;
/* Gives back what is in it. */
void server_list_free(struct server_list *list);

#endif
