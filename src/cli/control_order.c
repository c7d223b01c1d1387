#include "cli/control_order.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/control_client.h"
#include "cli/options.h"

enum { STATUS_DONE = 200, STATUS_REFUSED = 422 };

static int tell(const struct control_order *order, unsigned status, const char *report)
{
    (void)fputs(report, stderr);
    if (status == STATUS_DONE) {
        (void)fprintf(stdout, "%s\n", order->done);
        return 0;
    }
    (void)fprintf(stderr, "tidegate %s: %s\n", order->name,
                  status == STATUS_REFUSED ? order->refused : order->impossible);
    return status == STATUS_REFUSED ? 1 : 2;
}

int control_order_give(const struct control_order *order, int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL}};
    const struct control_request request = {"POST", order->target, order->timeout_s};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct strbuf report;
    struct error error;
    unsigned status = 0;
    char *path;

    if (result != OPTIONS_OK) {
        return result;
    }
    strbuf_init(&report);
    path = socket_path != NULL ? xstrdup(socket_path) : control_path_of_config(config, &error);
    if (path != NULL && control_ask(path, &request, &status, &report, &error)) {
        result = tell(order, status, report.ptr);
    } else {
        (void)fprintf(stderr, "tidegate %s: %s\n", order->name, error.text);
        result = 2;
    }
    free(path);
    strbuf_free(&report);
    return result;
}
