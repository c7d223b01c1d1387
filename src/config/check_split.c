/* What is wrong in how a route splits its requests among backends. */
#include "config/check_internal.h"
#include "config/places.h"
#include "settings/split_settings.h"

static void error_at(const struct checker *checker, struct place place, const char *what,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", what);
    config_report_hint(checker->report, "%s", hint);
}

static bool is_there_before(const struct route_settings *route, size_t part)
{
    for (size_t i = 0; i < part; i++) {
        if (route->split[i].backend == route->split[part].backend) {
            return true;
        }
    }
    return false;
}

static void check_parts(const struct checker *checker, const struct route_settings *route)
{
    unsigned weights = 0;

    for (size_t i = 0; i < route->split_count; i++) {
        const struct split_part_settings *part = &route->split[i];
        weights += part->weight != 0;
        if (part->backend == NULL) {
            return; /* which was complained of */
        }
        if (is_there_before(route, i)) {
            config_report_add(checker->report, CONFIG_ERROR, part->place,
                              "'split' has the backend '%s' twice", part->backend->name);
            config_report_hint(checker->report, "give it one part, with the sum of the weights");
        }
        if (part->backend->protocol == BACKEND_FASTCGI) {
            error_at(checker, part->place, "'split' is of backends that speak HTTP, not FastCGI",
                     "split the requests among gateways or servers in front of the scripts");
        }
    }
    if (weights == 0) {
        error_at(checker, check_place(checker, &route->split, route->place),
                 "no part of 'split' has a weight, so none gets anything",
                 "give at least one of them a weight above 0");
    }
}

void check_split(const struct checker *checker, const struct route_settings *route)
{
    const void *by =
        route->split_by != NULL ? (const void *)&route->split_by : &route->split_sticky;

    if (route->split_count == 0) {
        if (route->split_by != NULL || route->split_sticky != NULL) {
            error_at(checker, check_place(checker, by, route->place),
                     "this says how requests are split, and there is no 'split'",
                     "name the backends that share them: split: [ { backend: app, weight: 95 }, "
                     "{ backend: canary, weight: 5 } ]");
        }
        return;
    }
    if (route->backend != route->split[0].backend) {
        error_at(checker, check_place(checker, &route->split, route->place),
                 "a route has both 'backend' and 'split'",
                 "name the backend as a part of 'split', with its weight");
    }
    check_parts(checker, route);
    if (route->split_by != NULL) {
        check_hash(checker, route->split_by);
        if (check_is_given(checker, &route->split_by->bounded_load)) {
            error_at(checker, check_place(checker, &route->split_by->bounded_load, route->place),
                     "'bounded_load' is of a backend's 'balance'", "remove it here");
        }
    }
}
