/* Members that are NULL or empty may be ones that were reported already, so absence is judged by
 * what the file says. */
#include "config/check.h"

#include <string.h>

#include <stdlib.h>

#include "base/map.h"
#include "config/address.h"
#include "config/check_internal.h"
#include "config/complaint.h"
#include "config/directives.h"
#include "config/places.h"
#include "settings/mirror_settings.h"
#include "settings/split_settings.h"

bool check_is_given(const struct checker *checker, const void *member)
{
    return config_place(checker->settings, member).line != 0;
}

struct place check_place(const struct checker *checker, const void *member, struct place otherwise)
{
    struct place place = config_place(checker->settings, member);

    return place.line != 0 ? place : otherwise;
}

bool check_pair(const struct checker *checker, const void *certificate, const void *key,
                struct place place)
{
    bool has_certificate = check_is_given(checker, certificate);

    if (has_certificate == check_is_given(checker, key)) {
        return true;
    }
    config_report_add(checker->report, CONFIG_ERROR,
                      check_place(checker, has_certificate ? certificate : key, place),
                      has_certificate ? "'certificate' without 'key'"
                                      : "'key' without 'certificate'");
    config_report_hint(checker->report,
                       has_certificate ? "add the file of its private key; it can be the same file"
                                       : "add the file of the certificate that the key belongs to");
    return false;
}

static void check_memory(const struct checker *checker)
{
    const struct memory_settings *memory = &checker->settings->memory;

    if (check_is_given(checker, &memory->soft) && memory->soft != SETTINGS_UNLIMITED &&
        memory->soft > memory->hard) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &memory->soft),
                          "memory.soft is above memory.hard");
        config_report_hint(checker->report, "the soft mark comes first: lower it, or raise 'hard'");
    }
}

static void check_limits(const struct checker *checker)
{
    const struct limits_settings *limits = &checker->settings->limits;

    if (limits->body == 0 && !config_report_has_errors(checker->report) &&
        check_is_given(checker, &limits->body)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &limits->body),
                          "no request may have a body");
        config_report_hint(checker->report, "for no limit write body: unlimited");
    }
    if (limits->target <= limits->head) {
        return;
    }
    config_report_add(
        checker->report, CONFIG_ERROR,
        check_place(checker, &limits->target, config_place(checker->settings, &limits->head)),
        "limits.target is larger than limits.head");
    config_report_hint(checker->report, "the target is a part of the head; raise 'head' or lower "
                                        "'target'");
}

/* `user` alone brings its own group; a group alone would mix it with the default user. */
static void check_user(const struct checker *checker)
{
    const struct settings *settings = checker->settings;

    if (settings->user != NULL && strcmp(settings->user, "root") == 0) {
        config_report_add(checker->report, CONFIG_ERROR, config_place(settings, &settings->user),
                          "the gateway would keep the rights of root");
        config_report_hint(checker->report, "it needs none once it listens: name another user");
    }
}

/* Whoever is trusted can say to be anybody. */
#define TRUSTED_BITS_MIN 8

static void check_networks(const struct checker *checker, const struct network_list *list,
                           const char *name)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    for (size_t i = 0; i < list->count; i++) {
        const struct network *network = &list->items[i];
        bool is_ipv4 =
            network->prefix_bits >= 96 && memcmp(network->address, mapped, sizeof(mapped)) == 0;
        unsigned bits = network->prefix_bits - (is_ipv4 ? 96U : 0U);

        if (network->is_unix || bits >= TRUSTED_BITS_MIN) {
            continue;
        }
        config_report_add(checker->report, CONFIG_WARNING, config_place(checker->settings, list),
                          "'%s' has %s: nearly everybody can say to be somebody else", name,
                          network_format(network).text);
        config_report_hint(checker->report,
                           "name the addresses of the proxies alone; where a network closes all "
                           "others off, write down what it is, such as 10.0.0.0/8");
        return;
    }
}

static void check_address_from(const struct checker *checker)
{
    const struct settings *settings = checker->settings;

    if (settings->client_address_from == NULL || settings->trusted_proxies.count != 0 ||
        check_is_given(checker, &settings->trusted_proxies)) {
        return;
    }
    config_report_add(checker->report, CONFIG_ERROR,
                      config_place(settings, &settings->client_address_from),
                      "'client_address_from' without 'trusted_proxies'");
    config_report_hint(checker->report, "nobody is believed what it says: name the proxies that "
                                        "set the field, for example trusted_proxies: [10.0.0.0/8]");
}

