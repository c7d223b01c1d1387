/* tidegate schema: what a configuration may say, for editors and, with --manual, for people. */
#include <stdio.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/schema.h"

int cmd_schema(int argc, char **argv)
{
    bool manual = false;
    const struct option_spec specs[] = {{"--manual", NULL, NULL, &manual}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);

    if (result != OPTIONS_OK) {
        return result;
    }
    if (manual) {
        config_manual_print(stdout);
    } else {
        config_schema_print(stdout);
    }
    if (fflush(stdout) != 0) {
        log_error("standard output cannot be written");
        return 1;
    }
    return 0;
}
