#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "config/check.h"
#include "config/finish.h"
#include "config/load_internal.h"
#include "config/parts.h"
#include "config/places.h"
#include "config/resolve.h"

#define ARENA_BLOCK_BYTES ((size_t)16 << 10)

struct settings *settings_create(const char *file_name)
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

static const char *const *folders_of(struct settings *settings, const struct config_source *source)
{
    const struct settings_origin *origin = &settings->origin;
    const char **folders =
        arena_calloc(&settings->arena, origin->file_count * sizeof(const char *));

    for (size_t i = 0; i < origin->file_count; i++) {
        folders[i] = i == 0 && source->folder != NULL
                         ? source->folder
                         : load_folder_of(&settings->arena, origin->files[i].name);
    }
    return folders;
}

static void load_tree(struct settings *settings, const struct config_source *source,
                      struct yaml_node *root, struct config_report *report)
{
    struct loader loader = {
        .settings = settings, .report = report, .folders = folders_of(settings, source)};

    load_file(&loader, root);
    resolve_backends(&loader);
    free(loader.references);
    finish_settings(settings);
    check_settings(settings, report);
    places_sort(settings->places);
}

/* NULL only when there is no tree of values at all. */
static struct settings *load_from_partly(const struct config_source *source, const char *path,
                                         struct config_report *report)
{
    struct settings *settings = settings_create(path);
    struct yaml_node *root;
    struct arena arena;

    arena_init(&arena, ARENA_BLOCK_BYTES);
    root = parts_read(settings, source, &arena, report);
    if (root != NULL) {
        load_tree(settings, source, root, report);
    } else {
        settings_destroy(settings);
        settings = NULL;
    }
    arena_destroy(&arena);
    return settings;
}

struct settings *config_load_from(const struct config_source *source, const char *path,
                                  struct config_report *report)
{
    size_t errors_before = report->errors;
    struct settings *settings = load_from_partly(source, path, report);

    if (report->errors != errors_before) {
        settings_destroy(settings);
        return NULL;
    }
    return settings;
}

struct settings *config_load_file_partly(const char *path, struct config_report *report)
{
    return load_from_partly(&config_source_disk, path, report);
}

struct settings *config_load_file(const char *path, struct config_report *report)
{
    return config_load_from(&config_source_disk, path, report);
}

struct settings *config_load_text(struct span text, const char *file_name,
                                  struct config_report *report)
{
    struct settings_file file = {file_name, text};
    struct settings_origin origin = {.files = &file, .file_count = 1};
    struct config_source source = config_source_again(&origin);

    return config_load_from(&source, file_name, report);
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
