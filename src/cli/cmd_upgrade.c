/* tidegate upgrade: has another version of the program take the place of what runs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

/* The new process has a minute (process/upgrade.h). */
enum { UPGRADE_TIMEOUT_S = 90 };

static const char *word_of(unsigned status)
{
    return status == 200   ? "upgraded\n"
           : status == 422 ? "tidegate upgrade: not upgraded: the new version does not start; what "
                             "runs stays in charge\n"
                           : "tidegate upgrade: not upgraded; what runs stays in charge\n";
}

int cmd_upgrade(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    const struct control_request request = {"POST", "/upgrade", UPGRADE_TIMEOUT_S};
    struct strbuf report;
    struct error error;
    unsigned status = 0;
    char *path;
    bool is_answered;

    if (result != OPTIONS_OK) {
        return result;
    }
    strbuf_init(&report);
    path = socket_path != NULL ? xstrdup(socket_path) : control_path_of_config(config, &error);
    is_answered = path != NULL && control_ask(path, &request, &status, &report, &error);
    free(path);
    if (!is_answered) {
        (void)fprintf(stderr, "tidegate upgrade: %s\n", error.text);
    } else {
        (void)fputs(report.ptr, stderr);
        (void)fputs(word_of(status), status == 200 ? stdout : stderr);
    }
    strbuf_free(&report);
    return status == 200 ? 0 : status == 422 ? 1 : 2;
}
