/* What is wrong between the directives of a log. */
#include <string.h>

#include "config/check_internal.h"
#include "config/log_outlets.h"
#include "config/places.h"

static void complain_about(const struct checker *checker, const void *member, const char *text,
                           const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, config_place(checker->settings, member), "%s",
                      text);
    config_report_hint(checker->report, "%s", hint);
}

static bool is_word(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

static bool names_file(const struct log_rules_settings *log)
{
    for (size_t i = 0; i < log->to_count; i++) {
        if (is_word(log->to[i].to, "file")) {
            return true;
        }
    }
    return false;
}

/* A log's own stand behind those of above that it keeps. */
static void check_twice(const struct checker *checker, const struct log_rules_settings *log)
{
    for (size_t i = 1; i < log->outlet_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!log_outlet_same_place(&log->outlets[i], &log->outlets[k])) {
                continue;
            }
            config_report_add(checker->report, CONFIG_ERROR, log->outlets[i].place,
                              "this log is written to the same place twice");
            config_report_hint(checker->report, "each line would be there twice: remove one");
            return;
        }
    }
}

static void check_form(const struct checker *checker, enum log_format format,
                       const void *format_member, const char *const *template)
{
    bool is_template = format == LOG_FORMAT_TEMPLATE;

    if (is_template && check_is_given(checker, format_member) &&
        !check_is_given(checker, template)) {
        complain_about(checker, format_member, "'format: template' without a template",
                       "add for example template: '{client.address} \"{method} {target}\" "
                       "{log.status}'");
    }
    if (!(is_template && check_is_given(checker, format_member)) &&
        check_is_given(checker, template)) {
        complain_about(checker, template, "a template that is not used",
                       "add 'format: template', or remove it");
    }
}

/* What is of TLS stands where there is TLS. */
static void check_tls(const struct checker *checker, const struct log_place_settings *one)
{
    const char *const *const of_tls[] = {&one->ca, &one->server_name, &one->certificate, &one->key};
    struct log_place place;
    struct error error;

    (void)check_pair(checker, &one->certificate, &one->key, one->place);
    if (one->to == NULL || !log_place_parse(span_from_cstr(one->to), &place, &error) ||
        place.transport == LOG_TLS) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(of_tls); i++) {
        if (*of_tls[i] != NULL) {
            complain_about(checker, of_tls[i], "this is of a collector that is spoken to by TLS",
                           "write syslog+tls:ADDRESS:PORT, or remove it");
            return;
        }
    }
}

static void check_places(const struct checker *checker, const struct log_rules_settings *log)
{
    if (is_word(log->access, "off")) {
        complain_about(checker, &log->to, "'to' without an access log",
                       "remove 'access: off': 'to' alone says where it is written");
        return;
    }
    if (check_is_given(checker, &log->access) && !is_word(log->access, "-") && !names_file(log)) {
        complain_about(checker, &log->to, "'access' names a file that 'to' leaves out",
                       "add 'file' to 'to', or remove 'access'");
    }
    for (size_t i = 0; i < log->to_count; i++) {
        check_form(checker, log->to[i].format, &log->to[i].format, &log->to[i].template);
        check_tls(checker, &log->to[i]);
    }
}

static void check_excludes(const struct checker *checker, const struct log_rules_settings *rules)
{
    for (size_t i = 0; i < rules->exclude_count; i++) {
        const struct log_exclude_settings *one = &rules->exclude[i];

        if (one->paths.count + one->methods.count + one->statuses.count + one->clients.count == 0) {
            config_report_add(checker->report, CONFIG_ERROR, one->place,
                              "an exclusion from the log of everything");
            config_report_hint(checker->report,
                               "say 'paths', 'methods', 'statuses' or 'clients'; "
                               "'access_log: false' is for all of a site or route");
        }
    }
}

/* is_below: it is a site's or a route's. */
static void check_one(const struct checker *checker, const struct log_rules_settings *log,
                      bool is_below)
{
    if (log == NULL) {
        return;
    }
    if (log->to_count != 0) {
        check_places(checker, log);
    }
    if (is_below && log->to_count != 0 && names_file(log) && log->access == NULL) {
        complain_about(checker, &log->to, "'to' has a 'file' that this log does not name",
                       "name it with 'access', or write file:/a/file in 'to'");
    } else {
        check_twice(checker, log);
    }
    if (is_below && log->keep_above && log->access == NULL && log->to_count == 0) {
        complain_about(checker, &log->keep_above, "'keep_above' in a log without places",
                       "its lines go to the places above: remove it, or say 'access' or 'to'");
    }
    check_form(checker, log->format, &log->format, &log->template);
    check_excludes(checker, log);
}

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_tls(const struct log_outlet_settings *one, const struct log_outlet_settings *other)
{
    return same_text(one->ca, other->ca) && same_text(one->server_name, other->server_name) &&
           same_text(one->certificate, other->certificate) && same_text(one->key, other->key);
}

/* It is one connection, by the words of one. */
static void check_collectors(const struct checker *checker, const struct log_names *names,
                             const struct log_rules_settings *log)
{
    for (size_t i = 0; log != NULL && i < log->outlet_count; i++) {
        const struct log_outlet_settings *one = &log->outlets[i];
        size_t at = log_names_find(names, one);

        if (at != names->count && !same_tls(one, names->items[at])) {
            config_report_add(
                checker->report, CONFIG_ERROR, one->place,
                "'%s' has another 'ca', 'server_name', 'certificate' or 'key' elsewhere",
                one->name);
            config_report_hint(checker->report,
                               "a collector has one connection: say the same wherever it is named");
            return;
        }
    }
}

static void check_sum(const struct checker *checker)
{
    struct log_names names;

    log_outlets_names(checker->settings, &names);
    if (names.left_out != NULL) {
        config_report_add(checker->report, CONFIG_ERROR, names.left_out->place,
                          "the logs have more than %d places", LOG_PLACES_MAX);
        config_report_hint(checker->report, "let several sites write to one: {site} and 'fields' "
                                            "tell their lines apart");
    }
    for (size_t i = 0; i < checker->settings->site_count; i++) {
        const struct site_settings *site = &checker->settings->sites[i];

        check_collectors(checker, &names, site->log);
        for (size_t k = 0; k < site->route_count; k++) {
            check_collectors(checker, &names, site->routes[k].log);
        }
    }
}

void check_log(const struct checker *checker)
{
    const struct settings *settings = checker->settings;

    check_one(checker, &settings->log.rules, false);
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        check_one(checker, site->log, true);
        for (size_t k = 0; k < site->route_count; k++) {
            if (site->routes[k].log != site->log) {
                check_one(checker, site->routes[k].log, true);
            }
        }
    }
    check_sum(checker);
}
