/* What the files with the cross-checks share. Each function reports what it finds. */
#ifndef TIDEGATE_CONFIG_CHECK_INTERNAL_H
#define TIDEGATE_CONFIG_CHECK_INTERNAL_H

#include <stdbool.h>

#include "config/report.h"
#include "settings/settings.h"

struct checker {
    const struct settings *settings;
    struct config_report *report;
};

/* Whether the file says anything about the member, even something wrong. */
bool check_is_given(const struct checker *checker, const void *member);
/* Where it does, else `otherwise`. */
struct place check_place(const struct checker *checker, const void *member, struct place otherwise);
/* Reports that one of a certificate and its key is missing; true when both or none are given. */
bool check_pair(const struct checker *checker, const void *certificate, const void *key,
                struct place place);

/* check_balance.c: what is wrong in a backend's `balance`, and where connections pass through to
 * it. */
void check_balance(const struct checker *checker, const struct backend_settings *backend);
void check_hash(const struct checker *checker, const struct balance_hash_settings *hash);
/* Priorities where nobody ever waits. */
void check_priority(const struct checker *checker, const struct site_settings *site);
/* check_split.c: what is wrong in a site's or a route's own `split`. */
void check_site_split(const struct checker *checker, const struct site_settings *site);
void check_split(const struct checker *checker, const struct site_settings *site,
                 const struct route_settings *route);
/* check_mirror.c: the same of `mirror`. */
void check_site_mirror(const struct checker *checker, const struct site_settings *site);
void check_mirror(const struct checker *checker, const struct site_settings *site,
                  const struct route_settings *route);
/* backend NULL: none. */
void check_balance_of_passthrough(const struct checker *checker, const struct site_settings *site,
                                  const struct backend_settings *backend, struct place place);
/* The same of a listener's connections, of which nothing but the address is known. */
void check_balance_of_tcp(const struct checker *checker, const struct backend_settings *backend,
                          struct place place);
/* check_health.c: what is wrong in what a backend says of its servers' health. */
void check_health(const struct checker *checker, const struct backend_settings *backend);
/* NULL is allowed. */
void check_retries(const struct checker *checker, const struct retries_settings *retries);
/* check_site.c: what is wrong within a site. */
void check_site(const struct checker *checker, const struct site_settings *site);
/* All `client` of a condition and its parts: whom they name by certificates. */
void check_match_clients(const struct checker *checker, const struct site_settings *site,
                         const struct match_settings *match);
/* check_auth.c: who may send requests. */
void check_site_auth(const struct checker *checker, const struct site_settings *site);
/* check_access.c: which requests may pass. */
/* The condition of a rule, or of something else that has one: `word` is its directive. */
void check_condition(const struct checker *checker, const struct match_settings *match,
                     const char *word);
/* check_rates.c: how much may come. */
void check_rates(const struct checker *checker, const struct site_settings *site,
                 const struct rate_settings *rates, size_t count);
void check_bans(const struct checker *checker);
void check_policies(const struct checker *checker);
void check_listener_access(const struct checker *checker, const struct listener_settings *listener);
void check_site_access(const struct checker *checker, const struct site_settings *site);
/* check_match.c: what is wrong in what a route asks of requests. */
void check_match(const struct checker *checker, const struct match_settings *match);
/* check_messages.c: what it says of requests and responses. */
void check_route_messages(const struct checker *checker, const struct route_settings *route);
void check_site_messages(const struct checker *checker, const struct site_settings *site);
/* check_answers.c: what it says of answers. */
void check_route_answers(const struct checker *checker, const struct route_settings *route);
void check_site_answers(const struct checker *checker, const struct site_settings *site);
/* check_routes.c: what is wrong between the routes of a site, and in their paths. Only where there
 * was no error: what is wrong in a match is not what is meant by it. */
void check_routes(const struct checker *checker, const struct site_settings *site);
/* check_fastcgi.c: what is wrong in a backend of scripts, and what is of those alone. */
void check_fastcgi(const struct checker *checker, const struct backend_settings *backend);
/* check_tcp.c: what is wrong where bytes are relayed that are not HTTP. */
void check_site_tcp(const struct checker *checker, const struct site_settings *site);
void check_listener_tcp(const struct checker *checker, const struct listener_settings *listener);
/* check_log.c: what is wrong in what is said of logs. */
void check_log(const struct checker *checker);
/* check_loops.c: which backends are this gateway. */
void check_loops(const struct checker *checker);
/* check_names.c: what is wrong between listeners, sites and their hosts. */
void check_listeners_and_hosts(const struct checker *checker);

#endif
