#include "config/finish.h"

#include "base/hash.h"
#include "base/map.h"
#include "config/field_rules_join.h"
#include "config/hedge_after.h"
#include "config/log_outlets.h"
#include "config/places.h"
#include "config/sign_in_routes.h"
#include "edge/host_table.h"
#include "edge/redact.h"
#include "edge/www.h"
#include "settings/split_settings.h"

static bool is_given(const struct settings *settings, const void *member)
{
    return config_place(settings, member).line != 0;
}

/* As in the table of directives, for the route that a site has without `routes`. */
#define REPLAY_LIMIT (UINT64_C(256) * 1024)

static void add_usual_listener(struct settings *settings)
{
    static const char *const ports[] = {":80", ":443"};
    struct arena *arena = &settings->arena;
    struct address_list bind;

    if (is_given(settings, &settings->listeners)) {
        return;
    }
    bind.count = ARRAY_LEN(ports);
    bind.items = arena_calloc(arena, bind.count * sizeof(*bind.items));
    for (size_t i = 0; i < bind.count; i++) {
        bind.items[i] = (struct address_setting){.kind = ADDRESS_ANY,
                                                 .text = ports[i],
                                                 .host = "",
                                                 .port = (uint16_t)(i == 0 ? 80 : 443)};
    }
    settings->listeners = arena_calloc(arena, sizeof(*settings->listeners));
    settings->listeners[0].bind = bind;
    settings->listener_count = 1;
}

/* `certificate` and `key` become the first of `certificates`. */
static void finish_tls(struct settings *settings, struct tls_settings *tls)
{
    struct certificate_settings *all;

    if (tls->certificate == NULL || tls->key == NULL) {
        return;
    }
    all = arena_calloc(&settings->arena, (tls->certificate_count + 1) * sizeof(*all));
    all[0] = (struct certificate_settings){.certificate = tls->certificate,
                                           .key = tls->key,
                                           .ocsp = tls->ocsp,
                                           .place = config_place(settings, &tls->certificate)};
    if (tls->certificate_count != 0) {
        size_t size = tls->certificate_count * sizeof(*all);

        memcpy(&all[1], tls->certificates, size);
        places_move(settings->places, tls->certificates, size, &all[1]);
    }
    places_add(settings->places, &all[0].certificate, config_place(settings, &tls->certificate));
    places_add(settings->places, &all[0].key, config_place(settings, &tls->key));
    if (tls->ocsp != NULL) {
        places_add(settings->places, &all[0].ocsp, config_place(settings, &tls->ocsp));
    }
    tls->certificates = all;
    tls->certificate_count++;
}

/* `backend`, `split`, `respond` or `files` of the site become its last route. */
static void finish_shorthand(struct settings *settings, struct site_settings *site)
{
    static const char *upgrades[] = {"websocket"};
    struct route_settings *all;
    struct route_settings *last;
    size_t size = site->route_count * sizeof(*all);
    struct place place;

    if (site->backend == NULL && site->respond == NULL && site->files == NULL &&
        site->redirect == NULL && site->split_count == 0) {
        return;
    }
    place = config_place(settings, site->backend != NULL    ? (const void *)&site->backend
                                   : site->split_count != 0 ? (const void *)&site->split
                                   : site->respond != NULL  ? (const void *)&site->respond
                                   : site->files != NULL    ? (const void *)&site->files
                                                            : (const void *)&site->redirect);
    all = arena_calloc(&settings->arena, (site->route_count + 1) * sizeof(*all));
    if (size != 0) {
        memcpy(all, site->routes, size);
        places_move(settings->places, site->routes, size, all);
    }
    last = &all[site->route_count];
    *last = (struct route_settings){.match = {.path = "/*"},
                                    .backend = site->backend,
                                    .split = site->split,
                                    .split_count = site->split_count,
                                    .split_by = site->split_by,
                                    .split_sticky = site->split_sticky,
                                    .respond = site->respond,
                                    .files = site->files,
                                    .redirect = site->redirect,
                                    .upgrade = {upgrades, ARRAY_LEN(upgrades)},
                                    .body_limit = UINT64_MAX,
                                    .response_limit = UINT64_MAX,
                                    .replay_limit = REPLAY_LIMIT,
                                    .site_access = true,
                                    .place = place};
    site->routes = all;
    site->route_count++;
}

