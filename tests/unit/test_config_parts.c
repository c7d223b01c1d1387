/* A configuration in parts (config/parts.h), and variables of the environment in it
 * (config/variables.h): what becomes of them, and what messages say about which file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/parts.h"
#include "config/places.h"

/* Files and variables that are in memory alone. */
struct memory_file {
    const char *name;
    const char *text;
};

struct memory {
    struct memory_file files[16];
    const char *variables[16]; /* "NAME=value" */
};

static bool memory_read(void *arg, const char *path, struct strbuf *text)
{
    const struct memory *memory = arg;

    for (size_t i = 0; i < ARRAY_LEN(memory->files) && memory->files[i].name != NULL; i++) {
        if (strcmp(memory->files[i].name, path) == 0) {
            strbuf_add_cstr(text, memory->files[i].text);
            return true;
        }
    }
    errno = ENOENT;
    return false;
}

static bool memory_list(void *arg, const char *folder, config_name_taker *take, void *to)
{
    const struct memory *memory = arg;
    size_t len = strlen(folder);
    bool found = len == 0;

    for (size_t i = 0; i < ARRAY_LEN(memory->files) && memory->files[i].name != NULL; i++) {
        const char *name = memory->files[i].name;

        if (len == 0) {
            take(to, name);
        } else if (strncmp(name, folder, len) == 0 && name[len] == '/') {
            found = true;
            take(to, name + len + 1);
        }
    }
    errno = ENOENT;
    return found;
}

static const char *memory_variable(void *arg, const char *name)
{
    const struct memory *memory = arg;
    size_t len = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(memory->variables) && memory->variables[i] != NULL; i++) {
        if (strncmp(memory->variables[i], name, len) == 0 && memory->variables[i][len] == '=') {
            return memory->variables[i] + len + 1;
        }
    }
    return NULL;
}

static struct settings *load(const struct memory *memory, struct config_report *report)
{
    struct config_source source = {memory_read, memory_list, memory_variable, (void *)memory, NULL};

    config_report_init(report);
    return config_load_from(&source, memory->files[0].name, report);
}

static char *printed(const struct config_report *report)
{
    char *text = NULL;
    size_t size = 0;
    char *copy;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    config_report_print(report, out, false);
    fclose(out);
    copy = xstrdup(text);
    free(text);
    return copy;
}

static struct settings *load_fine(const struct memory *memory)
{
    struct config_report report;
    struct settings *settings = load(memory, &report);

    if (report.count != 0) {
        char *text = printed(&report);
        fail_msg("%s", text);
    }
    assert_non_null(settings);
    config_report_free(&report);
    return settings;
}

static void expect_message(const struct memory *memory, const char *words)
{
    struct config_report report;
    struct settings *settings = load(memory, &report);
    char *text = printed(&report);

    assert_null(settings);
    if (strstr(text, words) == NULL || strstr(text, "1 error, ") == NULL) {
        fail_msg("no '%s' alone in:\n%s", words, text);
    }
    free(text);
    config_report_free(&report);
}

#define SITE(host) "  - hosts: [" host "]\n    respond: { status: 200 }\n"

static void lists_go_on_from_file_to_file_by_name(void **state)
{
    static const struct memory memory = {
        .files = {{"etc/main.yaml", "include: [sites.d/*.yaml, more.yaml]\n"
                                    "sites:\n" SITE("own.example")},
                  {"etc/sites.d/b.yaml", "sites:\n" SITE("b.example")},
                  {"etc/sites.d/.hidden.yaml", "nonsense"},
                  {"etc/sites.d/a.yaml~", "nonsense"},
                  {"etc/sites.d/a.yaml", "sites:\n" SITE("a.example") SITE("aa.example")},
                  {"etc/sites.d/c.yaml", "# all of it is commented out\n"},
                  {"etc/more.yaml",
                   "sites:\n" SITE("more.example") "limits: { head: 8k }\n"
                                                   "trusted_proxies: 10.0.0.0/8\n"}}};
    static const char *const hosts[] = {"own.example", "a.example", "aa.example", "b.example",
                                        "more.example"};
    struct settings *settings = load_fine(&memory);

    (void)state;
    assert_int_equal(settings->site_count, ARRAY_LEN(hosts));
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        assert_string_equal(settings->sites[i].hosts.items[0], hosts[i]);
    }
    assert_int_equal(settings->limits.head, 8192);
    assert_int_equal(settings->trusted_proxies.count, 1);
    assert_int_equal(settings->origin.file_count, 5);
    assert_string_equal(settings->origin.files[1].name, "etc/sites.d/a.yaml");
    assert_int_equal(settings->sites[3].place.file, 2);
    settings_destroy(settings);
}

