/* tidegate run: load, check, and hand over to the supervisor. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/version.h"
#include "config/config.h"
#include "gateway/snapshot.h"
#include "process/inherited.h"
#include "process/supervisor.h"

static enum log_level level_from(const char *word)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_LEVEL_INFO;
}

/* Everything that can be wrong is found before a socket is bound. NULL: it was reported. */
static struct snapshot *load(const char *path, struct settings **settings)
{
    struct config_report report;
    struct snapshot *snapshot = NULL;

    config_report_init(&report);
    *settings = config_load_file_partly(path, &report);
    if (*settings != NULL && !config_report_has_errors(&report)) {
        snapshot = snapshot_create(*settings, &report);
    } else if (*settings != NULL) {
        snapshot_check_files(*settings, &report);
    }
    config_report_print(&report, stderr, options_color(stderr));
    if (snapshot == NULL) {
        (void)fprintf(stderr, "tidegate: error: not started: %s has errors\n", path);
    }
    config_report_free(&report);
    return snapshot;
}

int cmd_run(int argc, char **argv)
{
    const char *given = NULL;
    bool debug = false;
    const struct option_spec specs[] = {{"--config", "-c", &given, NULL},
                                        {"--debug", NULL, NULL, &debug}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct supervisor_options options = {0};
    struct settings *settings = NULL;
    struct snapshot *snapshot;
    const char *path;
    struct error error;

    if (result != OPTIONS_OK) {
        return result;
    }
    inherited_close();
    path = config_find_file(given, &error);
    if (path == NULL) {
        log_error("%s", error.text);
        return 1;
    }
    snapshot = load(path, &settings);
    if (snapshot == NULL) {
        settings_destroy(settings);
        return 1;
    }
    log_set_level(debug ? LOG_LEVEL_DEBUG : level_from(settings->log.level));
    options.keep_dumpable = debug;
    options.version = TIDEGATE_VERSION;
    result = supervisor_run(settings, snapshot, &options);
    snapshot_release(snapshot);
    settings_destroy(settings);
    return result;
}