/* The cookie's usual name goes by whose it is. */
static void finish_sticky(struct settings *settings, struct balance_sticky_settings *sticky,
                          const char *whose)
{
    if (sticky != NULL && sticky->cookie == NULL) {
        sticky->cookie =
            arena_printf(&settings->arena, "tidegate_%08x",
                         (uint32_t)hash_text(span_from_cstr(whose != NULL ? whose : "")));
    }
}

/* What `hash` names is its key. */
static void finish_hash(struct settings *settings, struct balance_hash_settings *hash)
{
    if (hash->header != NULL) {
        hash->key = BALANCE_KEY_HEADER;
    } else if (hash->cookie != NULL) {
        hash->key = BALANCE_KEY_COOKIE;
    } else if (hash->query != NULL) {
        hash->key = BALANCE_KEY_QUERY;
    } else if (hash->claim != NULL) {
        hash->key = BALANCE_KEY_CLAIM;
    } else if (!is_given(settings, &hash->key)) {
        hash->key = BALANCE_KEY_ADDRESS; /* which was complained of */
    }
}

/* For all that asks for a route's backend its first part stands. */
static void take_first_part(struct settings *settings, struct route_settings *route,
                            const struct split_part_settings *split, const void *said_at)
{
    route->backend = split[0].backend;
    places_add(settings->places, &route->backend, config_place(settings, said_at));
}

/* A route that does not say what serves its requests has the site's parts, or with `off` the first
 * of them. */
static void inherit_split(struct settings *settings, const struct site_settings *site,
                          struct route_settings *route)
{
    bool has_own = route->backend != NULL || route->respond != NULL || route->files != NULL ||
                   route->redirect != NULL || route->split_count != 0 ||
                   is_given(settings, &route->backend);

    if (has_own || site->split_count == 0) {
        return;
    }
    if (is_given(settings, &route->split)) {
        take_first_part(settings, route, site->split, &route->split);
        return;
    }
    route->split = site->split;
    route->split_count = site->split_count;
    if (route->split_by == NULL && route->split_sticky == NULL) {
        route->split_by = site->split_by;
        route->split_sticky = site->split_sticky;
        route->split_of = site->name;
    }
    take_first_part(settings, route, site->split, &site->split);
}

/* What is answered here, and scripts, have no copies. */
static void inherit_mirror(const struct settings *settings, const struct site_settings *site,
                           struct route_settings *route)
{
    if (site->mirror != NULL && !is_given(settings, &route->mirror) && route->backend != NULL &&
        route->backend->protocol != BACKEND_FASTCGI) {
        route->mirror = site->mirror;
    }
}

static void finish_split(struct settings *settings, const struct site_settings *site,
                         struct route_settings *route)
{
    bool is_sites = route->split_count != 0 && route->split == site->split;

    if (route->split_by != NULL && !is_sites) {
        finish_hash(settings, route->split_by);
    }
    if (route->split_count != 0 && route->backend == NULL) {
        take_first_part(settings, route, route->split, is_sites ? &site->split : &route->split);
    }
    finish_sticky(settings, route->split_sticky, route->name);
    route->split_of = is_sites ? site->name : route->name;
    inherit_split(settings, site, route);
    inherit_mirror(settings, site, route);
}

static void finish_retries(struct retries_settings *retries)
{
    /* In the order of the bits of enum retry_on. */
    static const char *const words[] = {"connect", "reset", "refused_stream", "502",
                                        "503",     "504",   "timeout"};

    if (retries != NULL && retries->hedge != NULL && retries->hedge->after != NULL) {
        struct hedge_settings *hedge = retries->hedge;
        /* One that is neither has been complained of. */
        (void)!hedge_after_parse(span_from_cstr(hedge->after), &hedge->per_mille, &hedge->after_ms);
    }
    for (size_t i = 0; retries != NULL && i < retries->on.count; i++) {
        for (size_t w = 0; w < ARRAY_LEN(words); w++) {
            if (strcmp(retries->on.items[i], words[w]) == 0) {
                retries->on_bits |= 1U << w;
            }
        }
    }
}

