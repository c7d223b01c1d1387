/* What is wrong between the directives of a log. */
#include <string.h>

#include "config/check_internal.h"
#include "config/places.h"

static void complain_about(const struct checker *checker, const void *member, const char *text,
                           const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, config_place(checker->settings, member), "%s",
                      text);
    config_report_hint(checker->report, "%s", hint);
}

static bool names(const struct string_list *list, const char *word)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_twice(const struct string_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        const struct string_list before = {list->items, i};
        if (names(&before, list->items[i])) {
            return true;
        }
    }
    return false;
}

static void check_places(const struct checker *checker, const struct log_settings *log)
{
    bool is_file = strcmp(log->access, "-") != 0;

    if (strcmp(log->access, "off") == 0) {
        complain_about(checker, &log->to, "'to' without an access log",
                       "remove 'access: off': 'to' alone says where it is written");
        return;
    }
    if (has_twice(&log->to)) {
        complain_about(checker, &log->to, "'to' names the same place twice",
                       "each line would be there twice: remove one");
    }
    if (!is_file && names(&log->to, "file") && names(&log->to, "stdout")) {
        complain_about(checker, &log->to, "'file' and 'stdout' are the same place",
                       "name a file with 'access', or remove one of them");
    }
    if (is_file && check_is_given(checker, &log->access) && !names(&log->to, "file")) {
        complain_about(checker, &log->to, "'access' names a file that 'to' leaves out",
                       "add 'file' to 'to', or remove 'access'");
    }
}

static void check_excludes(const struct checker *checker, const struct log_rules_settings *rules)
{
    for (size_t i = 0; rules != NULL && i < rules->exclude_count; i++) {
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

void check_log(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    const struct log_settings *log = &settings->log;
    bool is_template = log->format == LOG_FORMAT_TEMPLATE;

    if (check_is_given(checker, &log->to)) {
        check_places(checker, log);
    }
    if (is_template && !check_is_given(checker, &log->template)) {
        complain_about(checker, &log->format, "'format: template' without a template",
                       "add for example template: '{client.address} \"{method} {target}\" "
                       "{log.status}'");
    }
    if (!is_template && check_is_given(checker, &log->template)) {
        complain_about(checker, &log->template, "a template that is not used",
                       "add 'format: template', or remove it");
    }
    check_excludes(checker, &log->rules);
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        check_excludes(checker, site->log);
        for (size_t k = 0; k < site->route_count; k++) {
            check_excludes(checker, site->routes[k].log);
        }
    }
}
