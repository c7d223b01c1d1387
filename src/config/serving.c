#include "config/serving.h"

bool serving_same_name(const char *one, const char *other)
{
    return span_ieq(span_from_cstr(one), span_from_cstr(other));
}

bool serving_listener_has(const struct listener_settings *listener,
                          const struct site_settings *site)
{
    for (size_t i = 0; i < listener->sites.count; i++) {
        if (serving_same_name(listener->sites.items[i], site->name)) {
            return true;
        }
    }
    return listener->sites.count == 0 && listener->tcp == NULL;
}

/* ---- routes ---- */

static struct client_name_list name_list(const struct string_list *texts, struct arena *arena)
{
    struct span *items = arena_calloc(arena, (texts->count + 1) * sizeof(*items));

    for (size_t i = 0; i < texts->count; i++) {
        items[i] = span_from_cstr(texts->items[i]);
    }
    return (struct client_name_list){items, texts->count};
}

const struct client_rule *serving_client_rule(const struct match_client_settings *settings,
                                              struct arena *arena)
{
    struct client_rule *rule = arena_calloc(arena, sizeof(*rule));

    rule->dns = name_list(&settings->dns, arena);
    rule->uris = name_list(&settings->uri, arena);
    rule->emails = name_list(&settings->email, arena);
    rule->subjects = name_list(&settings->subject, arena);
    rule->issuers = name_list(&settings->issuer, arena);
    return rule;
}

/* It was compiled before, when the configuration was loaded (rule_regex). */
static const struct pattern *build_pattern(struct span text, unsigned flags, struct arena *arena)
{
    struct error error;
    size_t offset;
    const struct pattern *pattern = pattern_compile(text, flags, arena, &error, &offset);

    CHECK(pattern != NULL);
    return pattern;
}

void serving_match_init(struct route_match *match, const struct route_settings *route,
                        struct arena *arena)
{
    const struct match_settings *settings = &route->match;

    route_match_init(match, settings->path != NULL ? settings->path : "/*", settings->methods.items,
                     settings->methods.count, arena);
    if (settings->regex != NULL) {
        match->regex = build_pattern(span_from_cstr(settings->regex), 0, arena);
    }
    match->condition = condition_make(settings, false, NULL, arena);
    if (settings->client != NULL) {
        match->client = serving_client_rule(settings->client, arena);
    }
    match->is_final = route->otherwise == OTHERWISE_DENY;
    match->is_guarded = settings_has_auth(route) || route->access.is_given;
    match->refuses = route->respond != NULL && route->respond->status >= 400;
}

static bool has_conditions(const struct match_settings *match)
{
    return match->header_count + match->query_count + match->cookie_count + match->any_count +
                   match->all_count + match->client_address.count !=
               0 ||
           match->scheme != NULL || match->negated != NULL;
}

/* Whether a rule of the site depends on the path or refuses, so that the path's spelling counts. */
static bool has_rules(const struct site_settings *site)
{
    if (site->access.is_given) {
        return true;
    }
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        const char *path = route->match.path;

        if ((path != NULL && strcmp(path, "/*") != 0) || route->match.regex != NULL ||
            route->match.client != NULL || has_conditions(&route->match) ||
            route->access.is_given || (route->respond != NULL && route->respond->status >= 400)) {
            return true;
        }
    }
    return false;
}

static enum edge_paths paths_of(const struct site_settings *site)
{
    switch (site->paths) {
    case PATHS_STRICT:
        return EDGE_PATHS_STRICT;
    case PATHS_AS_SENT:
        return has_rules(site) ? EDGE_PATHS_EACH_READING : EDGE_PATHS_FREE;
    case PATHS_BY_RULES:
        break;
    }
    return has_rules(site) ? EDGE_PATHS_STRICT : EDGE_PATHS_FREE;
}

