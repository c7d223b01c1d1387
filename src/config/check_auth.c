/* What is wrong in what a site or a route says of who may send requests. */
#include "config/check_internal.h"

static void check_auth(const struct checker *checker, const struct auth_settings *auth,
                       bool is_of_site)
{
    bool has_method = auth->basic != NULL || auth->api_key != NULL;

    if (auth->mode == AUTH_MODE_OFF) {
        if (has_method || is_of_site) {
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

void check_site_auth(const struct checker *checker, const struct site_settings *site)
{
    if (site->auth != NULL) {
        check_auth(checker, site->auth, true);
        check_is_private(checker, site, site->auth);
    }
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];
        if (route->auth != NULL && route->auth != site->auth) {
            check_auth(checker, route->auth, false);
            check_is_private(checker, site, route->auth);
        }
        if (site->auth == NULL && route->auth != NULL && route->auth->mode == AUTH_MODE_OFF) {
            config_report_add(checker->report, CONFIG_WARNING, route->auth->place,
                              "'auth: off' where the site has no 'auth'");
            config_report_hint(checker->report, "remove it, or name the site's methods");
        }
    }
}
