/* tidegate check: would this configuration start? */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/config.h"
#include "gateway/snapshot.h"

/* Both stages, so that a file that reads well is also one whose certificates are there and fit. */
static bool check_file(const char *path, struct config_report *report)
{
    struct settings *settings = config_load_file_partly(path, report);
    bool ok = settings != NULL && !config_report_has_errors(report);

    if (ok) {
        ok = snapshot_check(settings, report);
    } else if (settings != NULL) {
        snapshot_check_files(settings, report);
    }
    settings_destroy(settings);
    return ok && !config_report_has_errors(report);
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
        config_report_add(&report, CONFIG_ERROR, (struct place){0, 0}, "%s", error.text);
    }
    if (json) {
        config_report_print_json(&report, stdout);
    } else {
        config_report_print(&report, stderr, options_color(stderr));
        if (ok) {
            printf("%s is fine\n", path);
        }
    }
    config_report_free(&report);
    return ok ? 0 : 1;
}