/* Of the servers from `first` on, `count` of them. */
static void check_backend_tls(const struct checker *checker, const struct backend_settings *backend,
                              const struct backend_tls_settings *tls, size_t first, size_t count)
{
    bool is_by_address = tls->server_name == NULL && !tls->name_from_client;

    (void)check_pair(checker, &tls->certificate, &tls->key, tls->place);
    for (size_t i = first; tls->verify && is_by_address && i < first + count; i++) {
        if (backend->servers[i].server_name != NULL ||
            (backend->servers[i].tls != NULL && backend->servers[i].tls != tls)) {
            continue;
        }
        if (backend->servers[i].address.kind == ADDRESS_UNIX) {
            config_report_add(checker->report, CONFIG_ERROR, backend->servers[i].address.place,
                              "a server by a Unix socket has no name that its certificate could be "
                              "checked for");
            config_report_hint(checker->report, "add 'server_name' to 'tls' of the backend");
            break;
        }
        if (backend->servers[i].address.kind == ADDRESS_SRV) {
            config_report_add(checker->report, CONFIG_ERROR, backend->servers[i].address.place,
                              "the names that a service's servers have come from the DNS, so their "
                              "certificates cannot be checked for them: whoever answers could "
                              "choose");
            config_report_hint(checker->report, "add 'server_name' to 'tls' of the backend");
            break;
        }
    }
    if (!tls->verify && check_is_given(checker, &tls->crl)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &tls->crl),
                          "'crl' is not used, as 'verify' is false");
        config_report_hint(checker->report, "remove 'verify: false' to have the servers verified");
    }
    if (!tls->verify && check_is_given(checker, &tls->ca)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &tls->ca),
                          "'ca' is not used, as 'verify' is false");
        config_report_hint(checker->report, "remove 'verify: false' to have the servers verified");
    }
}

/* HTTP/2 inside TLS is agreed on by ALPN; without TLS both sides must know beforehand. */
static void check_backend_protocol(const struct checker *checker,
                                   const struct backend_settings *backend)
{
    struct place place = check_place(checker, &backend->protocol, backend->place);
    bool is_h2_in_tls = backend->protocol == BACKEND_H2 || backend->protocol == BACKEND_AUTO;

    if (is_h2_in_tls && backend->tls == NULL) {
        config_report_add(checker->report, CONFIG_ERROR, place, "'protocol: %s' needs 'tls'",
                          backend->protocol == BACKEND_H2 ? "h2" : "auto");
        config_report_hint(checker->report,
                           "add 'tls: {}', or say 'protocol: h2c' for HTTP/2 without TLS");
    }
    if (backend->protocol == BACKEND_H2C && backend->tls != NULL) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "'protocol: h2c' is HTTP/2 without TLS, but the backend has 'tls'");
        config_report_hint(checker->report, "say 'protocol: h2', or remove 'tls'");
    }
    if (backend->protocol != BACKEND_H1 && backend->proxy_protocol != BACKEND_PROXY_OFF) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "HTTP/2 connections carry the requests of many clients, and a PROXY "
                          "header names one");
        config_report_hint(checker->report, "remove 'proxy_protocol' (Forwarded and "
                                            "X-Forwarded-For name the client), or say "
                                            "'protocol: h1'");
    }
}

static void check_servers_from(const struct checker *checker,
                               const struct servers_from_settings *from)
{
    bool has_file = check_is_given(checker, &from->file);

    if (has_file == check_is_given(checker, &from->url)) {
        config_report_add(checker->report, CONFIG_ERROR, from->place,
                          has_file ? "'servers_from' has both a 'file' and a 'url'"
                                   : "'servers_from' has neither a 'file' nor a 'url'");
        config_report_hint(checker->report,
                           "say where the list is, for example file: /run/servers.yaml");
    }
    if (from->ca != NULL && (from->url == NULL || strncmp(from->url, "https:", 6) != 0)) {
        config_report_add(checker->report, CONFIG_ERROR, config_place(checker->settings, &from->ca),
                          "'ca' is for a 'url' with https");
        config_report_hint(checker->report, "say https in 'url', or remove 'ca'");
    }
}

