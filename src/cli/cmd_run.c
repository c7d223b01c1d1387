/* tidegate run: the supervisor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/version.h"
#include "config/config.h"
#include "process/inherited.h"
#include "process/starter.h"
#include "process/supervisor.h"

/* The program's file, then what it was started with, "run" first. */
static char **command_line(int argc, char **argv)
{
    char **again = xcalloc((size_t)argc + 2, sizeof(*again));

    again[0] = starter_program();
    memcpy(again + 1, argv, (size_t)argc * sizeof(*again));
    return again;
}

int cmd_run(int argc, char **argv)
{
    const char *given = NULL;
    bool debug = false;
    const struct option_spec specs[] = {{"--config", "-c", &given, NULL},
                                        {"--debug", NULL, NULL, &debug}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct supervisor_options options = {0};
    struct inherited inherited;
    char **again;
    struct error error;
    int status;

    if (result != OPTIONS_OK) {
        return result;
    }
    inherited_take(&inherited);
    options.config_path = config_find_file(given, &error);
    if (options.config_path == NULL) {
        log_error("%s", error.text);
        return 1;
    }
    (void)secret_of_process(); /* before it forks: a gateway that dies takes no cookies with it */
    options.debug = debug;
    options.color = options_color(stderr);
    options.version = TIDEGATE_VERSION;
    options.inherited = &inherited;
    options.argv = again = command_line(argc, argv);
    status = supervisor_run(&options);
    free(again[0]);
    free(again);
    return status;
}
