/* What a snapshot's routes do with requests before they answer them. */
#include "access/phase_access.h"
#include "config/places.h"
#include "gateway/snapshot_internal.h"
#include "policy/phase_delay.h"

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

bool snapshot_build_access(struct snapshot *snapshot, struct site *site,
                           struct config_report *report)
{
    const struct site_settings *settings = site->settings;
    bool is_fine = true;

    if (settings->access.is_given) {
        site->access = build_list(snapshot, &settings->access, settings->name, report, &is_fine);
    }
    return is_fine;
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

bool snapshot_build_phases(struct snapshot *snapshot, const struct site *site, struct route *route,
                           struct config_report *report)
{
    const struct route_settings *settings = route->settings;
    struct phase *phases = arena_calloc(&snapshot->arena, PHASES_MAX * sizeof(*phases));
    const struct auth_plan *auth;
    struct access_phase *access;
    struct error error;
    size_t count = 0;
    bool is_fine;

    access = build_access(snapshot, site, settings, report, &is_fine);
    if (!auth_plans_add(&snapshot->auth, settings->auth, &snapshot->arena, &auth, &error)) {
        config_report_add(report, CONFIG_ERROR, settings->auth->place, "%s", error.text);
        is_fine = false;
    }
    /* In the order in which they are to run. */
    if (settings->delay_ms != 0) {
        phases[count++] = (struct phase){&phase_delay, &settings->delay_ms};
    }
    if (auth != NULL) {
        phases[count++] = (struct phase){&auth_phase, auth};
    }
    if (access != NULL) {
        access->auth = auth;
        phases[count++] = (struct phase){&access_phase, access};
    }
    route->access = access;
    route->phases = (struct phase_list){phases, count};
    return is_fine;
}