/* The word is the backend's alone, for all its servers. */
static void check_not_client(const struct checker *checker, const char *const *name)
{
    if (*name != NULL && strcmp(*name, "client") == 0) {
        config_report_add(checker->report, CONFIG_ERROR, config_place(checker->settings, name),
                          "'server_name: client' of one server");
        config_report_hint(checker->report, "say it in 'tls' of the backend, for all of them");
    }
}

/* The server has TLS of its own. */
static void check_own_tls(const struct checker *checker, const struct backend_settings *backend,
                          size_t server)
{
    const struct server_settings *settings = &backend->servers[server];

    if (backend->tls == NULL) {
        config_report_add(checker->report, CONFIG_ERROR, settings->tls->place,
                          "'tls' of a server is in place of the backend's, which has none");
        config_report_hint(checker->report, "add 'tls: {}' to the backend, or move it there");
    }
    if (settings->server_name != NULL && settings->tls->server_name != NULL) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &settings->server_name),
                          "'server_name' is said twice: of the server, and in its 'tls'");
        config_report_hint(checker->report, "remove one of them");
    }
    check_not_client(checker, &settings->tls->server_name);
    check_backend_tls(checker, backend, settings->tls, server, 1);
}

static void check_servers(const struct checker *checker, const struct backend_settings *backend)
{
    const struct server_settings *servers = backend->servers;
    struct map seen;

    if (!check_is_given(checker, &backend->servers) && backend->server_count == 0 &&
        backend->servers_from == NULL) {
        config_report_add(checker->report, CONFIG_ERROR, backend->place,
                          "a backend has no 'servers'");
        config_report_hint(checker->report, "add for example %s",
                           section_find(&section_backend, SPAN_OF("servers"))->example);
    }

    if (backend->servers_from != NULL) {
        check_servers_from(checker, backend->servers_from);
    }
    map_init(&seen);
    for (size_t i = 0; i < backend->server_count; i++) {
        const struct address_setting *address = &servers[i].address;
        const struct address_setting *first;

        if (address->host == NULL) {
            continue;
        }
        if (servers[i].server_name != NULL && backend->tls == NULL) {
            config_report_add(checker->report, CONFIG_ERROR,
                              config_place(checker->settings, &servers[i].server_name),
                              "'server_name' is of TLS, and the backend has no 'tls'");
            config_report_hint(checker->report, "add 'tls: {}' to the backend");
        }
        check_not_client(checker, &servers[i].server_name);
        if (servers[i].tls != NULL) {
            check_own_tls(checker, backend, i);
        }
        first = map_add(&seen, span_from_cstr(address->text), (void *)address);
        if (first != NULL && first != address) {
            config_report_add(checker->report, CONFIG_WARNING, address->place,
                              "server %s is listed twice", quote_cstr(address->text).text);
            config_report_hint(checker->report, "to give it more requests, set its 'weight'");
        }
    }
    map_free(&seen);
}

/* Backends with names of their own, those written in place too. */
static void check_backend_names(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    struct map names;

    map_init(&names);
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];
        const struct backend_settings *first;

        if (backend->name == NULL || !check_is_given(checker, &backend->name)) {
            continue;
        }
        first = map_add(&names, span_from_cstr(backend->name), (void *)backend);
        if (first != NULL && first != backend) {
            config_report_add(checker->report, CONFIG_ERROR, config_place(settings, &backend->name),
                              "there are two backends named %s", quote_cstr(backend->name).text);
            config_report_hint(checker->report, "the first is on %s; rename one of them",
                               place_words(settings, config_place(settings, &first->name),
                                           config_place(settings, &backend->name))
                                   .text);
        }
    }
    map_free(&names);
}

static void mark_used(const struct settings *settings, const struct backend_settings *backend,
                      bool *used)
{
    if (backend != NULL) {
        used[backend - settings->backends] = true;
    }
}

static void mark_asked(const struct settings *settings, const struct auth_settings *auth,
                       bool *used)
{
    if (auth != NULL && auth->forward != NULL) {
        mark_used(settings, auth->forward->backend, used);
    }
    if (auth != NULL && auth->introspection != NULL) {
        mark_used(settings, auth->introspection->backend, used);
    }
}

