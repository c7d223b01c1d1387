/* What is wrong in how a backend chooses among its servers. */
#include "config/check_internal.h"
#include "config/places.h"
#include "settings/split_settings.h"

void check_hash(const struct checker *checker, const struct balance_hash_settings *hash)
{
    const void *const members[] = {&hash->key, &hash->header, &hash->cookie, &hash->query,
                                   &hash->claim};
    const void *last = NULL;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (check_is_given(checker, members[i])) {
            last = members[i];
            count++;
        }
    }
    if (count == 1) {
        return;
    }
    config_report_add(checker->report, CONFIG_ERROR, check_place(checker, last, hash->place),
                      count == 0 ? "'hash' does not say of what"
                                 : "'hash' is of one thing, and here it has two");
    config_report_hint(checker->report, "for example hash: address, or hash: { header: X-User }");
}

static void check_backups(const struct checker *checker, const struct backend_settings *backend)
{
    const struct server_settings *servers = backend->servers;

    for (size_t i = 0; i < backend->server_count; i++) {
        if (!servers[i].backup) {
            return;
        }
    }
    if (backend->server_count != 0) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &servers[0].backup, servers[0].place),
                          "all servers of the backend are backups, so none is one");
        config_report_hint(checker->report, "remove 'backup' from those that are to be used first");
    }
}

static void check_server(const struct checker *checker, const struct backend_settings *backend,
                         const struct server_settings *server)
{
    if (server->max_connections != 0 && backend->protocol != BACKEND_H1) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &server->max_connections, server->place),
                          "'max_connections' for a server that may be spoken to in HTTP/2, where "
                          "requests share connections");
        config_report_hint(checker->report, "limit its requests: max_requests: %u",
                           server->max_connections);
    }
    if (server->zone != NULL && checker->settings->zone == NULL) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &server->zone, server->place),
                          "'zone' of a server has no effect, as the gateway's is not said");
        config_report_hint(checker->report, "add for example zone: %s to the file", server->zone);
    }
}

static void check_limits(const struct checker *checker, const struct backend_settings *backend)
{
    bool is_limited = false;

    for (size_t i = 0; i < backend->server_count; i++) {
        check_server(checker, backend, &backend->servers[i]);
        is_limited |=
            backend->servers[i].max_requests != 0 || backend->servers[i].max_connections != 0;
    }
    if (!is_limited && backend->concurrency == NULL && backend->servers_from == NULL &&
        (check_is_given(checker, &backend->queue.size) ||
         check_is_given(checker, &backend->queue.timeout_ms))) {
        config_report_add(checker->report, CONFIG_WARNING,
                          check_place(checker, &backend->queue.size, backend->place),
                          "nothing waits in 'queue', as no server has a limit");
        config_report_hint(checker->report, "add 'max_requests' to the servers, or 'concurrency'");
    }
}

static void check_strategy(const struct checker *checker, const struct backend_settings *backend)
{
    const struct balance_settings *balance = &backend->balance;
    bool has_strategy = check_is_given(checker, &balance->strategy);
    bool has_hash = check_is_given(checker, &balance->hash);
    bool has_sticky = check_is_given(checker, &balance->sticky);
    struct place place = check_place(checker, &balance->strategy, backend->place);

    if (balance->hash != NULL) {
        check_hash(checker, balance->hash);
    }
    if (has_strategy && balance->strategy == BALANCE_HASH && !has_hash) {
        config_report_add(checker->report, CONFIG_ERROR, place, "'balance: hash' of what?");
        config_report_hint(checker->report, "for example balance: { hash: { header: X-User } }, or "
                                            "balance: source for the client's address");
    }
    if (has_hash && has_sticky) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &balance->sticky),
                          "'hash' and 'sticky' are two strategies");
        config_report_hint(checker->report, "remove one of them");
    } else if (has_strategy && ((has_hash && balance->strategy != BALANCE_HASH) ||
                                (has_sticky && balance->strategy != BALANCE_STICKY))) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "'strategy' is another one than '%s', which is given too",
                          has_hash ? "hash" : "sticky");
        config_report_hint(checker->report, "remove one of them");
    }
}

static void check_bounds(const struct checker *checker,
                         const struct concurrency_settings *concurrency)
{
    if (concurrency->min > concurrency->max) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &concurrency->min, concurrency->place),
                          "'min' is above 'max', which is %u", concurrency->max);
        config_report_hint(checker->report, "the limit moves between them");
    } else if (check_is_given(checker, &concurrency->start) &&
               (concurrency->start < concurrency->min || concurrency->start > concurrency->max)) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &concurrency->start),
                          "'start' is not between 'min' and 'max'");
        config_report_hint(checker->report, "write one from %u to %u", concurrency->min,
                           concurrency->max);
    }
    if (concurrency->low_share > concurrency->normal_share) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &concurrency->low_share, concurrency->place),
                          "'low_share' is above 'normal_share', which is %u",
                          concurrency->normal_share);
        config_report_hint(checker->report, "the lower a priority, the less it may fill");
    }
}