static void a_single_text_is_part_of_a_list(void **state)
{
    static const struct memory memory = {
        .files = {{"main.yaml", "trusted_proxies: 10.0.0.0/8\ninclude: other.yaml\n"
                                "sites:\n" SITE("a.example")},
                  {"other.yaml", "trusted_proxies: [192.168.0.0/16, 172.16.0.0/12]\n"
                                 "include: ./third.yaml\n"},
                  {"third.yaml", "trusted_proxies: fd00::/8\n"}}};
    struct settings *settings = load_fine(&memory);

    (void)state;
    assert_int_equal(settings->trusted_proxies.count, 4);
    assert_int_equal(settings->include.count, 2);
    settings_destroy(settings);
}

static void paths_are_seen_from_the_file_they_are_in(void **state)
{
    static const struct memory memory = {
        .files = {{"/etc/tg/main.yaml", "include: [shop/site.yaml]\ncontrol: gate.sock\n"},
                  {"/etc/tg/shop/site.yaml",
                   "sites:\n  - hosts: [a.example]\n    tls: { certificate: a.crt, key: a.key }\n"
                   "    backend: unix:app.sock\n"}}};
    struct settings *settings = load_fine(&memory);

    (void)state;
    assert_string_equal(settings->control, "/etc/tg/gate.sock");
    assert_string_equal(settings->sites[0].tls->certificates[0].certificate, "/etc/tg/shop/a.crt");
    assert_string_equal(settings->backends[0].servers[0].address.host, "/etc/tg/shop/app.sock");
    settings_destroy(settings);
}

static void each_error_names_its_own_file(void **state)
{
    static const struct memory memory = {
        .files = {{"main.yaml", "include: [sites.d/*.yaml]\nworkers: many\n"},
                  {"sites.d/a.yaml", "sites:\n  - hosts: [a.example]\n    repsond: {}\n"},
                  {"sites.d/b.yaml", "sites: [\n"},
                  {"sites.d/c.yaml", "- a list\n"}}};
    struct config_report report;
    struct settings *settings = load(&memory, &report);
    char *text = printed(&report);

    (void)state;
    assert_null(settings);
    assert_non_null(strstr(text, "main.yaml:2:10: error: 'workers' needs a whole number"));
    assert_non_null(strstr(text, "sites.d/a.yaml:3:5: error: unknown key 'repsond'"));
    assert_non_null(strstr(text, "     3 |     repsond: {}\n       |     ^~~~~~~\n"));
    assert_non_null(strstr(text, "sites.d/b.yaml:1:8: error: not valid YAML"));
    assert_non_null(strstr(text, "sites.d/c.yaml:1:1: error: the file is not a section"));
    free(text);
    config_report_free(&report);
}

static void what_is_said_twice_names_both_places(void **state)
{
    static const struct memory twice = {
        .files = {{"main.yaml", "include: other.yaml\nworkers: 1\nsites:\n" SITE("a.example")},
                  {"other.yaml", "\nworkers: 1\n"}}};
    static const struct memory inner = {
        .files = {{"main.yaml", "limits: { body: 1M }\ninclude: other.yaml\n"
                                "sites:\n" SITE("a.example")},
                  {"other.yaml", "limits: { head: 8k, body: 2M }\n"}}};
    static const struct memory one_file = {
        .files = {{"main.yaml", "include: other.yaml\nsites:\n" SITE("a.example")},
                  {"other.yaml", "sites:\n" SITE("b.example") "\nsites:\n" SITE("c.example")}}};
    static const struct memory hosts = {
        .files = {{"main.yaml", "include: other.yaml\nsites:\n" SITE("a.example")},
                  {"other.yaml", "sites:\n" SITE("A.example")}}};

    (void)state;
    expect_message(&twice, "other.yaml:2:1: error: 'workers' is given twice in the file\n"
                           "     2 | workers: 1\n       | ^~~~~~~\n"
                           "  = help: it is on line 2 of main.yaml already; keep one\n");
    expect_message(&inner, "other.yaml:1:21: error: 'body' is given twice in limits\n"
                           "     1 | limits: { head: 8k, body: 2M }\n"
                           "       |                     ^~~~\n"
                           "  = help: it is on line 1 of main.yaml already; keep one\n");
    expect_message(&one_file, "other.yaml:5:1: error: 'sites' is given twice in the file\n"
                              "     5 | sites:\n       | ^~~~~\n"
                              "  = help: it is on line 1 already; keep one\n");
    expect_message(&hosts, "= help: the site on line 3 of main.yaml has it already");
}

