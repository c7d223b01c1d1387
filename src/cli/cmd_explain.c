/* tidegate explain: be the client of a URL, and show each step. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/explain_draw.h"
#include "cli/explain_json.h"
#include "cli/explain_net.h"
#include "cli/explain_play.h"
#include "cli/explain_route.h"
#include "cli/explain_tls.h"
#include "cli/load_settings.h"
#include "cli/options.h"
#include "config/config.h"
#include "http/message.h"

enum { TIMEOUT_DEFAULT_S = 10, TIMEOUT_MAX_S = 3600 };

/* What goes into a head must not be able to end it. */
static bool is_one_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' && *text != '\t') {
            return false;
        }
    }
    return true;
}

static bool check_headers(const struct explain_options *options, struct error *error)
{
    for (size_t i = 0; i < options->header_count; i++) {
        struct span field = span_from_cstr(options->headers[i]);
        size_t colon = span_find(field, ':');
        if (colon == field.len || !http_is_token(span_head(field, colon)) ||
            !is_one_line(options->headers[i])) {
            return error_set(error, "--header '%s' is not 'name: value'", options->headers[i]);
        }
    }
    return true;
}

static bool check_options(struct explain_options *options, const char *timeout, struct error *error)
{
    uint64_t seconds = TIMEOUT_DEFAULT_S;
    struct span host;
    uint16_t port;

    if (options->url == NULL) {
        return error_set(error, "which URL?");
    }
    if (options->key != NULL && options->certificate == NULL) {
        return error_set(error, "--key needs --cert");
    }
    if (timeout != NULL &&
        (!span_to_u64(span_from_cstr(timeout), TIMEOUT_MAX_S, &seconds) || seconds == 0)) {
        return error_set(error, "--timeout '%s' is not a number of seconds from 1 to %d", timeout,
                         TIMEOUT_MAX_S);
    }
    if (options->connect != NULL &&
        !http_parse_authority(span_from_cstr(options->connect), &host, &port)) {
        return error_set(error, "--connect '%s' is not ADDRESS:PORT", options->connect);
    }
    if (options->sni != NULL && strlen(options->sni) > 253) {
        return error_set(error, "--sni is longer than any host name");
    }
    if (options->method == NULL) {
        options->method = options->data != NULL ? "POST" : "GET";
    }
    if (!http_is_token(span_from_cstr(options->method)) ||
        strcmp(options->method, "CONNECT") == 0) {
        return error_set(error, "--method '%s' cannot be sent", options->method);
    }
    options->timeout_ms = seconds * 1000;
    return check_headers(options, error);
}

/* settings NULL: nobody asked for what they say. */
static int play(const struct explain_options *options, const struct settings *settings)
{
    struct explain ex;
    struct error error;
    bool ok;

    explain_init(&ex, options);
    if (!explain_parse_url(&ex, &error)) {
        explain_free(&ex);
        return usage_error("explain", "%s", error.text);
    }
    if (ex.target.is_tls && !explain_set_up_tls(&ex, &error)) {
        (void)fprintf(stderr, "tidegate explain: %s\n", error.text);
        explain_free(&ex);
        return 2;
    }
    ok = explain_play(&ex);
    if (settings != NULL) {
        explain_route(&ex, settings);
    }
    if (options->json) {
        explain_print_json(&ex, stdout);
    } else {
        explain_draw(&ex, stdout, options_color(stdout));
    }
    explain_free(&ex);
    return ok ? 0 : 1;
}

int cmd_explain(int argc, char **argv)
{
    struct explain_options options = {0};
    const char *timeout = NULL;
    const char *config = NULL;
    struct settings *settings = NULL;
    const struct option_spec specs[] = {
        {"--ca", NULL, &options.ca, NULL},         {"--cert", NULL, &options.certificate, NULL},
        {"--key", NULL, &options.key, NULL},       {"--sni", NULL, &options.sni, NULL},
        {"--tls1.2", NULL, NULL, &options.tls12},  {"--http1.1", NULL, NULL, &options.http11},
        {"--method", NULL, &options.method, NULL}, {"--data", NULL, &options.data, NULL},
        {"--resume", NULL, NULL, &options.resume}, {"--connect", NULL, &options.connect, NULL},
        {"--timeout", NULL, &timeout, NULL},       {"--json", NULL, NULL, &options.json},
        {"--config", "-c", &config, NULL}};
    struct error error;
    int result;

    argc = options_take_all(argc, argv, "--header", "-H", options.headers, &options.header_count,
                            EXPLAIN_HEADERS_MAX);
    if (argc == 0) {
        return 2;
    }
    result = options_parse(argc, argv, specs, ARRAY_LEN(specs), &options.url, 1);
    if (result != OPTIONS_OK) {
        return result;
    }
    if (!check_options(&options, timeout, &error)) {
        return usage_error("explain", "%s", error.text);
    }
    if (config != NULL && (settings = load_settings(config)) == NULL) {
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    result = play(&options, settings);
    settings_destroy(settings);
    return result;
}