/* Only when all references were understood: a mistyped one makes its backend look unused. */
static void check_unused_backends(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    bool *used = xcalloc(settings->backend_count, sizeof(*used));

    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        mark_used(settings, site->passthrough, used);
        mark_used(settings, site->tcp, used);
        for (size_t j = 0; j < site->by_alpn_count; j++) {
            mark_used(settings, site->by_alpn[j].backend, used);
        }
        mark_used(settings, site->backend, used);
        for (size_t j = 0; j < site->split_count; j++) {
            mark_used(settings, site->split[j].backend, used);
        }
        if (site->mirror != NULL) {
            mark_used(settings, site->mirror->backend, used);
        }
        mark_asked(settings, site->auth, used);
        for (size_t j = 0; j < site->route_count; j++) {
            const struct route_settings *route = &site->routes[j];
            mark_used(settings, route->backend, used);
            if (route->mirror != NULL) {
                mark_used(settings, route->mirror->backend, used);
            }
            for (size_t k = 0; k < route->split_count; k++) {
                mark_used(settings, route->split[k].backend, used);
            }
            mark_asked(settings, route->auth, used);
        }
    }
    for (size_t i = 0; i < settings->listener_count; i++) {
        mark_used(settings, settings->listeners[i].tcp, used);
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];

        if (!used[i] && backend->name != NULL) {
            config_report_add(checker->report, CONFIG_WARNING,
                              check_place(checker, &backend->name, backend->place),
                              "backend %s is not used", quote_cstr(backend->name).text);
            config_report_hint(checker->report, "refer to it with 'backend: %s', or remove it",
                               backend->name);
        }
    }
    free(used);
}

static void check_backends(const struct checker *checker)
{
    const struct settings *settings = checker->settings;

    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];

        if (backend->name == NULL && !check_is_given(checker, &backend->name)) {
            config_report_add(checker->report, CONFIG_ERROR, backend->place,
                              "a backend has no 'name'");
            config_report_hint(checker->report, "add for example name: api");
        }
        if (backend->tls != NULL) {
            check_backend_tls(checker, backend, backend->tls, 0, backend->server_count);
        }
        check_backend_protocol(checker, backend);
        check_fastcgi(checker, backend);
        check_balance(checker, backend);
        check_health(checker, backend);
        check_servers(checker, backend);
    }
    check_backend_names(checker);
}

/* Without sites each listener has to know where its connections go. */
static void check_has_sites(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    const struct listener_settings *first = NULL;

    if (settings->site_count != 0 || check_is_given(checker, &settings->sites) ||
        config_report_has_errors(checker->report)) {
        return;
    }
    for (size_t i = 0; i < settings->listener_count; i++) {
        if (settings->listeners[i].tcp == NULL &&
            !check_is_given(checker, &settings->listeners[i].tcp)) {
            first = first == NULL ? &settings->listeners[i] : first;
        }
    }
    if (first == NULL && settings->listener_count != 0) {
        return;
    }
    config_report_add(checker->report, CONFIG_ERROR,
                      (struct place){.line = 1, .column = 1, .file = 0}, "the file has no 'sites'");
    config_report_hint(checker->report, "add for example %s; or let each listener have 'tcp'",
                       section_find(&section_root, SPAN_OF("sites"))->example);
}

void check_settings(const struct settings *settings, struct config_report *report)
{
    const struct checker checker = {settings, report};

    check_has_sites(&checker);
    check_limits(&checker);
    check_memory(&checker);
    check_user(&checker);
    check_log(&checker);
    check_networks(&checker, &settings->trusted_proxies, "trusted_proxies");
    check_address_from(&checker);
    for (size_t i = 0; i < settings->listener_count; i++) {
        check_networks(&checker, &settings->listeners[i].proxy_protocol_from,
                       "proxy_protocol_from");
        check_listener_tcp(&checker, &settings->listeners[i]);
    }
    check_backends(&checker);
    check_policies(&checker);
    check_bans(&checker);
    for (size_t i = 0; i < settings->site_count; i++) {
        check_site(&checker, &settings->sites[i]);
    }
    bool is_fine = report->errors == 0;
    for (size_t i = 0; is_fine && i < settings->site_count; i++) {
        check_routes(&checker, &settings->sites[i]);
    }
    check_listeners_and_hosts(&checker);
    if (report->errors == 0) {
        check_loops(&checker);
    }
    if (report->errors == 0) {
        check_unused_backends(&checker);
    }
}
