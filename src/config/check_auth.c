/* What is wrong in what a site or a route says of who may send requests. */
#include <string.h>

#include "base/url.h"
#include "config/check_internal.h"
#include "config/places.h"

static bool is_https(const char *text)
{
    struct url url;

    return url_parse(span_from_cstr(text), &url) && url.is_https;
}

static bool is_open_to_others(const char *text)
{
    struct url url;

    return text != NULL && url_parse(span_from_cstr(text), &url) && !url.is_https &&
           strcmp(url.host, "localhost") != 0 && strncmp(url.host, "127.", 4) != 0 &&
           strcmp(url.host, "::1") != 0;
}

static void check_issuer(const struct checker *checker, const struct jwt_settings *jwt,
                         const struct jwt_issuer_settings *issuer)
{
    if ((issuer->keys != NULL) == (issuer->keys_url != NULL)) {
        config_report_add(checker->report, CONFIG_ERROR, issuer->place,
                          issuer->keys != NULL ? "the issuer has both 'keys' and 'keys_url'"
                                               : "the issuer has neither 'keys' nor 'keys_url'");
        config_report_hint(checker->report,
                           "say where its public keys are, for example keys: issuer.jwks");
    }
    if (issuer->ca != NULL && (issuer->keys_url == NULL || !is_https(issuer->keys_url))) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &issuer->ca),
                          "'ca' is for a 'keys_url' with https");
        config_report_hint(checker->report, "say https in 'keys_url', or remove 'ca'");
    }
    if (is_open_to_others(issuer->keys_url)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &issuer->keys_url),
                          "whoever is on the way to 'keys_url' can give other keys, and sign "
                          "tokens with them");
        config_report_hint(checker->report, "say https");
    }
    for (const struct jwt_issuer_settings *other = jwt->issuers; other < issuer; other++) {
        if (strcmp(other->issuer, issuer->issuer) == 0) {
            config_report_add(checker->report, CONFIG_ERROR, issuer->place,
                              "'%s' is there twice, and tokens are taken by the first of them",
                              issuer->issuer);
            config_report_hint(checker->report,
                               "name all of its 'audience' and keys in one of them");
        }
    }
}

/* Who is asked about requests. */
static void check_asked(const struct checker *checker, const struct backend_settings *backend,
                        struct place place)
{
    if (backend != NULL && backend->protocol == BACKEND_FASTCGI) {
        config_report_add(checker->report, CONFIG_ERROR, place,
                          "the backend speaks FastCGI, and who is asked about requests HTTP");
        config_report_hint(checker->report, "name a backend of another protocol");
    }
}

static void check_provider(const struct checker *checker, const struct oidc_settings *oidc)
{
    const struct oidc_session_settings *session = &oidc->session;

    if (is_open_to_others(oidc->issuer)) {
        config_report_add(checker->report, CONFIG_WARNING,
                          config_place(checker->settings, &oidc->issuer),
                          "whoever is on the way to the issuer can sign in as anybody");
        config_report_hint(checker->report, "say https");
    }
    if (oidc->ca != NULL && !is_https(oidc->issuer)) {
        config_report_add(checker->report, CONFIG_ERROR, config_place(checker->settings, &oidc->ca),
                          "'ca' is for an 'issuer' with https");
        config_report_hint(checker->report, "say https in 'issuer', or remove 'ca'");
    }
    if (strcmp(oidc->callback, oidc->sign_out) == 0 ||
        strcmp(oidc->callback, oidc->back_channel) == 0 ||
        strcmp(oidc->sign_out, oidc->back_channel) == 0) {
        config_report_add(checker->report, CONFIG_ERROR, oidc->place,
                          "'callback', 'sign_out' and 'back_channel' are not three paths");
        config_report_hint(checker->report, "give each a path of its own");
    }
    if (session->idle_ms > session->total_ms) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &session->idle_ms),
                          "'idle' is longer than 'total', after which the session ends anyway");
        config_report_hint(checker->report, "let 'idle' be the shorter one");
    }
    if (session->bytes >= checker->settings->limits.head) {
        config_report_add(checker->report, CONFIG_ERROR,
                          config_place(checker->settings, &session->bytes),
                          "a session may be larger than requests ('limits.head')");
        config_report_hint(checker->report, "let 'size' be smaller, or 'head' of 'limits' larger");
    }
}

