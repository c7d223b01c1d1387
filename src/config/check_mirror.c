/* What is wrong in where a route's requests are copied to. */
#include "config/check_internal.h"
#include "config/places.h"
#include "settings/mirror_settings.h"

static void error_at(const struct checker *checker, struct place place, const char *what,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", what);
    config_report_hint(checker->report, "%s", hint);
}

void check_mirror(const struct checker *checker, const struct route_settings *route)
{
    const struct mirror_settings *mirror = route->mirror;

    if (mirror == NULL) {
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
        error_at(checker, mirror->place, "'mirror' is of backends that speak HTTP, not FastCGI",
                 "mirror the requests of a gateway in front of the scripts, to another one");
    }
}
