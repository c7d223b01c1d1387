/* tidegate diff: what a reload would change. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/diff_json.h"
#include "cli/diff_sides.h"
#include "cli/diff_words.h"
#include "cli/options.h"

/* running NULL: two files are compared. */
static void tell(struct diff_sides *sides, const struct diff_running *running, bool as_json)
{
    struct diff_changes changes;
    json_t *object;

    diff_collect(&changes, sides, running, clock_wall_s());
    if (!as_json) {
        diff_print(sides, &changes, running);
        return;
    }
    object = diff_json(sides, &changes, running);
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(object);
}

/* Against what runs. */
static bool diff_with_running(const char *file, const char *socket_path, bool as_json,
                              struct config_report *report, struct error *error)
{
    json_t *configuration = control_get_json(socket_path, "/configuration", error);
    json_t *status = configuration != NULL ? control_get_json(socket_path, "/status", error) : NULL;
    json_t *certificates =
        status != NULL ? control_get_json(socket_path, "/certificates", error) : NULL;
    bool ok = certificates != NULL;
    struct diff_sides sides;

    if (ok) {
        ok = diff_sides_running(&sides, configuration, file, report, error);
        if (ok) {
            tell(&sides, &(struct diff_running){status, certificates}, as_json);
        }
        diff_sides_free(&sides);
    }
    json_decref(certificates);
    json_decref(status);
    json_decref(configuration);
    return ok;
}

static bool diff_files(const char *const files[2], bool as_json, struct config_report *report,
                       struct error *error)
{
    struct diff_sides sides;
    bool ok = diff_sides_files(&sides, files[0], files[1], report, error);

    if (ok) {
        tell(&sides, NULL, as_json);
    }
    diff_sides_free(&sides);
    return ok;
}

/* Finds the file and the socket first. */
static bool diff_given(const char *given, const char *given_socket, bool as_json,
                       struct config_report *report, struct error *error)
{
    const char *file = config_find_file(given, error);
    char *socket_path;
    bool ok;

    if (file == NULL) {
        return false;
    }
    socket_path =
        given_socket != NULL ? xstrdup(given_socket) : control_path_of_config(file, error);
    ok = socket_path != NULL && diff_with_running(file, socket_path, as_json, report, error);
    free(socket_path);
    return ok;
}

int cmd_diff(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const char *files[2] = {NULL, NULL};
    bool as_json = false;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL},
                                        {"--json", NULL, NULL, &as_json}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), files, ARRAY_LEN(files));
    struct config_report report;
    struct error error;
    bool ok;

    if (result != OPTIONS_OK) {
        return result;
    }
    if ((files[0] == NULL) != (files[1] == NULL) ||
        (files[0] != NULL && (config != NULL || socket_path != NULL))) {
        return usage_error("diff", "two files, or -c and --socket");
    }
    config_report_init(&report);
    ok = files[0] != NULL ? diff_files(files, as_json, &report, &error)
                          : diff_given(config, socket_path, as_json, &report, &error);
    if (!ok) {
        config_report_print(&report, stderr, options_color(stderr));
        (void)fprintf(stderr, "tidegate diff: %s\n", error.text);
    }
    config_report_free(&report);
    return ok ? 0 : 1;
}