static void finish_timeouts(const struct settings *settings, struct route_timeouts_settings *own)
{
    const struct timeouts_settings *all = &settings->timeouts;

    own->tunnel_idle_ms =
        is_given(settings, &own->tunnel_idle_ms) ? own->tunnel_idle_ms : all->tunnel_idle_ms;
    own->response_ms = is_given(settings, &own->response_ms) ? own->response_ms : UINT64_MAX;
    own->stream_idle_ms =
        is_given(settings, &own->stream_idle_ms) ? own->stream_idle_ms : all->stream_idle_ms;
    own->body_ms = is_given(settings, &own->body_ms) ? own->body_ms : all->body_ms;
    own->request_ms = is_given(settings, &own->request_ms) ? own->request_ms : all->request_ms;
    own->send_ms = is_given(settings, &own->send_ms) ? own->send_ms : all->send_ms;
}

/* What the route's leaves out is the site's. */
static void inherit_compress(struct settings *settings, struct compress_settings *own,
                             const struct compress_settings *site)
{
    if (!is_given(settings, &own->encodings)) {
        own->encodings = site->encodings;
    }
    if (!is_given(settings, &own->types)) {
        own->types = site->types;
    }
    if (!is_given(settings, &own->from)) {
        own->from = site->from;
    }
    if (!is_given(settings, &own->level)) {
        own->level = site->level;
    }
    if (!is_given(settings, &own->breach)) {
        own->breach = site->breach;
    }
}

/* What stands in queries is not to be in logs. */
static void hide_parameter(struct settings *settings, const char *name)
{
    struct string_list *hidden = &settings->log.rules.redact;
    const char **items = arena_alloc(&settings->arena, (hidden->count + 1) * sizeof(*items));

    for (size_t i = 0; i < hidden->count; i++) {
        items[i] = hidden->items[i];
    }
    char *lower = arena_cstr(&settings->arena, span_from_cstr(name));
    for (char *c = lower; *c != '\0'; c++) {
        *c = ascii_lower(*c);
    }
    if (!redact_hides(hidden, span_from_cstr(name))) {
        items[hidden->count] = lower;
        *hidden = (struct string_list){items, hidden->count + 1};
    }
}

static void finish_forward(struct auth_forward_settings *forward)
{
    static const char *names[] = {"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"};
    static const char *decisive[] = {"Cookie", "Authorization"};

    if (forward->receive.count == 0) {
        forward->receive = (struct string_list){names, ARRAY_LEN(names)};
    }
    if (forward->remember_by.count == 0) {
        forward->remember_by = (struct string_list){decisive, ARRAY_LEN(decisive)};
    }
}

static void finish_auth(struct settings *settings, struct auth_settings *auth)
{
    struct api_key_settings *key = auth != NULL ? auth->api_key : NULL;

    if (auth != NULL && auth->forward != NULL) {
        finish_forward(auth->forward);
    }
    if (auth != NULL && auth->oidc != NULL && auth->oidc->scopes.count == 0) {
        static const char *scopes[] = {"profile", "email"};
        auth->oidc->scopes = (struct string_list){scopes, ARRAY_LEN(scopes)};
    }

    if (key == NULL) {
        return;
    }
    if (key->field == NULL && key->query == NULL && key->cookie == NULL) {
        key->field = "X-Api-Key";
    }
    if (key->query != NULL) {
        hide_parameter(settings, key->query);
    }
}

static const struct policy_settings *find_policy(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->policy_count; i++) {
        if (settings->policies[i].name != NULL && strcmp(settings->policies[i].name, name) == 0) {
            return &settings->policies[i];
        }
    }
    return NULL; /* which is complained of */
}