static void check_concurrency(const struct checker *checker,
                              const struct concurrency_settings *concurrency)
{
    const void *const adapting[] = {&concurrency->min, &concurrency->start, &concurrency->tolerance,
                                    &concurrency->probe_ms};
    static const char *const names[] = {"min", "start", "tolerance", "probe"};

    check_bounds(checker, concurrency);
    for (size_t i = 0; i < ARRAY_LEN(adapting); i++) {
        if (concurrency->adapt == CONCURRENCY_FIXED && check_is_given(checker, adapting[i])) {
            config_report_add(checker->report, CONFIG_WARNING,
                              config_place(checker->settings, adapting[i]),
                              "'%s' has no effect, as the limit does not adapt", names[i]);
            config_report_hint(checker->report, "say adapt: latency, or remove it");
        }
    }
}

void check_balance(const struct checker *checker, const struct backend_settings *backend)
{
    if (backend->concurrency != NULL) {
        check_concurrency(checker, backend->concurrency);
    }
    check_backups(checker, backend);
    check_limits(checker, backend);
    check_strategy(checker, backend);
}

static const char *http_alone(const struct balance_settings *balance)
{
    if (balance->strategy == BALANCE_STICKY) {
        return "sticky";
    }
    if (balance->strategy != BALANCE_HASH || balance->hash == NULL) {
        return NULL;
    }
    switch (balance->hash->key) {
    case BALANCE_KEY_PATH:
        return "hash: path";
    case BALANCE_KEY_HEADER:
        return "hash of a field";
    case BALANCE_KEY_COOKIE:
        return "hash of a cookie";
    case BALANCE_KEY_QUERY:
        return "hash of the query";
    case BALANCE_KEY_USER:
        return "hash: user";
    case BALANCE_KEY_CLAIM:
        return "hash of a claim";
    case BALANCE_KEY_ADDRESS:
    case BALANCE_KEY_SNI:
        break;
    }
    return NULL;
}

static void warn_of_concurrency(const struct checker *checker,
                                const struct backend_settings *backend, struct place place)
{
    if (backend != NULL && backend->concurrency != NULL) {
        config_report_add(checker->report, CONFIG_WARNING, place,
                          "'concurrency' of backend '%s' counts requests, and none are seen of "
                          "connections that are passed through",
                          backend->name);
        config_report_hint(checker->report, "say max_connections of its servers");
    }
}

void check_balance_of_passthrough(const struct checker *checker, const struct site_settings *site,
                                  const struct backend_settings *backend, struct place place)
{
    const char *what = backend != NULL ? http_alone(&backend->balance) : NULL;

    warn_of_concurrency(checker, backend, place);
    if (what != NULL) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "backend '%s' chooses its server by '%s', and of connections that pass "
                          "through '%s' no request is seen",
                          backend->name, what, site->name);
        config_report_hint(checker->report, "what is seen are the client's address and the name "
                                            "in TLS: balance: source, or balance: { hash: sni }");
    }
}

void check_balance_of_tcp(const struct checker *checker, const struct backend_settings *backend,
                          struct place place)
{
    const struct balance_settings *balance = &backend->balance;
    bool by_name = balance->strategy == BALANCE_HASH && balance->hash != NULL &&
                   balance->hash->key == BALANCE_KEY_SNI;
    const char *what = by_name ? "hash: sni" : http_alone(balance);

    warn_of_concurrency(checker, backend, place);
    if (what != NULL) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "backend '%s' chooses its server by '%s', and of connections that are "
                          "relayed as they come nothing is seen",
                          backend->name, what);
        config_report_hint(checker->report, "the client's address is known: balance: source");
    }
}

/* Whether requests ever wait for it; of servers that are listed elsewhere that is not known. */
static bool may_be_full(const struct backend_settings *backend)
{
    bool may = backend->concurrency != NULL || backend->servers_from != NULL;

    for (size_t i = 0; i < backend->server_count && !may; i++) {
        may = backend->servers[i].max_requests != 0 || backend->servers[i].max_connections != 0;
    }
    return may;
}

static bool may_wait(const struct route_settings *route)
{
    bool may = route->backend != NULL && may_be_full(route->backend);

    for (size_t i = 0; i < route->split_count && !may; i++) {
        may = route->split[i].backend != NULL && may_be_full(route->split[i].backend);
    }
    return may;
}

static void warn_of_priority(const struct checker *checker, const enum priority *priority)
{
    config_report_add(checker->report, CONFIG_WARNING, config_place(checker->settings, priority),
                      "'priority' has no effect: no backend here has a limit");
    config_report_hint(checker->report,
                       "say 'concurrency' in the backend, or 'max_requests' of its servers");
}

void check_priority(const struct checker *checker, const struct site_settings *site)
{
    bool may = (site->passthrough != NULL && may_be_full(site->passthrough)) ||
               (site->tcp != NULL && may_be_full(site->tcp));

    for (size_t i = 0; i < site->by_alpn_count; i++) {
        may |= site->by_alpn[i].backend != NULL && may_be_full(site->by_alpn[i].backend);
    }
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        may |= may_wait(route);
        if (check_is_given(checker, &route->priority) && !may_wait(route)) {
            warn_of_priority(checker, &route->priority);
        }
    }
    if (check_is_given(checker, &site->priority) && !may) {
        warn_of_priority(checker, &site->priority);
    }
}
