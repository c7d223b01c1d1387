/* tidegate purge: has a running gateway forget stored responses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

enum { PURGE_TIMEOUT_S = 30 };

/* "/purge?tag=a%20b": all is percent-encoded that is not plainly a part of a query. */
static void write_target(struct strbuf *target, const char *kind, const char *value)
{
    static const char plain[] = "-._~/:";

    strbuf_printf(target, "/purge?%s%s", kind, value != NULL ? "=" : "");
    for (const char *at = value; at != NULL && *at != '\0'; at++) {
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

struct purge {
    const char *config;
    const char *socket_path;
    const char *tag;
    bool is_all;
    const char *url;
};

/* The exit status. */
static int give(const struct purge *purge)
{
    const char *kind = purge->is_all ? "all" : purge->tag != NULL ? "tag" : "url";
    struct strbuf target;
    struct strbuf answer;
    struct error error;
    unsigned status = 0;
    char *path;

    strbuf_init(&target);
    strbuf_init(&answer);
    write_target(&target, kind,
                 purge->is_all        ? NULL
                 : purge->tag != NULL ? purge->tag
                                      : purge->url);
    path = purge->socket_path != NULL ? xstrdup(purge->socket_path)
                                      : control_path_of_config(purge->config, &error);
    if (path == NULL ||
        !control_ask(path, &(struct control_request){"POST", target.ptr, PURGE_TIMEOUT_S}, &status,
                     &answer, &error)) {
        (void)fprintf(stderr, "tidegate purge: %s\n", error.text);
    } else if (status == 404) {
        (void)fprintf(stderr, "tidegate purge: no route of the gateway has a cache\n");
    } else if (status == 200) {
        json_t *object = json_loads(answer.ptr, 0, NULL);
        (void)printf("%lld responses purged\n", control_number(object, "purged"));
        json_decref(object);
    }
    free(path);
    strbuf_free(&target);
    strbuf_free(&answer);
    return status == 200 ? 0 : status == 404 ? 1 : 2;
}

int cmd_purge(int argc, char **argv)
{
    struct purge purge = {0};
    const struct option_spec specs[] = {{"--config", "-c", &purge.config, NULL},
                                        {"--socket", NULL, &purge.socket_path, NULL},
                                        {"--tag", NULL, &purge.tag, NULL},
                                        {"--all", NULL, NULL, &purge.is_all}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), &purge.url, 1);

    if (result != OPTIONS_OK) {
        return result;
    }
    if ((purge.url != NULL) + (purge.tag != NULL) + purge.is_all != 1) {
        return usage_error(argv[0], "name a URL, a --tag, or --all");
    }
    return give(&purge);
}
