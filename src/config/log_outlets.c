#include "config/log_outlets.h"

#include <string.h>

#include "config/places.h"

static bool is_given(const struct settings *settings, const void *member)
{
    return config_place(settings, member).line != 0;
}

/* ---- what a log comes to ---- */

struct form {
    enum log_format format;
    const char *template;
};

static struct form form_of(enum log_format format, const char *template)
{
    return (struct form){format, format == LOG_FORMAT_TEMPLATE ? template : NULL};
}

/* `file` is what `access` names, be it a file or not. */
static void set_name(struct log_outlet_settings *outlet, const char *to, const char *access)
{
    struct log_place place;
    struct error error;

    outlet->name = to != NULL ? to : "";
    if (!log_place_parse(span_from_cstr(outlet->name), &place, &error)) {
        return; /* an error, which was told of */
    }
    if (place.kind == LOG_PLACE_FILE) {
        outlet->name = to[4] == ':' ? to + 5 : access != NULL ? access : "-";
        outlet->is_file = strcmp(outlet->name, "-") != 0;
    } else if (place.kind == LOG_PLACE_STDOUT) {
        outlet->name = "-";
    }
}

static struct log_outlet_settings *add(struct log_rules_settings *log, const char *to,
                                       struct form form, struct place place)
{
    struct log_outlet_settings *outlet = &log->outlets[log->outlet_count++];

    *outlet = (struct log_outlet_settings){
        .format = form.format, .template = form.template, .place = place};
    set_name(outlet, to, log->access);
    return outlet;
}

static void add_own(const struct settings *settings, struct log_rules_settings *log,
                    struct form usual)
{
    if (log->access != NULL && strcmp(log->access, "off") == 0) {
        return;
    }
    if (log->to_count == 0) {
        (void)add(log, "file", usual, config_place(settings, &log->access));
    }
    for (size_t i = 0; i < log->to_count; i++) {
        const struct log_place_settings *one = &log->to[i];
        bool has_form = is_given(settings, &one->format);

        struct log_outlet_settings *outlet =
            add(log, one->to, has_form ? form_of(one->format, one->template) : usual, one->place);
        outlet->ca = one->ca;
        outlet->server_name = one->server_name;
        outlet->certificate = one->certificate;
        outlet->key = one->key;
    }
}

static const struct log_rules_settings nothing = {.outlet_count = 0};

/* Where a site says a form and no place, lines go to the places above in that form. Above the
 * file's own is `nothing`. */
static void finish(struct settings *settings, struct log_rules_settings *log,
                   const struct log_rules_settings *above)
{
    bool is_first = above == &nothing;
    bool has_form = is_first || is_given(settings, &log->format);
    bool has_places = is_first || log->access != NULL || log->to_count != 0;
    size_t kept = !has_places || log->keep_above ? above->outlet_count : 0;

    if (!has_form) {
        log->format = above->format;
        log->template = above->template;
    }
    const struct form usual = form_of(log->format, log->template);
    log->outlets =
        arena_calloc(&settings->arena, (kept + log->to_count + 1) * sizeof(*log->outlets));
    log->outlet_count = 0;
    for (size_t i = 0; i < kept; i++) {
        log->outlets[log->outlet_count++] = above->outlets[i];
        if (!has_places && has_form) {
            log->outlets[i].format = usual.format;
            log->outlets[i].template = usual.template;
        }
    }
    if (has_places) {
        add_own(settings, log, usual);
    }
}

void log_outlets_finish(struct settings *settings)
{
    finish(settings, &settings->log.rules, &nothing);
    for (size_t i = 0; i < settings->site_count; i++) {
        struct site_settings *site = &settings->sites[i];
        const struct log_rules_settings *above = &settings->log.rules;

        if (site->log != NULL) {
            finish(settings, site->log, above);
            above = site->log;
        }
        for (size_t k = 0; k < site->route_count; k++) {
            if (site->routes[k].log != NULL && site->routes[k].log != site->log) {
                finish(settings, site->routes[k].log, above);
            }
        }
    }
}

/* ---- the places of a configuration ---- */

bool log_outlet_same_place(const struct log_outlet_settings *one,
                           const struct log_outlet_settings *other)
{
    return one->is_file == other->is_file && strcmp(one->name, other->name) == 0;
}

size_t log_names_find(const struct log_names *names, const struct log_outlet_settings *outlet)
{
    size_t i = 0;

    while (i < names->count && !log_outlet_same_place(names->items[i], outlet)) {
        i++;
    }
    return i;
}

static void add_names(struct log_names *names, const struct log_rules_settings *log)
{
    for (size_t i = 0; log != NULL && i < log->outlet_count; i++) {
        const struct log_outlet_settings *outlet = &log->outlets[i];

        if (log_names_find(names, outlet) != names->count) {
            continue;
        }
        if (names->count < LOG_PLACES_MAX) {
            names->items[names->count++] = outlet;
        } else if (names->left_out == NULL) {
            names->left_out = outlet;
        }
    }
}

void log_outlets_names(const struct settings *settings, struct log_names *names)
{
    names->count = 0;
    names->left_out = NULL;
    add_names(names, &settings->log.rules);
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        add_names(names, site->log);
        for (size_t k = 0; k < site->route_count; k++) {
            add_names(names, site->routes[k].log);
        }
    }
}

void log_outlet_place(const struct log_outlet_settings *outlet, struct log_place *place)
{
    struct error error;

    *place = (struct log_place){.kind = LOG_PLACE_FILE};
    if (outlet->is_file) {
        return;
    }
    place->kind = LOG_PLACE_STDOUT;
    if (strcmp(outlet->name, "-") != 0) {
        CHECK(log_place_parse(span_from_cstr(outlet->name), place, &error));
    }
}

bool log_outlet_has_fd(const struct log_outlet_settings *outlet)
{
    return outlet->is_file || strcmp(outlet->name, "-") == 0;
}
