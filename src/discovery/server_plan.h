/* A plan: what the servers of one backend are made from, and the making of them. Names become the
 * servers at their addresses, services (SRV) those of their targets; the weight of each is shared
 * among what it became.
 *
 * On the loop of its name_lookups. */
#ifndef TIDEGATE_DISCOVERY_SERVER_PLAN_H
#define TIDEGATE_DISCOVERY_SERVER_PLAN_H

#include "base/arena.h"
#include "base/log.h"
#include "discovery/discovery_told.h"
#include "discovery/name_lookup.h"
#include "discovery/server_source.h"
#include "discovery/server_terms.h"
#include "upstream/backend.h"

/* Of a backend: names and services, with what these lead to. More are left out, and told. */
#define SERVER_PLAN_NAMES_MAX 4096

struct server_plan {
    struct list node;              /* the owner's */
    const struct backend *backend; /* held */
    const struct backend_settings *settings;
    struct arena arena;
    struct server_terms terms;
    struct name_lookups *lookups;
    struct server_source *source; /* NULL: all are in the settings */
    struct list uses;             /* struct server_plan_use */
    size_t use_count;
    struct deferred make;
    struct log_limiter limiter; /* of messages about changes */
    bool is_made;               /* once with an answer to everything that was asked */
    void *owner;
    /* The backend has other servers now, or it is_made for the first time. */
    void (*on_change)(struct server_plan *plan, bool is_changed);
};

/* Whether the servers of a backend are not all known from its settings alone. */
bool server_plan_is_needed(const struct backend_settings *settings);
/* Those that are, for a backend that begins; the rest has its reason in the set. False: the path of
 * a Unix socket is too long, of *wrong. */
struct server_set *server_plan_first_set(const struct backend_settings *settings,
                                         const struct server_terms *terms,
                                         const struct server_settings **wrong) MUST_CHECK;

/* The settings must stay; the client runs on the same loop. What is known already is published at
 * once, and may be told from inside this call. */
struct server_plan *
server_plan_create(const struct backend *backend, const struct backend_settings *settings,
                   struct name_lookups *lookups, struct client *client, void *owner,
                   void (*on_change)(struct server_plan *plan, bool is_changed));
void server_plan_destroy(struct server_plan *plan);
/* Looks up again what its servers come from, since one could not be reached. */
void server_plan_doubt(struct server_plan *plan);

/* Calls `tell` for each of its names, and its list. */
void server_plan_tell(const struct server_plan *plan, discovery_tell_fn *tell, void *arg);

#endif