static void a_list_that_is_none_is_reported_once(void **state)
{
    static const struct memory later = {
        .files = {{"main.yaml", "include: other.yaml\nsites:\n" SITE("a.example")},
                  {"other.yaml", "sites: { hosts: b.example }\n"}}};
    static const struct memory first = {.files = {{"main.yaml", "include: other.yaml\nsites:\n"},
                                                  {"other.yaml", "sites:\n" SITE("a.example")}}};

    (void)state;
    expect_message(&later, "other.yaml:1:8: error: 'sites' needs a list of sections");
    expect_message(&first, "main.yaml:2:1: error: 'sites' has no value");
}

static void circles_and_files_read_twice_are_errors(void **state)
{
    static const struct memory itself = {
        .files = {{"main.yaml", "include: ./main.yaml\nsites:\n" SITE("a.example")}}};
    static const struct memory circle = {
        .files = {{"main.yaml", "include: [a.yaml]\nsites:\n" SITE("a.example")},
                  {"a.yaml", "include: [b.yaml]\n"},
                  {"b.yaml", "workers: 2\ninclude: [a.yaml]\n"}}};
    static const struct memory twice = {
        .files = {{"main.yaml", "include: [sites.d/*.yaml, sites.d/a.yaml]\n"},
                  {"sites.d/a.yaml", "sites:\n" SITE("a.example")}}};
    static const struct memory not_twice = {.files = {{"main.yaml", "include: [A.yaml, a.yaml]\n"},
                                                      {"a.yaml", "sites:\n" SITE("a.example")},
                                                      {"A.yaml", "sites:\n" SITE("b.example")}}};

    (void)state;
    expect_message(&itself, "main.yaml:1:10: error: 'main.yaml' would include itself\n");
    expect_message(&circle, "b.yaml:2:11: error: 'a.yaml' would include itself, in a circle\n");
    expect_message(&twice, "main.yaml:1:27: error: 'sites.d/a.yaml' is included already\n");
    settings_destroy(load_fine(&not_twice));
}

static void depth_is_bounded(void **state)
{
    struct memory memory = {0};
    char names[INCLUDE_DEPTH_MAX + 2][32];
    char texts[INCLUDE_DEPTH_MAX + 2][128];
    char words[64];

    (void)state;
    for (int i = 0; i < INCLUDE_DEPTH_MAX + 2; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%d.yaml", i);
        (void)snprintf(texts[i], sizeof(texts[i]), "include: %d.yaml\n%s", i + 1,
                       i == 0 ? "sites:\n" SITE("a.example") : "");
        memory.files[i] = (struct memory_file){names[i], texts[i]};
    }
    (void)snprintf(words, sizeof(words), "%d.yaml:1:10: error: files include each other more than",
                   INCLUDE_DEPTH_MAX - 1);
    expect_message(&memory, words);
    (void)snprintf(texts[INCLUDE_DEPTH_MAX - 1], sizeof(texts[0]), "workers: 3\n");
    settings_destroy(load_fine(&memory));
}

