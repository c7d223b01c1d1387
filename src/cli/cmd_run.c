/* tidegate run: the supervisor. */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/version.h"
#include "config/config.h"
#include "process/inherited.h"
#include "process/supervisor.h"

int cmd_run(int argc, char **argv)
{
    const char *given = NULL;
    bool debug = false;
    const struct option_spec specs[] = {{"--config", "-c", &given, NULL},
                                        {"--debug", NULL, NULL, &debug}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct supervisor_options options = {0};
    struct error error;

    if (result != OPTIONS_OK) {
        return result;
    }
    inherited_close();
    options.config_path = config_find_file(given, &error);
    if (options.config_path == NULL) {
        log_error("%s", error.text);
        return 1;
    }
    (void)secret_of_process(); /* before it forks: a gateway that dies takes no cookies with it */
    options.debug = debug;
    options.color = options_color(stderr);
    options.version = TIDEGATE_VERSION;
    return supervisor_run(&options);
}
