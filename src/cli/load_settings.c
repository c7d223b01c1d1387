#include "cli/load_settings.h"

#include <stdio.h>

#include "base/log.h"
#include "cli/options.h"
#include "config/config.h"

struct settings *load_settings(const char *given)
{
    struct error error;
    struct config_report report;
    struct settings *settings;
    const char *path = config_find_file(given, &error);

    if (path == NULL) {
        log_error("%s", error.text);
        return NULL;
    }
    config_report_init(&report);
    settings = config_load_file(path, &report);
    if (settings == NULL) {
        config_report_print(&report, stderr, options_color(stderr));
    }
    config_report_free(&report);
    return settings;
}
