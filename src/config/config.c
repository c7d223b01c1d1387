#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/strbuf.h"
#include "config/check.h"
#include "config/finish.h"
#include "config/load.h"
#include "config/places.h"
#include "config/resolve.h"
#include "config/yaml.h"

#define ARENA_BLOCK_BYTES ((size_t)16 << 10)

static struct settings *settings_create(const char *file_name)
{
    struct settings *settings = xcalloc(1, sizeof(*settings));

    arena_init(&settings->arena, ARENA_BLOCK_BYTES);
    settings->file = arena_cstr(&settings->arena, span_from_cstr(file_name));
    settings->places = places_create(&settings->arena);
    return settings;
}

void settings_destroy(struct settings *settings)
{
    if (settings != NULL) {
        arena_destroy(&settings->arena);
        free(settings);
    }
}

/* "/etc/tidegate" of "/etc/tidegate/tidegate.yaml", "" of "tidegate.yaml". */
static const char *folder_of(struct settings *settings, const char *file_name)
{
    const char *slash = strrchr(file_name, '/');

    if (slash == NULL) {
        return "";
    }
    return arena_cstr(&settings->arena,
                      span_make(file_name, slash == file_name ? 1 : (size_t)(slash - file_name)));
}

static void load_tree(struct settings *settings, struct yaml_node *root, const char *file_name,
                      struct config_report *report)
{
    struct loader loader = {
        .settings = settings, .report = report, .folder = folder_of(settings, file_name)};

    load_file(&loader, root);
    resolve_backends(&loader);
    free(loader.references);
    finish_settings(settings);
    check_settings(settings, report);
    /* Sorts, so that readers from several threads only read. */
    (void)config_place(settings, settings);
}

static bool is_too_large(size_t len, struct config_report *report)
{
    if (len <= CONFIG_FILE_BYTES_MAX) {
        return false;
    }
    config_report_add(report, CONFIG_ERROR, (struct place){0, 0}, "the file is larger than %zu MiB",
                      CONFIG_FILE_BYTES_MAX >> 20);
    config_report_hint(report, "is it a configuration at all?");
    return true;
}

/* NULL only when there is no tree of values at all. */
static struct settings *load_text_partly(struct span text, const char *file_name,
                                         struct config_report *report)
{
    struct settings *settings = NULL;
    struct yaml_node *root;
    struct arena arena;

    config_report_source(report, file_name,
                         text.len <= CONFIG_FILE_BYTES_MAX ? text : span_make(NULL, 0));
    if (is_too_large(text.len, report)) {
        return NULL;
    }
    arena_init(&arena, ARENA_BLOCK_BYTES);
    root = yaml_parse(text, &arena, report);
    if (root != NULL) {
        settings = settings_create(file_name);
        load_tree(settings, root, file_name, report);
    }
    arena_destroy(&arena);
    return settings;
}

static struct settings *only_if_whole(struct settings *settings, size_t errors_before,
                                      const struct config_report *report)
{
    if (report->errors != errors_before) {
        settings_destroy(settings);
        return NULL;
    }
    return settings;
}

struct settings *config_load_text(struct span text, const char *file_name,
                                  struct config_report *report)
{
    size_t errors_before = report->errors;

    return only_if_whole(load_text_partly(text, file_name, report), errors_before, report);
}

/* Reads to the end, or one byte more than is allowed. */
static bool read_all(int fd, struct strbuf *text)
{
    ssize_t n = 1;

    while (n > 0 && text->len <= CONFIG_FILE_BYTES_MAX) {
        n = read(fd, strbuf_reserve(text, 65536), 65536);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        text->len += n > 0 ? (size_t)n : 0;
    }
    return n >= 0;
}

static void report_unreadable(const char *path, int number, struct config_report *report)
{
    config_report_source(report, path, span_make(NULL, 0));
    config_report_add(report, CONFIG_ERROR, (struct place){0, 0}, "cannot be read: %s",
                      strerror(number));
    config_report_hint(report, number == ENOENT   ? "name the file with -c FILE"
                               : number == EACCES ? "run as a user who may read it, or change its "
                                                    "permissions"
                                                  : "a configuration is a plain text file");
}

struct settings *config_load_file_partly(const char *path, struct config_report *report)
{
    int fd = file_opener_open(path);
    struct settings *settings = NULL;
    struct strbuf text;
    bool ok;

    if (fd < 0) {
        report_unreadable(path, errno, report);
        return NULL;
    }
    strbuf_init(&text);
    ok = read_all(fd, &text);
    if (ok) {
        settings = load_text_partly(strbuf_span(&text), path, report);
    } else {
        report_unreadable(path, errno, report);
    }
    close(fd);
    strbuf_free(&text);
    return settings;
}

struct settings *config_load_file(const char *path, struct config_report *report)
{
    size_t errors_before = report->errors;

    return only_if_whole(config_load_file_partly(path, report), errors_before, report);
}

const char *config_find_file(const char *given, struct error *error)
{
    static const char *const usual[] = {"tidegate.yaml", "/etc/tidegate/tidegate.yaml"};

    if (given != NULL) {
        return given;
    }
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (access(usual[i], F_OK) == 0) {
            return usual[i];
        }
    }
    (void)error_set(error, "no configuration: there is neither ./%s nor %s; name one with -c FILE",
                    usual[0], usual[1]);
    return NULL;
}