static void name_rules(struct settings *settings, struct access_rule_settings *rules, size_t count,
                       const char *owner, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].name == NULL) {
            rules[i].name =
                arena_printf(&settings->arena, "%s%s/%zu", owner != NULL ? owner : "", word, i + 1);
        }
        if (rules[i].policy != NULL) {
            rules[i].shared = find_policy(settings, rules[i].policy);
        }
    }
}

static void name_rates(struct settings *settings, struct rate_settings *rates, size_t count,
                       const char *owner)
{
    for (size_t i = 0; i < count; i++) {
        if (rates[i].name == NULL) {
            rates[i].name = arena_printf(&settings->arena, "%s/rate/%zu", owner, i + 1);
        }
    }
}

static void finish_access(struct settings *settings, struct access_settings *access,
                          const char *owner)
{
    access->is_given = is_given(settings, &access->rules);
    name_rules(settings, access->rules, access->count, owner, "/access");
}

static bool speaks_h2(const struct route_settings *route)
{
    return route->backend != NULL && route->backend->protocol != BACKEND_H1 &&
           route->backend->protocol != BACKEND_FASTCGI;
}

/* What is given, and is nothing, is off. */
static void finish_answers(const struct settings *settings, struct answers_settings *own)
{
    own->is_cors_off = own->cors == NULL && is_given(settings, &own->cors);
    own->is_cookies_off = own->cookies == NULL && is_given(settings, &own->cookies);
    own->is_errors_off = own->errors == NULL && is_given(settings, &own->errors);
    own->is_maintenance_off = own->maintenance == NULL && is_given(settings, &own->maintenance);
}

static void finish_routes(struct settings *settings, struct site_settings *site)
{
    for (size_t i = 0; i < site->route_count; i++) {
        struct route_settings *route = &site->routes[i];

        if (!is_given(settings, &route->body_limit)) {
            route->body_limit = UINT64_MAX;
        }
        if (!is_given(settings, &route->response_limit)) {
            route->response_limit = UINT64_MAX;
        }
        if (!is_given(settings, &route->on_client_close)) {
            route->on_client_close = site->on_client_close;
        }
        if (!is_given(settings, &route->priority)) {
            route->priority = site->priority;
        }
        if (!is_given(settings, &route->access_log)) {
            route->access_log = site->access_log;
        }
        if (!is_given(settings, &route->grpc_web)) {
            route->grpc_web = site->grpc_web && speaks_h2(route);
        }
        if (!is_given(settings, &route->security_fields)) {
            route->security_fields = site->security_fields;
        }
        if (!is_given(settings, &route->answers.locations)) {
            route->answers.locations = site->answers.locations;
        }
        finish_answers(settings, &route->answers);
        if (route->timeouts != NULL) {
            finish_timeouts(settings, route->timeouts);
        }
        if (route->compress == NULL) {
            route->compress = site->compress;
        } else if (site->compress != NULL) {
            inherit_compress(settings, route->compress, site->compress);
        }
        if (route->auth == NULL) {
            route->auth = site->auth;
        } else {
            finish_auth(settings, route->auth);
        }
        if (route->cache == NULL) {
            route->cache = site->cache;
        }
        finish_retries(route->retries);
        if (route->name == NULL) {
            route->name = arena_printf(&settings->arena, "%s/%zu", site->name, i + 1);
        }
        finish_split(settings, site, route);
        if (route->retries == NULL) {
            route->retries = site->retries;
        }
        if (route->retries == NULL && route->backend != NULL) {
            route->retries = route->backend->retries;
        }
        finish_access(settings, &route->access, route->name);
        name_rates(settings, route->rates, route->rate_count, route->name);
    }
}

/* `acme_passthrough` becomes the first of `passthrough_by_alpn`. */
static void finish_by_alpn(struct settings *settings, struct site_settings *site)
{
    static const char *protocols[] = {"acme-tls/1"};
    size_t size = site->by_alpn_count * sizeof(*site->by_alpn);
    struct by_alpn_settings *all;

    if (site->acme_passthrough == NULL) {
        return;
    }
    all = arena_calloc(&settings->arena, size + sizeof(*all));
    all[0] = (struct by_alpn_settings){{protocols, ARRAY_LEN(protocols)},
                                       site->acme_passthrough,
                                       config_place(settings, &site->acme_passthrough)};
    places_add(settings->places, &all[0].backend, all[0].place);
    if (size != 0) {
        memcpy(&all[1], site->by_alpn, size);
        places_move(settings->places, site->by_alpn, size, &all[1]);
    }
    site->by_alpn = all;
    site->by_alpn_count++;
}

