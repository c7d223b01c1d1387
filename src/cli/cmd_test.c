/* tidegate test: who may and who may not, as a file says, asked of the configuration without
 * sending anything. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/load_settings.h"
#include "cli/options.h"
#include "cli/route_answer.h"
#include "cli/test_cases.h"
#include "config/config.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

static bool read_file(const char *name, struct strbuf *text)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    size_t n;

    if (file == NULL) {
        return false;
    }
    do {
        n = fread(strbuf_reserve(text, 16384), 1, 16384, file);
        text->len += n;
    } while (n != 0 && text->len <= FILE_BYTES_MAX);
    if (file != stdin) {
        (void)fclose(file);
    }
    if (text->len > FILE_BYTES_MAX) {
        errno = EFBIG;
        return false;
    }
    return true;
}

/* ---- one case ---- */

struct outcome {
    const struct test_case *test;
    bool is_right;
    const char *want;
    const char *got;
    struct place place; /* where the configuration decided it */
};

static const char *want_text(const struct test_case *test, struct arena *arena)
{
    const char *text = test->expect == TEST_ALLOW  ? "allow"
                       : test->expect == TEST_DENY ? "deny"
                                                   : arena_printf(arena, "%u", test->status);

    if (test->rule != NULL) {
        text = arena_printf(arena, "%s, by the rule '%s'", text, test->rule);
    }
    if (test->route != NULL) {
        text = arena_printf(arena, "%s, route '%s'", text, test->route);
    }
    return test->backend != NULL ? arena_printf(arena, "%s, backend '%s'", text, test->backend)
                                 : text;
}

static const char *got_text(const struct route_answer *answer, struct arena *arena)
{
    const char *text = answer->outcome == ROUTE_TO_REFUSAL ? "deny" : "allow";

    if (answer->status != 0) {
        text = arena_printf(arena, "%s (%u)", text, answer->status);
    }
    if (answer->reason != NULL) {
        text = arena_printf(arena, "%s, %s", text, answer->reason);
    }
    if (answer->rule != NULL) {
        text = arena_printf(arena, "%s, by the rule '%s'", text, answer->rule);
    }
    if (answer->route != NULL) {
        text = arena_printf(arena, "%s, route '%s'", text, answer->route->name);
    }
    return answer->backend != NULL
               ? arena_printf(arena, "%s, backend '%s'", text, answer->backend->name)
               : text;
}

static bool is_name(const char *want, const char *got)
{
    return want == NULL || (got != NULL && strcmp(want, got) == 0);
}

static bool is_as_expected(const struct test_case *test, const struct route_answer *answer)
{
    bool is_denied = answer->outcome == ROUTE_TO_REFUSAL;
    bool fits = test->expect == TEST_STATUS ? answer->status == test->status
                                            : is_denied == (test->expect == TEST_DENY);

    return fits && is_name(test->rule, answer->rule) &&
           is_name(test->route, answer->route != NULL ? answer->route->name : NULL) &&
           is_name(test->backend, answer->backend != NULL ? answer->backend->name : NULL);
}

static struct outcome ask(const struct test_case *test, const struct settings *settings,
                          struct arena *arena)
{
    struct route_answer answer;
    struct outcome outcome = {.test = test};

    route_answer_find(&answer, settings, &test->question, arena);
    outcome.is_right = is_as_expected(test, &answer);
    outcome.want = want_text(test, arena);
    outcome.got = got_text(&answer, arena);
    if (answer.step_count != 0) {
        outcome.place = answer.steps[answer.step_count - 1].place;
    }
    return outcome;
}

/* ---- telling ---- */

static void print_outcome(const struct outcome *outcome, const char *file,
                          const struct settings *settings)
{
    const struct test_case *test = outcome->test;

    if (outcome->is_right) {
        (void)printf("ok    %s\n", test->name);
        return;
    }
    (void)printf("FAIL  %s  (%s:%d)\n      %-5s %s\n      %-5s %s", test->name, file,
                 test->place.line, "want", outcome->want, "got", outcome->got);
    if (outcome->place.line > 0) {
        (void)printf("  (%s:%d)", settings->origin.files[outcome->place.file].name,
                     outcome->place.line);
    }
    (void)printf("\n");
}

static void add_json(struct strbuf *out, const struct outcome *outcome, bool is_first)
{
    strbuf_add_cstr(out, is_first ? "\n{\"name\":" : ",\n{\"name\":");
    strbuf_add_json(out, span_from_cstr(outcome->test->name));
    strbuf_printf(out, ",\"line\":%d,\"right\":%s,\"want\":", outcome->test->place.line,
                  outcome->is_right ? "true" : "false");
    strbuf_add_json(out, span_from_cstr(outcome->want));
    strbuf_add_cstr(out, ",\"got\":");
    strbuf_add_json(out, span_from_cstr(outcome->got));
    strbuf_add_char(out, '}');
}

static int run_cases(const struct test_cases *cases, const char *file,
                     const struct settings *settings, bool json)
{
    size_t right = 0;
    struct strbuf out;

    strbuf_init(&out);
    strbuf_add_cstr(&out, "{\"cases\":[");
    for (size_t i = 0; i < cases->count; i++) {
        struct arena arena;
        arena_init(&arena, 4096);
        struct outcome outcome = ask(&cases->items[i], settings, &arena);
        right += outcome.is_right;
        if (json) {
            add_json(&out, &outcome, i == 0);
        } else {
            print_outcome(&outcome, file, settings);
        }
        arena_destroy(&arena);
    }
    strbuf_printf(&out, "],\"count\":%zu,\"right\":%zu}\n", cases->count, right);
    if (json) {
        (void)printf("%.*s", SPAN_ARG(strbuf_span(&out)));
    } else {
        (void)printf("%zu of %zu cases are as expected\n", right, cases->count);
    }
    strbuf_free(&out);
    return right == cases->count ? 0 : 1;
}

static int test_file(const char *file, struct span text, const char *given, bool json)
{
    struct settings *settings = NULL;
    struct config_report report;
    struct test_cases cases;
    struct arena arena;
    int status = 1;

    arena_init(&arena, 65536);
    config_report_init(&report);
    if (!test_cases_read(&cases, text, file, &arena, &report)) {
        config_report_print(&report, stderr, options_color(stderr));
    } else {
        settings = load_settings(given);
    }
    if (settings != NULL) {
        status = run_cases(&cases, file, settings, json);
        settings_destroy(settings);
    }
    config_report_free(&report);
    arena_destroy(&arena);
    return status;
}

int cmd_test(int argc, char **argv)
{
    const char *given = NULL;
    const char *file = NULL;
    bool json = false;
    const struct option_spec specs[] = {{"--config", "-c", &given, NULL},
                                        {"--json", NULL, NULL, &json}};
    struct strbuf text;
    int status = options_parse(argc, argv, specs, ARRAY_LEN(specs), &file, 1);

    if (status != OPTIONS_OK) {
        return status;
    }
    if (file == NULL) {
        return usage_error("test", "which file of cases?");
    }
    strbuf_init(&text);
    if (read_file(file, &text)) {
        status = test_file(file, strbuf_span(&text), given, json);
    } else {
        (void)fprintf(stderr, "tidegate: cannot read '%s': %s\n", file, strerror(errno));
        status = 1;
    }
    strbuf_free(&text);
    return status;
}
