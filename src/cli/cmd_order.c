/* tidegate drain, enable, disable: what people order of a server while the gateway runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

enum { ORDER_TIMEOUT_S = 10 };

/* "/drain?api/10.0.0.1:80", with all percent-encoded that is not plainly a part of a query. */
static void write_target(struct strbuf *target, const char *command, const char *name)
{
    static const char plain[] = "-._~/:";

    strbuf_printf(target, "/%s?", command);
    for (const char *at = name; *at != '\0'; at++) {
        bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                        (*at >= '0' && *at <= '9') || strchr(plain, *at) != NULL;
        if (is_plain) {
            strbuf_add_char(target, *at);
        } else {
            strbuf_printf(target, "%%%02X", (unsigned char)*at);
        }
    }
    strbuf_add_char(target, '\0');
}

static int order(const char *command, const char *done, int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const char *name = NULL;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), &name, 1);
    struct strbuf target;
    struct strbuf answer;
    struct error error;
    unsigned status = 0;
    char *path;

    if (result != OPTIONS_OK) {
        return result;
    }
    if (name == NULL || strchr(name, '/') == NULL) {
        return usage_error(command, "name one BACKEND/SERVER, as tidegate status shows them");
    }
    strbuf_init(&target);
    strbuf_init(&answer);
    write_target(&target, command, name);
    path = socket_path != NULL ? xstrdup(socket_path) : control_path_of_config(config, &error);
    if (path == NULL ||
        !control_ask(path, &(struct control_request){"POST", target.ptr, ORDER_TIMEOUT_S}, &status,
                     &answer, &error)) {
        (void)fprintf(stderr, "tidegate %s: %s\n", command, error.text);
    } else if (status == 200) {
        (void)printf("%s %s\n", name, done);
    } else {
        (void)fprintf(stderr,
                      "tidegate %s: no backend has a server '%s': see tidegate status for them\n",
                      command, name);
    }
    free(path);
    strbuf_free(&target);
    strbuf_free(&answer);
    return status == 200 ? 0 : status == 404 ? 1 : 2;
}

int cmd_drain(int argc, char **argv)
{
    return order("drain", "gets nothing new; what runs on it goes on", argc, argv);
}

int cmd_enable(int argc, char **argv)
{
    return order("enable", "gets requests again", argc, argv);
}

int cmd_disable(int argc, char **argv)
{
    return order("disable", "gets nothing new, and is not checked", argc, argv);
}
