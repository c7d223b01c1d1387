/* The settings as the questions of edge/serve.h want them: which site and route serves what. Built
 * by the snapshot for live traffic, by `tidegate route`, and by the checks. */
#ifndef TIDEGATE_CONFIG_SERVING_H
#define TIDEGATE_CONFIG_SERVING_H

#include "edge/serve.h"
#include "settings/settings.h"

struct serving {
    struct edge_site *sites;      /* one for each of settings->sites, in its order */
    struct host_table *hosts;     /* of each of settings->listeners; to the sites */
    enum site_starttls *starttls; /* of each of these: what clients may begin with, besides TLS */
    size_t listener_count;
};

/* Everything but the hash tables lives in the arena; the texts are the settings'. */
void serving_build(struct serving *serving, const struct settings *settings, struct arena *arena);
void serving_free(struct serving *serving);

/* The index of the site among the settings'. */
static inline size_t serving_index(const struct serving *serving, const struct edge_site *site)
{
    return (size_t)(site - serving->sites);
}

/* Whether the listener serves the site: it names none, or this one. */
bool serving_listener_has(const struct listener_settings *listener,
                          const struct site_settings *site);
/* Whether two sites that end TLS ask the same of clients, and verify them by the same files. */
bool serving_same_clients(const struct tls_settings *one, const struct tls_settings *other);
/* The only comparison of names by which one part of the configuration refers to another (sites,
 * backends): case does not count. Tables of such names (base/map.h) compare alike. */
bool serving_same_name(const char *one, const char *other);
/* What counts of answers on a route: each its own, else its site's. */
struct answers_settings serving_answers(const struct site_settings *site,
                                        const struct route_settings *route);
/* A route's conditions as they are compared. */
void serving_match_init(struct route_match *match, const struct route_settings *route,
                        struct arena *arena);

/* Whom it names, by their certificates. */
const struct client_rule *serving_client_rule(const struct match_client_settings *settings,
                                              struct arena *arena);

#endif