static void files_that_are_not_there(void **state)
{
    static const struct memory missing = {
        .files = {{"etc/main.yaml", "include: [a.yaml]\nsites:\n" SITE("a.example")}}};
    static const struct memory no_folder = {
        .files = {{"main.yaml", "include: [sites.d/*.yaml]\nsites:\n" SITE("a.example")}}};
    static const struct memory none_fits = {
        .files = {{"main.yaml", "include: [sites.d/*.yaml]\nsites:\n" SITE("a.example")},
                  {"sites.d/README", "no configuration"}}};
    static const struct memory wildcard = {
        .files = {{"main.yaml", "include: [\"*/a.yaml\"]\nsites:\n" SITE("a.example")}}};
    static const struct memory folder = {
        .files = {{"main.yaml", "include: [sites.d/]\nsites:\n" SITE("a.example")}}};

    (void)state;
    expect_message(&missing, "etc/main.yaml:1:11: error: 'etc/a.yaml' cannot be read: No such");
    expect_message(&no_folder, "main.yaml:1:11: error: 'sites.d' cannot be read: No such file");
    expect_message(&wildcard, "main.yaml:1:11: error: '*/a.yaml' has a wildcard in a folder");
    expect_message(&folder, "main.yaml:1:11: error: 'sites.d/' is a folder");
    settings_destroy(load_fine(&none_fits));
}

/* Variables. */

static void variables_are_put_into_values(void **state)
{
    static const struct memory memory = {
        .files = {{"main.yaml",
                   "include: [\"${PART}.d/*.yaml\"]\n"
                   "workers: ${WORKERS}\n"
                   "limits: { body: \"${BODY:-3M}\", head: \"${EMPTY:-8k}\" }\n"
                   "sites:\n"
                   "  - hosts: [\"${HOST}\", \"www.${HOST}\"]\n"
                   "    respond:\n"
                   "      body: 'cost: $5, ${EMPTY}$${HOST} $$ ${NOTE:-a: [b], \"c\"}'\n"
                   "      fields: { X-A: \"${HOST}\", \"X-$B\": c }\n"},
                  {"parts.d/a.yaml", "trusted_proxies: ${NETWORK}\n"}},
        .variables = {"PART=parts", "WORKERS=3", "HOST=shop.example",
                      "EMPTY=", "NETWORK=10.0.0.0/8"}};
    struct settings *settings = load_fine(&memory);

    (void)state;
    assert_int_equal(settings->workers, 3);
    assert_int_equal(settings->limits.body, 3 << 20);
    assert_int_equal(settings->limits.head, 8192);
    assert_int_equal(settings->sites[0].hosts.count, 2);
    assert_string_equal(settings->sites[0].hosts.items[1], "www.shop.example");
    assert_string_equal(settings->sites[0].routes[0].respond->body,
                        "cost: $5, ${HOST} $$ a: [b], \"c\"");
    assert_string_equal(settings->sites[0].routes[0].respond->fields[0].value, "shop.example");
    assert_string_equal(settings->sites[0].routes[0].respond->fields[1].name, "X-$B");
    assert_int_equal(settings->trusted_proxies.count, 1);
    settings_destroy(settings);
}

/* Whatever is in it, it is one text. */
static void a_variable_is_never_structure(void **state)
{
    static const struct memory memory = {
        .files = {{"main.yaml", "workers: 1\nsites:\n  - hosts: [a.example]\n"
                                "    respond: { body: \"${BODY}\" }\n"}},
        .variables = {"BODY=\"}\nworkers: 5 # ${HOME} &a *b"}};
    static const struct memory list = {
        .files = {{"main.yaml", "sites:\n  - hosts: ${HOSTS}\n    respond: {}\n"}},
        .variables = {"HOSTS=[a.example, b.example]"}};
    struct settings *settings = load_fine(&memory);

    (void)state;
    assert_int_equal(settings->workers, 1);
    assert_string_equal(settings->sites[0].routes[0].respond->body,
                        "\"}\nworkers: 5 # ${HOME} &a *b");
    settings_destroy(settings);
    expect_message(&list, "main.yaml:2:12: error: '[a.example, b.example]' is not a host");
}

