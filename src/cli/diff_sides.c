#include "cli/diff_sides.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/control_client.h"

/* Takes "." and ".." out of an absolute path; where it begins (a working directory) has no links.
 */
static void make_plain(char *path)
{
    char *to = path;
    char *next = NULL;

    for (char *name = strtok_r(path + 1, "/", &next); name != NULL;
         name = strtok_r(NULL, "/", &next)) {
        size_t len = strlen(name);

        if (strcmp(name, "..") == 0) {
            while (to > path && *--to != '/') {
            }
        } else if (strcmp(name, ".") != 0) {
            *to++ = '/';
            memmove(to, name, len);
            to += len;
        }
    }
    if (to == path) {
        *to++ = '/';
    }
    *to = '\0';
}

const char *diff_absolute(struct arena *arena, const char *folder, const char *path)
{
    char own[PATH_MAX];
    char *whole;

    if (path[0] == '/') {
        whole = arena_cstr(arena, span_from_cstr(path));
    } else {
        if (folder == NULL) {
            folder = getcwd(own, sizeof(own)) != NULL ? own : "/";
        }
        whole = arena_printf(arena, "%s/%s", folder, path);
    }
    make_plain(whole);
    return whole;
}

/* ---- what runs ---- */

/* Objects of the answer with their names, absolute where they are paths. */
struct named {
    const json_t *items;
    const char **names;
};

struct running {
    struct arena *arena;
    const char *folder;
    struct named files;
    struct named folders;
    struct named variables;
};

static struct named named_of(const struct running *running, const json_t *answer, const char *list,
                             bool are_paths)
{
    struct named named = {.items = json_object_get(answer, list)};
    size_t count = json_array_size(named.items);

    named.names = arena_calloc(running->arena, (count + 1) * sizeof(*named.names));
    for (size_t i = 0; i < count; i++) {
        const char *name = control_text(json_array_get(named.items, i), "name");

        named.names[i] = are_paths ? diff_absolute(running->arena, running->folder, name) : name;
    }
    return named;
}

static void running_init(struct running *running, struct arena *arena, const json_t *answer)
{
    *running = (struct running){.arena = arena, .folder = control_text(answer, "folder")};
    running->files = named_of(running, answer, "files", true);
    running->folders = named_of(running, answer, "folders", true);
    running->variables = named_of(running, answer, "variables", false);
}

static const json_t *find_named(const struct named *named, const char *name)
{
    for (size_t i = 0; i < json_array_size(named->items); i++) {
        if (strcmp(named->names[i], name) == 0) {
            return json_array_get(named->items, i);
        }
    }
    errno = ENOENT;
    return NULL;
}

static bool running_read(void *arg, const char *path, struct strbuf *text)
{
    const struct running *running = arg;
    const json_t *file =
        find_named(&running->files, diff_absolute(running->arena, running->folder, path));
    const json_t *content = json_object_get(file, "text");

    if (content == NULL) {
        return false;
    }
    strbuf_add(text, span_make(json_string_value(content), json_string_length(content)));
    return true;
}

static bool running_list(void *arg, const char *folder, config_name_taker *take, void *to)
{
    const struct running *running = arg;
    const json_t *found =
        find_named(&running->folders, diff_absolute(running->arena, running->folder, folder));
    const json_t *entries = json_object_get(found, "entries");

    for (size_t i = 0; i < json_array_size(entries); i++) {
        take(to, json_string_value(json_array_get(entries, i)));
    }
    return found != NULL;
}

static const char *running_variable(void *arg, const char *name)
{
    const struct running *running = arg;

    return json_string_value(json_object_get(find_named(&running->variables, name), "value"));
}

/* ---- the file, with the environment of what runs ---- */

struct candidate {
    struct running *running;
    struct diff_sides *sides;
};

static bool candidate_read(void *arg, const char *path, struct strbuf *text)
{
    (void)arg;
    return config_source_disk.read(NULL, path, text);
}

static bool candidate_list(void *arg, const char *folder, config_name_taker *take, void *to)
{
    (void)arg;
    return config_source_disk.list(NULL, folder, take, to);
}

/* Each is asked for once. */
static const char *candidate_variable(void *arg, const char *name)
{
    struct candidate *candidate = arg;
    struct arena *arena = &candidate->sides->arena;
    struct string_list *own = &candidate->sides->own_variables;
    const char **items;

    if (find_named(&candidate->running->variables, name) != NULL) {
        return running_variable(candidate->running, name);
    }
    items = arena_calloc(arena, (own->count + 1) * sizeof(*items));
    if (own->count != 0) {
        memcpy(items, own->items, own->count * sizeof(*items));
    }
    items[own->count] = arena_cstr(arena, span_from_cstr(name));
    *own = (struct string_list){items, own->count + 1};
    return config_source_disk.variable(NULL, name);
}

static void init(struct diff_sides *sides)
{
    *sides = (struct diff_sides){0};
    arena_init(&sides->arena, (size_t)16 << 10);
}

bool diff_sides_running(struct diff_sides *sides, const json_t *answer, const char *file,
                        struct config_report *report, struct error *error)
{
    struct running running;
    struct config_source old = {running_read, running_list, running_variable, &running, NULL};
    struct candidate candidate = {&running, sides};
    struct config_source new = {candidate_read, candidate_list, candidate_variable, &candidate,
                                NULL};
    struct config_report old_report;

    init(sides);
    running_init(&running, &sides->arena, answer);
    sides->folder = running.folder;
    config_report_init(&old_report);
    sides->before = config_load_from(
        &old, diff_absolute(&sides->arena, running.folder, control_text(answer, "file")),
        &old_report);
    config_report_free(&old_report);
    if (sides->before == NULL) {
        return error_set(error, "what runs is of another version of Tidegate: this one cannot read "
                                "its configuration");
    }
    sides->after = config_load_from(&new, diff_absolute(&sides->arena, NULL, file), report);
    return sides->after != NULL || error_set(error, "%s has errors", file);
}

/* ---- two files ---- */

bool diff_sides_files(struct diff_sides *sides, const char *before, const char *after,
                      struct config_report *report, struct error *error)
{
    struct config_source other = config_source_disk;
    const char *slash = strrchr(before, '/');

    init(sides);
    sides->before = config_load_from(&config_source_disk, before, report);
    if (sides->before == NULL) {
        return error_set(error, "%s has errors", before);
    }
    other.folder =
        arena_cstr(&sides->arena, span_make(before, slash == NULL     ? 0
                                                    : slash == before ? 1
                                                                      : (size_t)(slash - before)));
    sides->after = config_load_from(&other, after, report);
    return sides->after != NULL ||
           error_set(error, "%s, in the place of %s, has errors", after, before);
}

void diff_sides_free(struct diff_sides *sides)
{
    settings_destroy(sides->before);
    settings_destroy(sides->after);
    arena_destroy(&sides->arena);
}
