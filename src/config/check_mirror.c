/* What is wrong in where the requests of a site or a route are copied to. */
#include "config/check_internal.h"
#include "config/places.h"
#include "settings/mirror_settings.h"

static void error_at(const struct checker *checker, struct place place, const char *what,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", what);
    config_report_hint(checker->report, "%s", hint);
}

static void complain_of_scripts(const struct checker *checker, const struct mirror_settings *mirror)
{
    error_at(checker, mirror->place, "'mirror' is of backends that speak HTTP, not FastCGI",
             "mirror the requests of a gateway in front of the scripts, to another one");
}

void check_site_mirror(const struct checker *checker, const struct site_settings *site)
{
    bool is_used = false;

    if (site->mirror == NULL) {
        return;
    }
    for (size_t i = 0; i < site->route_count; i++) {
        is_used |= site->routes[i].mirror == site->mirror;
    }
    if (site->mirror->backend != NULL && site->mirror->backend->protocol == BACKEND_FASTCGI) {
        complain_of_scripts(checker, site->mirror);
    } else if (!is_used) {
        error_at(checker, site->mirror->place, "'mirror' in a site of which no route has it",
                 "what is answered here, and what scripts answer, is not copied: remove it");
    }
}

void check_mirror(const struct checker *checker, const struct site_settings *site,
                  const struct route_settings *route)
{
    const struct mirror_settings *mirror = route->mirror;

    if (mirror == NULL || mirror == site->mirror) {
        return;
    }
    if (route->backend == NULL && !check_is_given(checker, &route->backend) &&
        route->split_count == 0) {
        error_at(
            checker, mirror->place, "'mirror' in a route without 'backend'",
            "what is answered here is not copied: remove it, or name the backend of the route");
        return;
    }
    if ((mirror->backend != NULL && mirror->backend->protocol == BACKEND_FASTCGI) ||
        (route->backend != NULL && route->backend->protocol == BACKEND_FASTCGI)) {
        complain_of_scripts(checker, mirror);
    }
}
