/* tidegate drain, enable, disable, weight: what people order of a server while the gateway runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"
#include "settings/settings.h"

enum { ORDER_TIMEOUT_S = 10 };

/* "/drain?api/10.0.0.1:80", with all percent-encoded that is not plainly a part of a query; value
 * NULL: there is none. */
static void write_target(struct strbuf *target, const char *command, const char *name,
                         const char *value)
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
    if (value != NULL) {
        strbuf_printf(target, "=%s", value);
    }
    strbuf_add_char(target, '\0');
}

/* What is ordered, of whom, and by which way. */
struct order {
    const char *config;
    const char *socket_path;
    const char *words[2]; /* BACKEND/SERVER, and a weight */
};

/* What came of it is told, but for a 200. The exit status. */
static int give(const char *command, const struct order *order)
{
    struct strbuf target;
    struct strbuf answer;
    struct error error;
    unsigned status = 0;
    char *path;

    strbuf_init(&target);
    strbuf_init(&answer);
    write_target(&target, command, order->words[0], order->words[1]);
    path = order->socket_path != NULL ? xstrdup(order->socket_path)
                                      : control_path_of_config(order->config, &error);
    if (path == NULL ||
        !control_ask(path, &(struct control_request){"POST", target.ptr, ORDER_TIMEOUT_S}, &status,
                     &answer, &error)) {
        (void)fprintf(stderr, "tidegate %s: %s\n", command, error.text);
    } else if (status != 200) {
        (void)fprintf(stderr,
                      "tidegate %s: no backend has a server '%s': see tidegate status for them\n",
                      command, order->words[0]);
    }
    free(path);
    strbuf_free(&target);
    strbuf_free(&answer);
    return status == 200 ? 0 : status == 404 ? 1 : 2;
}

static int read_order(struct order *order, size_t word_count, int argc, char **argv)
{
    const struct option_spec specs[] = {{"--config", "-c", &order->config, NULL},
                                        {"--socket", NULL, &order->socket_path, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), order->words, word_count);

    if (result == OPTIONS_OK && (order->words[0] == NULL || strchr(order->words[0], '/') == NULL)) {
        return usage_error(argv[0], "name one BACKEND/SERVER, as tidegate status shows them");
    }
    return result;
}

static int order(const char *command, const char *done, int argc, char **argv)
{
    struct order order = {0};
    int result = read_order(&order, 1, argc, argv);

    if (result != OPTIONS_OK) {
        return result;
    }
    result = give(command, &order);
    if (result == 0) {
        (void)printf("%s %s\n", order.words[0], done);
    }
    return result;
}

static bool is_weight(const char *text)
{
    size_t len = strlen(text);

    return strcmp(text, "default") == 0 ||
           (len != 0 && len <= 4 && strspn(text, "0123456789") == len &&
            atoi(text) <= SERVER_WEIGHT_SAID_MAX);
}

static void tell_weight(const char *name, const char *weight)
{
    if (strcmp(weight, "default") == 0) {
        (void)printf("%s has the weight of the configuration again\n", name);
    } else if (atoi(weight) == 0) {
        (void)printf("%s has weight 0: it gets nothing new; what runs on it goes on\n", name);
    } else {
        (void)printf("%s has weight %d\n", name, atoi(weight));
    }
}

int cmd_weight(int argc, char **argv)
{
    struct order order = {0};
    int result = read_order(&order, 2, argc, argv);

    if (result != OPTIONS_OK) {
        return result;
    }
    if (order.words[1] == NULL || !is_weight(order.words[1])) {
        return usage_error(argv[0], "say which weight: a number from 0 to %d, or default",
                           SERVER_WEIGHT_SAID_MAX);
    }
    result = give("weight", &order);
    if (result == 0) {
        tell_weight(order.words[0], order.words[1]);
    }
    return result;
}

int cmd_drain(int argc, char **argv)
{
    return order("drain", "gets nothing new; what runs on it goes on", argc, argv);
}

int cmd_enable(int argc, char **argv)
{
    return order("enable", "gets requests again, if it is well: tidegate status tells", argc, argv);
}

int cmd_disable(int argc, char **argv)
{
    return order("disable", "gets nothing new, and is not checked", argc, argv);
}
