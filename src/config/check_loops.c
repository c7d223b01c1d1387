/* Backends whose servers are this gateway itself. */
#include <string.h>
#include <strings.h>

#include "config/address.h"
#include "config/check_internal.h"
#include "config/complaint.h"
#include "settings/mirror_settings.h"
#include "settings/split_settings.h"

static bool is_loopback(const struct address_setting *address)
{
    return (address->kind == ADDRESS_IPV4 && strncmp(address->host, "127.", 4) == 0) ||
           (address->kind == ADDRESS_IPV6 && strcmp(address->host, "::1") == 0) ||
           (address->kind == ADDRESS_NAME && strcmp(address->host, "localhost") == 0);
}

static bool is_every_address(const struct address_setting *bind)
{
    return bind->kind == ADDRESS_ANY || strcmp(bind->host, "0.0.0.0") == 0 ||
           strcmp(bind->host, "::") == 0;
}

/* Of a socket that is bound to every address only the loopback one is known to be this machine's.
 */
static bool leads_to(const struct address_setting *server, const struct address_setting *bind)
{
    if (bind->kind == ADDRESS_UNIX || !is_every_address(bind)) {
        return address_overlaps(server, bind);
    }
    return server->port == bind->port && is_loopback(server);
}

static bool serves(const struct listener_settings *listener, const struct site_settings *site)
{
    for (size_t i = 0; i < listener->sites.count; i++) {
        if (strcasecmp(listener->sites.items[i], site->name) == 0) {
            return true;
        }
    }
    return listener->sites.count == 0 && listener->tcp == NULL;
}

static bool comes_back(const struct settings *settings, const struct site_settings *site,
                       const struct address_setting *server)
{
    for (size_t i = 0; i < settings->listener_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];
        for (size_t j = 0; serves(listener, site) && j < listener->bind.count; j++) {
            if (leads_to(server, &listener->bind.items[j])) {
                return true;
            }
        }
    }
    return false;
}

static void check_backend(const struct checker *checker, const struct site_settings *site,
                          const struct backend_settings *backend, const char *hint)
{
    for (size_t i = 0; backend != NULL && i < backend->server_count; i++) {
        const struct address_setting *server = &backend->servers[i].address;
        if (server->text == NULL || !comes_back(checker->settings, site, server)) {
            continue;
        }
        config_report_add(checker->report, CONFIG_WARNING, server->place,
                          "%s is a listener of this gateway, which serves the same site",
                          quote_cstr(server->text).text);
        config_report_hint(checker->report, "%s", hint);
    }
}

/* Of listeners that relay all that comes to them. */
static void check_listener_loops(const struct checker *checker,
                                 const struct listener_settings *listener, const char *hint)
{
    const struct backend_settings *backend = listener->tcp;

    for (size_t i = 0; backend != NULL && i < backend->server_count; i++) {
        const struct address_setting *server = &backend->servers[i].address;
        for (size_t j = 0; server->text != NULL && j < listener->bind.count; j++) {
            if (leads_to(server, &listener->bind.items[j])) {
                config_report_add(checker->report, CONFIG_WARNING, server->place,
                                  "%s is the listener that relays to it",
                                  quote_cstr(server->text).text);
                config_report_hint(checker->report, "%s", hint);
                break;
            }
        }
    }
}

void check_loops(const struct checker *checker)
{
    static const char connections[] =
        "connections would come back for ever: give the server's own address";
    static const char requests[] =
        "requests would come back, and be answered with 508: give the server's own address";

    for (size_t i = 0; i < checker->settings->listener_count; i++) {
        check_listener_loops(checker, &checker->settings->listeners[i], connections);
    }
    for (size_t i = 0; i < checker->settings->site_count; i++) {
        const struct site_settings *site = &checker->settings->sites[i];

        check_backend(checker, site, site->passthrough, connections);
        check_backend(checker, site, site->tcp, connections);
        for (size_t j = 0; j < site->by_alpn_count; j++) {
            check_backend(checker, site, site->by_alpn[j].backend, connections);
        }
        check_backend(checker, site, site->backend, requests);
        for (size_t j = 0; j < site->route_count; j++) {
            const struct route_settings *route = &site->routes[j];
            if (route->backend != site->backend) {
                check_backend(checker, site, route->backend, requests);
            }
            for (size_t k = 1; k < route->split_count; k++) { /* the first is `backend` */
                check_backend(checker, site, route->split[k].backend, requests);
            }
            if (route->mirror != NULL) {
                check_backend(checker, site, route->mirror->backend, requests);
            }
        }
    }
}