static void variables_that_cannot_be_used(void **state)
{
    static const struct {
        const char *value;
        const char *words;
    } cases[] = {
        {"${GONE}", "main.yaml:1:10: error: the environment has no variable 'GONE'\n"
                    "     1 | workers: ${GONE}\n       |          ^~~~~~~\n"
                    "  = help: set it where the gateway is started (systemd: Environment=), or "
                    "give a default: ${GONE:-value}; '$${' stands for '${' itself\n"},
        {"${WORD}", "main.yaml:1:10: error: 'workers' needs a whole number, not 'many'"},
        {"${EMPTY}", "main.yaml:1:10: error: 'workers'"},
        {"${WORD", "error: '${WORD' has no '}'"},
        {"${}", "error: '' is not a name of an environment variable"},
        {"${1A}", "error: '1A' is not a name of an environment variable"},
        {"${WORD-x}", "error: '${WORD-x}' is not understood"},
        {"${GONE:-${WORD}}", "error: the default of ${GONE} has a '{'"},
        {"${ODD}", "error: the environment variable 'ODD' is not UTF-8 text"},
        {"[ ${WORD} ]", "main.yaml:1:12: error: not valid YAML: '${' within brackets needs quotes\n"
                        "     1 | workers: [ ${WORD} ]\n       |            ^~~~~~~\n"
                        "  = help: write \"${WORD}\"\n"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct memory memory = {.files = {{"main.yaml", text}},
                                .variables = {"WORD=many", "EMPTY=", "ODD=\xff"}};

        (void)snprintf(text, sizeof(text), "workers: %s\nsites:\n" SITE("a.example"),
                       cases[i].value);
        expect_message(&memory, cases[i].words);
    }
}

/* A value referred to often enough would be larger than any memory. */
static void what_variables_add_is_bounded(void **state)
{
    size_t len = CONFIG_FILE_BYTES_MAX / 8;
    char *variable = malloc(len + 3);
    struct memory memory = {
        .files = {{"main.yaml", "sites:\n  - hosts: [a.example]\n    respond: { body: "
                                "\"${A}${A}${A}${A}${A}${A}${A}${A}${A}${A}${A}${A}\" }\n"}},
        .variables = {variable}};

    (void)state;
    assert_non_null(variable);
    memset(variable, 'a', len + 2);
    memcpy(variable, "A=", 2);
    variable[len + 2] = '\0';
    expect_message(&memory, "main.yaml:3:22: error: the environment's variables make the file");
    free(variable);
}

/* What the gateway does with what the supervisor has read. */
static void a_configuration_can_be_read_again_without_its_files(void **state)
{
    static const struct memory memory = {
        .files = {{"main.yaml", "include: [sites.d/*.yaml]\nworkers: ${WORKERS:-2}\n"
                                "log: { access: \"${LOG}\" }\n"},
                  {"sites.d/b.yaml", "sites:\n" SITE("b.example")},
                  {"sites.d/a.yaml", "sites:\n" SITE("a.example")}},
        .variables = {"LOG=off"}};
    struct settings *first = load_fine(&memory);
    struct config_source source = config_source_again(&first->origin);
    struct config_report report;
    struct settings *second;

    (void)state;
    assert_int_equal(first->origin.variable_count, 2);
    assert_null(first->origin.variables[0].value);
    config_report_init(&report);
    second = config_load_from(&source, first->file, &report);
    assert_int_equal(report.count, 0);
    assert_non_null(second);
    assert_int_equal(second->site_count, 2);
    assert_string_equal(second->sites[0].name, "a.example");
    assert_int_equal(second->workers, 2);
    assert_string_equal(second->log.rules.access, "off");
    config_report_free(&report);
    settings_destroy(second);
    settings_destroy(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_go_on_from_file_to_file_by_name),
        cmocka_unit_test(a_single_text_is_part_of_a_list),
        cmocka_unit_test(paths_are_seen_from_the_file_they_are_in),
        cmocka_unit_test(each_error_names_its_own_file),
        cmocka_unit_test(what_is_said_twice_names_both_places),
        cmocka_unit_test(a_list_that_is_none_is_reported_once),
        cmocka_unit_test(circles_and_files_read_twice_are_errors),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(variables_are_put_into_values),
        cmocka_unit_test(a_variable_is_never_structure),
        cmocka_unit_test(variables_that_cannot_be_used),
        cmocka_unit_test(what_variables_add_is_bounded),
        cmocka_unit_test(a_configuration_can_be_read_again_without_its_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
