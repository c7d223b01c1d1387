/* What a snapshot's routes do with requests before they answer them. */
#include <stdlib.h>

#include "access/phase_access.h"
#include "access/phase_rate.h"
#include "auth/oidc.h"
#include "config/places.h"
#include "gateway/snapshot_internal.h"
#include "policy/phase_delay.h"

/* Besides rates. */
#define PHASES_MAX 3

/* The rules of a site or a route. A file that cannot be read is told of once, where it is named
 * first. */
static struct access_list build_list(struct snapshot *snapshot,
                                     const struct access_settings *settings, const char *name,
                                     struct config_report *report, bool *is_fine)
{
    struct error error = {""};
    struct access_sources sources = {.files = &snapshot->access_files,
                                     .countries = snapshot->settings->countries,
                                     .error = &error};
    struct access_list list = access_list_build(settings, name, &sources, &snapshot->arena);

    *is_fine = !sources.has_failed;
    if (error.text[0] != '\0') {
        config_report_add(report, CONFIG_ERROR, config_place(snapshot->settings, &settings->rules),
                          "%s", error.text);
    }
    return list;
}

/* NULL: whoever asks may pass. */
static struct access_phase *build_access(struct snapshot *snapshot, const struct site *site,
                                         const struct route_settings *settings,
                                         struct config_report *report, bool *is_fine)
{
    bool has_site = site->settings->access.is_given && settings->site_access;
    struct access_phase *access;

    *is_fine = true;
    if (!has_site && !settings->access.is_given) {
        return NULL;
    }
    access = arena_calloc(&snapshot->arena, sizeof(*access));
    if (has_site) {
        access->plan.lists[access->plan.count++] = site->access;
    }
    if (settings->access.is_given) {
        access->plan.lists[access->plan.count++] =
            build_list(snapshot, &settings->access, settings->name, report, is_fine);
    }
    return access;
}

/* ---- rates ---- */

static void keep_rate(struct snapshot *snapshot, struct rate_limit *limit)
{
    if (snapshot->rate_count == snapshot->rate_capacity) {
        snapshot->rate_capacity = 2 * snapshot->rate_capacity + 4;
        snapshot->rates =
            xrealloc(snapshot->rates, snapshot->rate_capacity * sizeof(*snapshot->rates));
    }
    snapshot->rates[snapshot->rate_count++] = limit;
}

/* Those of a site or a route; in the arena. */
static const struct rate_limit **build_rates(struct snapshot *snapshot,
                                             const struct rate_settings *settings, size_t count,
                                             struct config_report *report, bool *is_fine)
{
    const struct rate_limit **limits =
        arena_calloc(&snapshot->arena, (count + 1) * sizeof(*limits));

    for (size_t i = 0; i < count; i++) {
        struct error error = {""};
        struct access_sources sources = {&snapshot->access_files, snapshot->settings->countries,
                                         &error, false};
        struct rate_limit *limit = rate_limit_build(&settings[i], &sources, &snapshot->arena);
        keep_rate(snapshot, limit);
        limits[i] = limit;
        *is_fine &= !sources.has_failed;
        if (error.text[0] != '\0') {
            config_report_add(report, CONFIG_ERROR, settings[i].place, "%s", error.text);
        }
    }
    return limits;
}

void snapshot_build_bans(struct snapshot *snapshot)
{
    ban_rules_build(&snapshot->bans, snapshot->settings->bans, snapshot->settings->ban_count,
                    &snapshot->arena);
}

void snapshot_close_rates(struct snapshot *snapshot)
{
    ban_rules_close(&snapshot->bans);
    for (size_t i = 0; i < snapshot->rate_count; i++) {
        rate_limit_close(snapshot->rates[i]);
    }
    free(snapshot->rates);
}

bool snapshot_build_access(struct snapshot *snapshot, struct site *site,
                           struct config_report *report)
{
    const struct site_settings *settings = site->settings;
    bool has_rates = true;
    bool is_fine = true;

    site->rates = build_rates(snapshot, settings->rates, settings->rate_count, report, &has_rates);
    if (settings->access.is_given) {
        site->access = build_list(snapshot, &settings->access, settings->name, report, &is_fine);
    }
    return is_fine && has_rates;
}

bool snapshot_build_listener_access(struct snapshot *snapshot, struct listener *listener,
                                    struct config_report *report)
{
    const struct listener_settings *settings = listener->settings;
    bool is_fine = true;

    if (settings->access.is_given) {
        listener->access =
            build_list(snapshot, &settings->access, settings->name, report, &is_fine);
    }
    return is_fine;
}

/* ---- a route's phases ---- */

struct phase_maker {
    struct phase *items;
    size_t count;
};

static void add(struct phase_maker *m, const struct phase_type *type, const void *settings)
{
    m->items[m->count++] = (struct phase){type, settings};
}

/* Those that need to know who sends the request, or those that do not. */
static void add_rates(struct phase_maker *m, const struct rate_limit *const *limits, size_t count,
                      bool asks_identity)
{
    for (size_t i = 0; i < count; i++) {
        if (limits[i]->asks_identity == asks_identity && limits[i]->table != NULL) {
            add(m, &rate_phase, limits[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (limits[i]->asks_identity == asks_identity && limits[i]->holds != NULL) {
            add(m, &at_once_phase, limits[i]);
        }
    }
}

/* What costs least comes first, and nobody's password is checked for who asks too often. */
static struct phase_list list_phases(struct snapshot *snapshot, const struct site *site,
                                     const struct rate_limit **own,
                                     const struct route_settings *settings,
                                     const struct auth_plan *auth, struct access_phase *access)
{
    size_t most = PHASES_MAX + 2 * (site->settings->rate_count + settings->rate_count);
    struct phase_maker m = {arena_calloc(&snapshot->arena, most * sizeof(*m.items)), 0};

    add_rates(&m, site->rates, site->settings->rate_count, false);
    add_rates(&m, own, settings->rate_count, false);
    if (settings->delay_ms != 0) {
        add(&m, &phase_delay, &settings->delay_ms);
    }
    if (settings->signs_in != NULL) {
        add(&m, &oidc_phase, auth); /* which answers, whatever comes */
        return (struct phase_list){m.items, m.count};
    }
    if (auth != NULL) {
        add(&m, &auth_phase, auth);
    }
    if (access != NULL) {
        access->auth = auth;
        add(&m, &access_phase, access);
    }
    add_rates(&m, site->rates, site->settings->rate_count, true);
    add_rates(&m, own, settings->rate_count, true);
    return (struct phase_list){m.items, m.count};
}

static const struct backend *find_backend(const void *arg, const struct backend_settings *settings)
{
    const struct snapshot *snapshot = arg;

    return snapshot->backends[settings - snapshot->settings->backends];
}

bool snapshot_build_phases(struct snapshot *snapshot, const struct site *site, struct route *route,
                           struct config_report *report)
{
    const struct route_settings *settings = route->settings;
    const struct rate_limit **own;
    const struct auth_place place = {&snapshot->arena, find_backend, snapshot};
    const struct auth_plan *auth;
    struct access_phase *access;
    struct error error;
    bool is_fine;

    access = build_access(snapshot, site, settings, report, &is_fine);
    own = build_rates(snapshot, settings->rates, settings->rate_count, report, &is_fine);
    if (!auth_plans_add(&snapshot->auth, settings->auth, &place, &auth, &error)) {
        config_report_add(report, CONFIG_ERROR, settings->auth->place, "%s", error.text);
        is_fine = false;
    }
    route->access = access;
    route->phases = list_phases(snapshot, site, own, settings, auth, access);
    return is_fine;
}
