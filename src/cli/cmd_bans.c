/* tidegate bans: who is kept off by a running gateway, and letting them in again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"

enum { BANS_TIMEOUT_S = 30 };

struct bans_options {
    const char *config;
    const char *socket_path;
    const char *lift; /* an address, or "all" */
    const char *add;
    const char *seconds;
    bool json;
};

static void print_left(long long seconds)
{
    if (seconds >= 3600) {
        (void)printf("%lldh %lldm", seconds / 3600, seconds / 60 % 60);
    } else if (seconds >= 60) {
        (void)printf("%lldm %llds", seconds / 60, seconds % 60);
    } else {
        (void)printf("%llds", seconds);
    }
}

static void print_bans(const json_t *answer)
{
    const json_t *refused = json_object_get(answer, "refused");
    json_t *ban;
    size_t i;

    json_array_foreach(json_object_get(answer, "bans"), i, ban)
    {
        (void)printf("%-40s for ", control_text(ban, "address"));
        print_left(control_number(ban, "left_s"));
        (void)printf(", by %s\n", control_text(ban, "by"));
    }
    (void)printf("%lld kept off; refused so far: %lld by bans, %lld as an address had too many "
                 "connections, %lld as it made too many, %lld as the rest is reserved; "
                 "%lld handshakes\n",
                 control_number(answer, "count"), control_number(refused, "banned"),
                 control_number(refused, "too_many"), control_number(refused, "too_often"),
                 control_number(refused, "reserved"), control_number(refused, "handshakes"));
}

/* What an address, "all" and a number are made of: nothing that means something in a URL. */
static bool is_plain(const char *text)
{
    return text == NULL || text[strspn(text, "0123456789abcdefABCDEFl:./")] == '\0';
}

/* The exit status. */
static int show(const struct bans_options *options, const char *path)
{
    struct strbuf text;
    struct error error;
    json_t *answer;

    strbuf_init(&text);
    if (!control_get(path, "/bans", &text, &error)) {
        (void)fprintf(stderr, "tidegate bans: %s\n", error.text);
        strbuf_free(&text);
        return 2;
    }
    if (options->json) {
        (void)printf("%.*s", SPAN_ARG(strbuf_span(&text)));
    } else {
        answer = json_loadb(text.ptr, text.len, 0, NULL);
        print_bans(answer);
        json_decref(answer);
    }
    strbuf_free(&text);
    return 0;
}

static int change(const struct bans_options *options, const char *path)
{
    bool lifts = options->lift != NULL;
    struct strbuf target;
    struct strbuf answer;
    struct error error;
    unsigned status = 0;
    int result = 2;

    strbuf_init(&target);
    strbuf_init(&answer);
    if (lifts) {
        strbuf_printf(&target, "/bans?lift=%s", options->lift);
    } else {
        strbuf_printf(&target, "/bans?add=%s=%s", options->add, options->seconds);
    }
    strbuf_add_char(&target, '\0');
    if (!control_ask(path, &(struct control_request){"POST", target.ptr, BANS_TIMEOUT_S}, &status,
                     &answer, &error)) {
        (void)fprintf(stderr, "tidegate bans: %s\n", error.text);
    } else if (status != 200) {
        (void)fprintf(stderr, "tidegate bans: '%s' is no address%s\n",
                      lifts ? options->lift : options->add,
                      lifts ? ", and not all" : ", or the seconds are not 1 to 2678400");
    } else {
        json_t *object = json_loadb(answer.ptr, answer.len, 0, NULL);
        long long count = control_number(object, lifts ? "lifted" : "added");
        (void)printf("%lld %s\n", count, lifts ? "lifted" : "kept off");
        result = count != 0 ? 0 : 1;
        json_decref(object);
    }
    strbuf_free(&target);
    strbuf_free(&answer);
    return result;
}

int cmd_bans(int argc, char **argv)
{
    struct bans_options options = {.seconds = "600"};
    const struct option_spec specs[] = {
        {"--config", "-c", &options.config, NULL},   {"--socket", NULL, &options.socket_path, NULL},
        {"--lift", NULL, &options.lift, NULL},       {"--add", NULL, &options.add, NULL},
        {"--seconds", NULL, &options.seconds, NULL}, {"--json", NULL, NULL, &options.json}};
    struct error error;
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    char *path;

    if (result != OPTIONS_OK) {
        return result;
    }
    if (options.lift != NULL && options.add != NULL) {
        return usage_error(argv[0], "--lift or --add, not both");
    }
    if (!is_plain(options.lift) || !is_plain(options.add) || !is_plain(options.seconds)) {
        return usage_error(argv[0], "'%s' is no address",
                           options.lift != NULL ? options.lift : options.add);
    }
    path = options.socket_path != NULL ? xstrdup(options.socket_path)
                                       : control_path_of_config(options.config, &error);
    if (path == NULL) {
        (void)fprintf(stderr, "tidegate bans: %s\n", error.text);
        return 2;
    }
    result =
        options.lift != NULL || options.add != NULL ? change(&options, path) : show(&options, path);
    free(path);
    return result;
}