static void check_auth(const struct checker *checker, const struct auth_settings *auth,
                       bool is_outermost)
{
    bool has_method = auth->basic != NULL || auth->api_key != NULL || auth->jwt != NULL ||
                      auth->client_certificate != NULL || auth->introspection != NULL ||
                      auth->forward != NULL || auth->oidc != NULL;

    if (auth->mode == AUTH_MODE_OFF) {
        if (has_method || is_outermost) {
            config_report_add(checker->report, CONFIG_ERROR, auth->place,
                              has_method ? "'auth' names methods and is off"
                                         : "'auth: off' of a site, which has nothing to turn off");
            config_report_hint(checker->report,
                               "remove 'auth' where anybody may ask; 'auth: off' is "
                               "for a route whose site has an 'auth'");
        }
    } else if (!has_method) {
        config_report_add(checker->report, CONFIG_ERROR, auth->place,
                          "'auth' names no method, so nobody could say who it is");
        config_report_hint(checker->report, "for example auth: { basic: users.htpasswd }");
    }
    if (auth->forward != NULL) {
        check_asked(checker, auth->forward->backend, auth->forward->place);
    }
    if (auth->introspection != NULL) {
        check_asked(checker, auth->introspection->backend, auth->introspection->place);
    }
    if (auth->oidc != NULL) {
        check_provider(checker, auth->oidc);
    }
    for (size_t i = 0; auth->jwt != NULL && i < auth->jwt->issuer_count; i++) {
        check_issuer(checker, auth->jwt, &auth->jwt->issuers[i]);
    }
}

/* Passwords and keys over connections that anybody can read. */
static void check_is_private(const struct checker *checker, const struct site_settings *site,
                             const struct auth_settings *auth)
{
    if (auth->mode != AUTH_MODE_OFF && site->tls != NULL && site->plain_http == PLAIN_HTTP_SERVE) {
        config_report_add(checker->report, CONFIG_WARNING, auth->place,
                          "credentials of this site can be sent over plain HTTP, too");
        config_report_hint(checker->report,
                           "leave out 'plain_http: serve', so that http is sent to "
                           "https");
    }
}

static void check_certificate(const struct checker *checker, const struct site_settings *site,
                              const struct auth_settings *auth)
{
    if (auth->client_certificate != NULL && (site->tls == NULL || site->tls->clients == NULL ||
                                             site->tls->clients->verify == CLIENT_VERIFY_OFF)) {
        config_report_add(checker->report, CONFIG_ERROR, auth->client_certificate->place,
                          "clients are to show certificates, but the site does not ask for any");
        config_report_hint(checker->report, "add to the site's tls: clients: { verify: optional, "
                                            "ca: partners.pem }");
    }
}

/* Two providers of one site: what is whose is told by paths and cookies alone. */
static void check_providers(const struct checker *checker, const struct site_settings *site)
{
    for (size_t i = 0; i < site->route_count; i++) {
        const struct oidc_settings *one = site->routes[i].signs_in;
        for (size_t j = 0; one != NULL && j < i; j++) {
            const struct oidc_settings *other = site->routes[j].signs_in;
            if (other == NULL || other == one ||
                (strcmp(site->routes[i].match.path, site->routes[j].match.path) != 0 &&
                 strcmp(one->cookie, other->cookie) != 0)) {
                continue;
            }
            config_report_add(
                checker->report, CONFIG_ERROR, one->place,
                "another 'oidc' of the site has the same paths, or the same 'cookie', and differs");
            config_report_hint(checker->report,
                               "let both say the same, or give each 'callback', 'sign_out', "
                               "'back_channel' and 'cookie' of its own");
            return;
        }
    }
}

void check_site_auth(const struct checker *checker, const struct site_settings *site)
{
    if (site->auth != NULL) {
        check_auth(checker, site->auth,
                   checker->settings->defaults == NULL ||
                       checker->settings->defaults->auth == NULL);
        check_certificate(checker, site, site->auth);
        check_is_private(checker, site, site->auth);
    }
    check_providers(checker, site);
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        if (route->auth != NULL && route->auth != site->auth && route->signs_in == NULL) {
            check_auth(checker, route->auth, false);
            check_certificate(checker, site, route->auth);
            check_is_private(checker, site, route->auth);
        }
        if (site->auth == NULL && route->auth != NULL && route->auth->mode == AUTH_MODE_OFF) {
            config_report_add(checker->report, CONFIG_WARNING, route->auth->place,
                              "'auth: off' where the site has no 'auth'");
            config_report_hint(checker->report, "remove it, or name the site's methods");
        }
    }
}