/* IPv6 addresses in the form in which requests' hosts are looked for. */
static void finish_hosts(struct settings *settings, struct site_settings *site)
{
    char text[HOST_ADDRESS_MAX];

    for (size_t i = 0; i < site->hosts.count; i++) {
        struct span host = span_from_cstr(site->hosts.items[i]);
        struct span canonical = host_canonical(host, text);

        if (!span_eq(canonical, host)) {
            site->hosts.items[i] = arena_cstr(&settings->arena, canonical);
        }
    }
}

/* With `www` both forms of each name are the site's, whichever was written. */
static void finish_www(struct settings *settings, struct site_settings *site)
{
    size_t count = site->hosts.count;
    size_t size = count * sizeof(*site->hosts.items);
    const char **all;
    struct map given;

    if (site->www == SITE_WWW_AS_IS || count == 0) {
        return;
    }
    all = arena_alloc(&settings->arena, 2 * size);
    memcpy(all, site->hosts.items, size);
    places_move(settings->places, site->hosts.items, size, all);
    map_init(&given);
    for (size_t i = 0; i < count; i++) {
        (void)map_add(&given, span_from_cstr(all[i]), &all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct span host = span_from_cstr(all[i]);
        struct span other;

        if (!www_has_forms(host)) {
            continue;
        }
        other = www_other_form(host, &settings->arena);
        if (map_find(&given, other) == NULL) {
            const char **item = &all[site->hosts.count++];
            *item = arena_cstr(&settings->arena, other);
            places_add(settings->places, item, config_place(settings, &all[i]));
        }
    }
    map_free(&given);
    site->hosts.items = all;
}

/* Both hold where a site has fields of its own. */
static void inherit_fields_of_defaults(struct settings *settings, struct site_settings *site)
{
    struct arena *arena = &settings->arena;

    if (site->request_fields != NULL) {
        site->request_fields =
            field_rules_join(settings->defaults->request_fields, site->request_fields, arena);
    }
    if (site->response_fields != NULL) {
        site->response_fields =
            field_rules_join(settings->defaults->response_fields, site->response_fields, arena);
    }
}

static void finish_site(struct settings *settings, struct site_settings *site)
{
    static const char *postgres_protocols[] = {"postgresql"};

    if (site->passthrough == NULL && site->tcp == NULL && settings->defaults != NULL) {
        inherit_fields_of_defaults(settings, site);
    }
    finish_hosts(settings, site);
    finish_www(settings, site);
    if (site->name == NULL) {
        site->name = site->hosts.count != 0 ? site->hosts.items[0] : "site";
    }
    if (!is_given(settings, &site->paths)) {
        site->paths = PATHS_BY_RULES;
    }
    if (!is_given(settings, &site->on_client_close)) {
        site->on_client_close = settings->on_client_close;
    }
    if (!is_given(settings, &site->plain_http)) {
        bool speaks_tls = site->tls != NULL || site->passthrough != NULL;
        bool is_not_http = site->tcp != NULL || site->starttls != STARTTLS_OFF;

        site->plain_http = is_not_http  ? PLAIN_HTTP_REFUSE
                           : speaks_tls ? PLAIN_HTTP_REDIRECT
                                        : PLAIN_HTTP_SERVE;
    }
    if (site->tcp != NULL && site->starttls == STARTTLS_POSTGRES &&
        !is_given(settings, &site->alpn)) {
        site->alpn = (struct string_list){postgres_protocols, ARRAY_LEN(postgres_protocols)};
    }
    if (site->tls != NULL) {
        finish_tls(settings, site->tls);
    }
    finish_by_alpn(settings, site);
    finish_shorthand(settings, site);
    if (site->split_by != NULL) {
        finish_hash(settings, site->split_by);
    }
    finish_sticky(settings, site->split_sticky, site->name);
    finish_retries(site->retries);
    finish_auth(settings, site->auth);
    finish_access(settings, &site->access, site->name);
    name_rates(settings, site->rates, site->rate_count, site->name);
    finish_routes(settings, site);
    sign_in_routes_add(settings, site);
}

/* `hash` and `sticky` say what the strategy is, and `balance: sticky` has the usual cookie. */
static void finish_balance(struct settings *settings, struct backend_settings *backend)
{
    struct balance_settings *balance = &backend->balance;

    if (balance->hash != NULL) {
        finish_hash(settings, balance->hash);
    }
    if (!is_given(settings, &balance->strategy)) {
        balance->strategy = balance->hash != NULL     ? BALANCE_HASH
                            : balance->sticky != NULL ? BALANCE_STICKY
                                                      : BALANCE_ROUND_ROBIN;
    }
    if (balance->strategy == BALANCE_STICKY && balance->sticky == NULL) {
        balance->sticky = arena_calloc(&settings->arena, sizeof(*balance->sticky));
    }
    finish_sticky(settings, balance->sticky, backend->name);
}

/* `path` is a check by HTTP, and so is one that says nothing but that. */
static void finish_health_check(struct settings *settings, struct health_check_settings *check)
{
    if (check->path == NULL || check->http != NULL) {
        return;
    }
    check->http = arena_calloc(&settings->arena, sizeof(*check->http));
    *check->http = (struct check_http_settings){
        .path = check->path,
        .method = "GET",
        .place = config_place(settings, &check->path),
    };
}

static void finish_host(struct backend_settings *backend)
{
    backend->host_from = strcmp(backend->host, "client") == 0   ? BACKEND_HOST_CLIENT
                         : strcmp(backend->host, "server") == 0 ? BACKEND_HOST_SERVER
                                                                : BACKEND_HOST_NAMED;
}

static void finish_server_name(struct backend_tls_settings *tls)
{
    if (tls != NULL && tls->server_name != NULL && strcmp(tls->server_name, "client") == 0) {
        tls->name_from_client = true;
        tls->server_name = NULL;
    }
}

void finish_settings(struct settings *settings)
{
    for (size_t i = 0; i < settings->backend_count; i++) {
        finish_host(&settings->backends[i]);
        finish_server_name(settings->backends[i].tls);
        finish_retries(settings->backends[i].retries);
        if (settings->backends[i].health_check != NULL) {
            finish_health_check(settings, settings->backends[i].health_check);
        }
        if (settings->backends[i].protocol == BACKEND_FASTCGI &&
            !is_given(settings, &settings->backends[i].idle_connections)) {
            settings->backends[i].idle_connections = 0; /* each would take a process of php-fpm's */
        }
        if (settings->backends[i].resolve == NULL) {
            settings->backends[i].resolve = &settings->resolve;
        }
    }
    add_usual_listener(settings);
    for (size_t i = 0; i < settings->listener_count; i++) {
        struct listener_settings *listener = &settings->listeners[i];
        listener->name = listener->bind.count != 0 ? listener->bind.items[0].text : "listener";
        finish_access(settings, &listener->access, listener->name);
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        finish_balance(settings, &settings->backends[i]);
        settings->backends[i].gateway_zone = settings->zone;
    }
    for (size_t i = 0; i < settings->ban_count; i++) {
        if (settings->bans[i].name == NULL) {
            settings->bans[i].name = arena_printf(&settings->arena, "ban/%zu", i + 1);
        }
    }
    for (size_t i = 0; i < settings->policy_count; i++) {
        name_rules(settings, settings->policies[i].rules, settings->policies[i].rule_count,
                   settings->policies[i].name, "");
    }
    for (size_t i = 0; i < settings->site_count; i++) {
        finish_site(settings, &settings->sites[i]);
    }
    log_outlets_finish(settings);
}
