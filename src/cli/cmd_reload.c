/* tidegate reload: has a running gateway take up its configuration anew. */
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

/* Loading and taking up have a minute each (process/loader.h, process/change.h). */
enum { RELOAD_TIMEOUT_S = 130 };

int cmd_reload(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    const struct control_request request = {"POST", "/reload", RELOAD_TIMEOUT_S};
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
        (void)fprintf(stderr, "tidegate reload: %s\n", error.text);
    } else {
        (void)fputs(report.ptr, stderr);
        (void)fputs(status == 200 ? "reloaded\n"
                    : status == 422
                        ? "tidegate reload: not reloaded: the configuration has errors; "
                          "the one in use stays as it was\n"
                        : "tidegate reload: not reloaded: the gateway could not; the "
                          "configuration in use stays as it was\n",
                    status == 200 ? stdout : stderr);
    }
    strbuf_free(&report);
    return status == 200 ? 0 : status == 422 ? 1 : 2;
}