/* ---- TLS ---- */

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_list(const struct string_list *one, const struct string_list *other)
{
    if (one->count != other->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        if (strcmp(one->items[i], other->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_certificates(const struct tls_settings *one, const struct tls_settings *other)
{
    if (one->certificate_count != other->certificate_count ||
        !same_text(one->certificates_from, other->certificates_from)) {
        return false;
    }
    for (size_t i = 0; i < one->certificate_count; i++) {
        if (!same_text(one->certificates[i].certificate, other->certificates[i].certificate) ||
            !same_text(one->certificates[i].key, other->certificates[i].key)) {
            return false;
        }
    }
    return true;
}

/* NULL and `verify: off` are the same. */
static const struct tls_clients_settings *clients_of(const struct tls_settings *tls)
{
    return tls->clients != NULL && tls->clients->verify != CLIENT_VERIFY_OFF ? tls->clients : NULL;
}

static bool same_clients(const struct tls_clients_settings *one,
                         const struct tls_clients_settings *other)
{
    if (one == NULL || other == NULL) {
        return one == other;
    }
    return one->verify == other->verify && one->depth == other->depth &&
           same_text(one->ca, other->ca) && same_text(one->crl, other->crl);
}

bool serving_same_clients(const struct tls_settings *one, const struct tls_settings *other)
{
    return same_clients(clients_of(one), clients_of(other));
}

/* What counts where a version is not given is the policy's. */
static const char *lowest_version(const struct tls_settings *tls)
{
    static const char *const lowest[] = {"1.2", "1.3", "1.0"};

    return tls->min_version != NULL ? tls->min_version : lowest[tls->policy];
}

static const char *highest_version(const struct tls_settings *tls)
{
    return tls->max_version != NULL ? tls->max_version : "1.3";
}

/* Whether two sites show clients the same certificates, ask the same of them, and speak TLS alike.
 */
static bool same_tls(const struct tls_settings *one, const struct tls_settings *other)
{
    return same_certificates(one, other) && serving_same_clients(one, other) &&
           one->policy == other->policy && same_text(lowest_version(one), lowest_version(other)) &&
           same_text(highest_version(one), highest_version(other)) &&
           same_list(&one->ciphers, &other->ciphers) &&
           same_list(&one->cipher_suites, &other->cipher_suites) &&
           same_list(&one->groups, &other->groups) &&
           same_list(&one->signature_algorithms, &other->signature_algorithms) &&
           one->prefer == other->prefer && one->protocols == other->protocols &&
           one->early_data == other->early_data;
}

/* Sites by their first file of certificates, since most have files of their own: only those that
 * share it are compared. */
struct tls_class {
    size_t site;
    struct tls_class *next;
};

static size_t tls_class_of(const struct settings *settings, size_t index, struct map *classes,
                           struct arena *arena)
{
    const struct tls_settings *tls = settings->sites[index].tls;
    const char *file;

    if (tls == NULL || settings->sites[index].tcp != NULL) {
        return index;
    }
    file = tls->certificate_count != 0 ? tls->certificates[0].certificate : tls->certificates_from;
    struct span key = file != NULL ? span_from_cstr(file) : SPAN_OF("");
    struct tls_class *class = map_find(classes, key);
    struct tls_class *last = NULL;

    for (; class != NULL; last = class, class = class->next) {
        if (same_tls(settings->sites[class->site].tls, tls)) {
            return class->site;
        }
    }
    class = arena_calloc(arena, sizeof(*class));
    class->site = index;
    if (last != NULL) {
        last->next = class;
    } else {
        (void)map_add(classes, key, class);
    }
    return index;
}

/* ---- the whole ---- */

static const struct edge_protocols *protocols_of(const struct site_settings *site,
                                                 struct arena *arena)
{
    struct edge_protocols *all = arena_calloc(arena, (site->by_alpn_count + 1) * sizeof(*all));

    for (size_t i = 0; i < site->by_alpn_count; i++) {
        const struct string_list *from = &site->by_alpn[i].protocols;
        struct span *names = arena_calloc(arena, (from->count + 1) * sizeof(*names));

        for (size_t j = 0; j < from->count; j++) {
            names[j] = span_from_cstr(from->items[j]);
        }
        all[i] = (struct edge_protocols){names, from->count};
    }
    return all;
}

struct answers_settings serving_answers(const struct site_settings *site,
                                        const struct route_settings *route)
{
    const struct answers_settings *outer = &site->answers;
    struct answers_settings own = route->answers; /* `locations` is filled in by config/finish.c */

    own.hsts = own.hsts != NULL ? own.hsts : outer->hsts;
    own.cors = own.cors != NULL || own.is_cors_off ? own.cors : outer->cors;
    own.cookies = own.cookies != NULL || own.is_cookies_off ? own.cookies : outer->cookies;
    own.errors = own.errors != NULL || own.is_errors_off ? own.errors : outer->errors;
    own.maintenance =
        own.maintenance != NULL || own.is_maintenance_off ? own.maintenance : outer->maintenance;
    return own;
}

static struct edge_answers edge_answers(const struct answers_settings *answers)
{
    return (struct edge_answers){.has_cors = answers->cors != NULL,
                                 .maintenance = answers->maintenance};
}

static const struct edge_answers *answers_of_routes(const struct site_settings *site,
                                                    struct arena *arena)
{
    struct edge_answers *all = arena_calloc(arena, (site->route_count + 1) * sizeof(*all));

    for (size_t i = 0; i < site->route_count; i++) {
        const struct answers_settings answers = serving_answers(site, &site->routes[i]);
        all[i] = edge_answers(&answers);
    }
    return all;
}

static void build_site(struct edge_site *site, const struct settings *settings, size_t index,
                       struct map *classes, struct arena *arena)
{
    const struct site_settings *from = &settings->sites[index];
    struct route_match *matches = arena_calloc(arena, (from->route_count + 1) * sizeof(*matches));

    for (size_t i = 0; i < from->route_count; i++) {
        serving_match_init(&matches[i], &from->routes[i], arena);
    }
    *site = (struct edge_site){
        .tls = from->passthrough != NULL ? EDGE_TLS_PASSES
               : from->tls != NULL       ? EDGE_TLS_ENDS
                                         : EDGE_TLS_NONE,
        .plain_http = from->plain_http,
        .paths = paths_of(from),
        .www = from->www,
        .is_tcp = from->tcp != NULL,
        .starttls = from->starttls == STARTTLS_POSTGRES ? STARTTLS_POSTGRES : STARTTLS_OFF,
        .by_alpn = protocols_of(from, arena),
        .by_alpn_count = from->by_alpn_count,
        .wants_client = from->tls != NULL && from->tls->clients != NULL &&
                        from->tls->clients->verify == CLIENT_VERIFY_REQUIRED,
        .tls_class = tls_class_of(settings, index, classes, arena),
        .table = {matches, from->route_count},
        .answers = edge_answers(&from->answers),
        .of_routes = answers_of_routes(from, arena),
    };
}

/* A host that is there twice was an error of the configuration. */
static void add_host(struct host_table *table, struct span host, struct edge_site *site,
                     struct arena *arena)
{
    size_t mark = host_is_pattern(host);

    if (mark != 0) {
        host_table_add_pattern(
            table, build_pattern(span_skip(host, mark), HOST_PATTERN_FLAGS, arena), site);
    } else {
        (void)host_table_add(table, host, site);
    }
}

void serving_build(struct serving *serving, const struct settings *settings, struct arena *arena)
{
    struct map classes;

    *serving = (struct serving){
        .sites = arena_calloc(arena, (settings->site_count + 1) * sizeof(*serving->sites)),
        .hosts = arena_calloc(arena, (settings->listener_count + 1) * sizeof(*serving->hosts)),
        .starttls =
            arena_calloc(arena, (settings->listener_count + 1) * sizeof(*serving->starttls)),
        .listener_count = settings->listener_count,
    };
    map_init(&classes);
    for (size_t i = 0; i < settings->site_count; i++) {
        build_site(&serving->sites[i], settings, i, &classes, arena);
    }
    map_free(&classes);
    for (size_t i = 0; i < settings->listener_count; i++) {
        host_table_init(&serving->hosts[i]);
        for (size_t k = 0; k < settings->site_count; k++) {
            const struct site_settings *site = &settings->sites[k];

            if (!serving_listener_has(&settings->listeners[i], site)) {
                continue;
            }
            if (serving->sites[k].starttls != STARTTLS_OFF) {
                serving->starttls[i] = serving->sites[k].starttls;
            }
            for (size_t h = 0; h < site->hosts.count; h++) {
                add_host(&serving->hosts[i], span_from_cstr(site->hosts.items[h]),
                         &serving->sites[k], arena);
            }
        }
    }
}

void serving_free(struct serving *serving)
{
    for (size_t i = 0; i < serving->listener_count; i++) {
        host_table_free(&serving->hosts[i]);
    }
    serving->listener_count = 0;
}
