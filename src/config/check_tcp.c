/* Bytes that are relayed and are not HTTP: `tcp` of sites and of listeners. */
#include "config/check_internal.h"
#include "config/places.h"

static void error_at(const struct checker *checker, struct place place, const char *text,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(checker->report, "%s", hint);
}

/* What is said of requests, of which there are none. */
static void check_others(const struct checker *checker, const struct site_settings *site)
{
    const struct {
        const void *member;
        const char *name;
    } others[] = {{&site->passthrough, "passthrough"},
                  {&site->routes, "routes"},
                  {&site->backend, "backend"},
                  {&site->split, "split"},
                  {&site->mirror, "mirror"},
                  {&site->respond, "respond"},
                  {&site->files, "files"},
                  {&site->redirect, "redirect"},
                  {&site->request_fields, "request_fields"},
                  {&site->response_fields, "response_fields"},
                  {&site->security_fields, "security_fields"},
                  {&site->paths, "paths"},
                  {&site->rates, "rates"},
                  {&site->retries, "retries"}};

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (check_is_given(checker, others[i].member)) {
            config_report_add(checker->report, CONFIG_ERROR,
                              config_place(checker->settings, others[i].member),
                              "a site with 'tcp' cannot have '%s' too", others[i].name);
            config_report_hint(checker->report,
                               "its bytes are relayed as they are: give what is HTTP a site of its "
                               "own");
        }
    }
}

/* Its servers are spoken to in whatever protocol the client speaks. */
static void check_backend(const struct checker *checker, const struct backend_settings *backend,
                          struct place place)
{
    if (backend->protocol != BACKEND_H1) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "'tcp' to a backend with 'protocol'");
        config_report_hint(checker->report,
                           "the protocol is the client's: remove 'protocol' of "
                           "backend '%s'",
                           backend->name);
    }
}

/* What is relayed has no request that could name the server. */
static void check_names_itself(const struct checker *checker,
                               const struct backend_settings *backend)
{
    if (backend->tls != NULL && backend->tls->name_from_client) {
        error_at(checker, check_place(checker, &backend->tls->server_name, backend->tls->place),
                 "'server_name: client' of a backend for 'tcp'",
                 "only requests of HTTP name a host: write the servers' name");
    }
}

void check_site_tcp(const struct checker *checker, const struct site_settings *site)
{
    struct place place = check_place(checker, &site->tcp, site->place);

    if (!check_is_given(checker, &site->tcp)) {
        if (check_is_given(checker, &site->alpn) || check_is_given(checker, &site->alpn_required)) {
            error_at(checker,
                     config_place(checker->settings, check_is_given(checker, &site->alpn)
                                                         ? (const void *)&site->alpn
                                                         : (const void *)&site->alpn_required),
                     "'alpn' in a site without 'tcp'",
                     "which versions of HTTP a site offers is said by tls: { protocols: h2+h1 }");
        }
        return;
    }
    check_others(checker, site);
    if (!check_is_given(checker, &site->tls)) {
        error_at(checker, place, "a site with 'tcp' has no 'tls'",
                 "add its certificate: tls: { certificate: a.crt, key: a.key }; what comes without "
                 "TLS names no site, and is relayed by a listener's 'tcp'");
    }
    if (check_is_given(checker, &site->alpn_required) && site->alpn_required &&
        site->alpn.count == 0) {
        error_at(checker, config_place(checker->settings, &site->alpn_required),
                 "'alpn_required' without 'alpn'", "say which protocols: alpn: [mqtt]");
    }
    if (site->tls != NULL && check_is_given(checker, &site->tls->protocols)) {
        error_at(checker, config_place(checker->settings, &site->tls->protocols),
                 "'protocols' of 'tls' in a site with 'tcp'",
                 "they are HTTP's; what is spoken here is said by 'alpn' of the site");
    }
    if (site->tls != NULL && site->tls->early_data) {
        error_at(checker, check_place(checker, &site->tls->early_data, place),
                 "'early_data' in a site with 'tcp'",
                 "who repeats a recording of it is served twice, and nothing here can tell what is "
                 "harmless: remove it");
    }
    if (check_is_given(checker, &site->plain_http) && site->plain_http != PLAIN_HTTP_REFUSE) {
        error_at(checker, config_place(checker->settings, &site->plain_http),
                 "'plain_http' in a site with 'tcp'",
                 "there is nothing of HTTP to serve or to redirect to: remove it");
    }
    if (site->tcp != NULL) {
        check_names_itself(checker, site->tcp);
        check_backend(checker, site->tcp, place);
        check_balance_of_passthrough(checker, site, site->tcp, place);
    }
}

void check_listener_tcp(const struct checker *checker, const struct listener_settings *listener)
{
    struct place place = check_place(checker, &listener->tcp, listener->place);

    check_listener_access(checker, listener);
    if (listener->tcp == NULL) {
        return;
    }
    if (check_is_given(checker, &listener->sites)) {
        error_at(checker, config_place(checker->settings, &listener->sites),
                 "a listener with 'tcp' cannot have 'sites' too",
                 "all its connections go to the backend; give the sites another listener");
    }
    if (!check_is_given(checker, &listener->bind)) {
        error_at(checker, place, "a listener with 'tcp' has no 'bind'",
                 "say where it listens, for example bind: \":5432\"");
    }
    check_names_itself(checker, listener->tcp);
    check_backend(checker, listener->tcp, place);
    check_balance_of_tcp(checker, listener->tcp, place);
}
