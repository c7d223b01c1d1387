/* tidegate check: would this configuration start? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "certs/key_modes.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/config.h"
#include "config/places.h"
#include "gateway/snapshot.h"
#include "process/privileges.h"

/* Only root changes to it, so for others it is a warning. */
static void check_account(const struct settings *settings, struct config_report *report)
{
    struct place user = config_place(settings, &settings->user);
    struct place group = config_place(settings, &settings->group);
    struct error error;

    if (user.line != 0 && strcmp(settings->user, "root") == 0) {
        return; /* the cross-checks have said so */
    }
    if (!privileges_check(user.line != 0 ? settings->user : NULL,
                          group.line != 0 ? settings->group : NULL, &error)) {
        config_report_add(report, geteuid() == 0 ? CONFIG_ERROR : CONFIG_WARNING,
                          user.line != 0 ? user : group, "%s", error.text);
    }
}

/* Both stages, so that a file that reads well is also one whose certificates are there and fit. */
static bool check_file(const char *path, struct config_report *report)
{
    struct settings *settings = config_load_file_partly(path, report);
    bool ok = settings != NULL && !config_report_has_errors(report);

    if (ok) {
        ok = snapshot_check(settings, report);
        key_modes_check(settings, report);
    } else if (settings != NULL) {
        snapshot_check_files(settings, report);
    }
    if (settings != NULL) {
        check_account(settings, report);
    }
    settings_destroy(settings);
    return ok && !config_report_has_errors(report);
}

static void print_fine(const struct config_report *report, const char *path)
{
    size_t included = report->source_count > 1 ? report->source_count - 1 : 0;

    if (included == 0) {
        printf("%s is fine\n", path);
    } else {
        printf("%s is fine, with %zu file%s that it includes\n", path, included,
               included == 1 ? "" : "s");
    }
}

int cmd_check(int argc, char **argv)
{
    const char *given = NULL;
    bool json = false;
    const struct option_spec specs[] = {{"--config", "-c", &given, NULL},
                                        {"--json", NULL, NULL, &json}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct config_report report;
    const char *path;
    struct error error;
    bool ok = false;

    if (result != OPTIONS_OK) {
        return result;
    }
    config_report_init(&report);
    path = config_find_file(given, &error);
    if (path != NULL) {
        ok = check_file(path, &report);
    } else {
        config_report_add(&report, CONFIG_ERROR, (struct place){0}, "%s", error.text);
    }
    if (json) {
        config_report_print_json(&report, stdout);
    } else {
        config_report_print(&report, stderr, options_color(stderr));
        if (ok) {
            print_fine(&report, path);
        }
    }
    config_report_free(&report);
    return ok ? 0 : 1;
}
