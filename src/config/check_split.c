/* What is wrong in how a site or a route splits its requests among backends. */
#include "config/check_internal.h"
#include "config/places.h"
#include "settings/split_settings.h"

static void error_at(const struct checker *checker, struct place place, const char *what,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", what);
    config_report_hint(checker->report, "%s", hint);
}

/* What a site or a route says of it. */
struct said {
    const char *what;
    struct place place;
    struct backend_settings *const *backend;
    struct split_part_settings *const *split;
    size_t count;
    struct balance_hash_settings *const *by;
    struct balance_sticky_settings *const *sticky;
};

static bool is_there_before(const struct said *said, size_t part)
{
    for (size_t i = 0; i < part; i++) {
        if ((*said->split)[i].backend == (*said->split)[part].backend) {
            return true;
        }
    }
    return false;
}

static void check_parts(const struct checker *checker, const struct said *said)
{
    unsigned weights = 0;

    for (size_t i = 0; i < said->count; i++) {
        const struct split_part_settings *part = &(*said->split)[i];
        weights += part->weight != 0;
        if (part->backend == NULL) {
            return; /* which was complained of */
        }
        if (is_there_before(said, i)) {
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
        error_at(checker, check_place(checker, said->split, said->place),
                 "no part of 'split' has a weight, so none gets anything",
                 "give at least one of them a weight above 0");
    }
}

static void check_key(const struct checker *checker, const struct said *said)
{
    const struct balance_hash_settings *by = *said->by;

    check_hash(checker, by);
    if (check_is_given(checker, &by->bounded_load)) {
        error_at(checker, check_place(checker, &by->bounded_load, said->place),
                 "'bounded_load' is of a backend's 'balance'", "remove it here");
    }
}

static void check(const struct checker *checker, const struct said *said)
{
    const void *how = *said->by != NULL ? (const void *)said->by : said->sticky;

    if (said->count == 0) {
        if (*said->by != NULL || *said->sticky != NULL) {
            error_at(checker, check_place(checker, how, said->place),
                     "this says how requests are split, and there is no 'split'",
                     "name the backends that share them: split: [ { backend: app, weight: 95 }, "
                     "{ backend: canary, weight: 5 } ]");
        }
        return;
    }
    if (*said->backend != NULL && *said->backend != (*said->split)[0].backend) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, said->split, said->place),
                          "%s has both 'backend' and 'split'", said->what);
        config_report_hint(checker->report,
                           "name the backend as a part of 'split', with its weight");
    }
    check_parts(checker, said);
    if (*said->by != NULL) {
        check_key(checker, said);
    }
}

void check_site_split(const struct checker *checker, const struct site_settings *site)
{
    const struct said said = {.what = "a site",
                              .place = site->place,
                              .backend = &site->backend,
                              .split = &site->split,
                              .count = site->split_count,
                              .by = &site->split_by,
                              .sticky = &site->split_sticky};

    if (site->split_count != 0 && (site->respond != NULL || site->redirect != NULL)) {
        config_report_add(
            checker->report, CONFIG_ERROR, check_place(checker, &site->split, site->place),
            "a site has both '%s' and 'split'", site->respond != NULL ? "respond" : "redirect");
        config_report_hint(checker->report, "keep one; give each its own route with a 'match'");
    }
    check(checker, &said);
}

void check_split(const struct checker *checker, const struct site_settings *site,
                 const struct route_settings *route)
{
    const struct said said = {.what = "a route",
                              .place = route->place,
                              .backend = &route->backend,
                              .split = &route->split,
                              .count = route->split_count,
                              .by = &route->split_by,
                              .sticky = &route->split_sticky};

    if (route->split_count == 0 || route->split != site->split) {
        check(checker, &said);
    } else if (route->split_by != NULL && route->split_by != site->split_by) {
        check_key(checker, &said);
    }
}
