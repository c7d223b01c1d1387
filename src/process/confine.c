#include "process/confine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "certs/own_keys.h"
#include "gateway/snapshot.h"
#include "sandbox/sandbox.h"
#include "tls/private_key.h"

/* Where the C library finds what names mean and in which time zone we are, what it loads for that,
 * the authorities that the system trusts, and devices. */
static const char *const system_paths[] = {
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/var/run/NetworkManager",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
    "/dev/random",
};

struct paths {
    struct arena arena;
    const char **items;
    size_t count;
    size_t capacity;
};

static void add(struct paths *paths, const char *path)
{
    if (paths->count == paths->capacity) {
        paths->capacity = paths->capacity != 0 ? 2 * paths->capacity : 64;
        paths->items = xrealloc(paths->items, paths->capacity * sizeof(*paths->items));
    }
    paths->items[paths->count++] = arena_cstr(&paths->arena, span_from_cstr(path));
}

/* The folder that a path is in; the root's is left out. */
static void add_above(struct paths *paths, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        add(paths, ".");
    } else if (slash != path) {
        add(paths, arena_cstr(&paths->arena, span_make(path, (size_t)(slash - path))));
    }
}

/* Where the path leads to, if it is a link; the same once more for what is above it. */
static void add_target_above(struct paths *paths, const char *path)
{
    char target[PATH_MAX];

    if (readlink(path, target, sizeof(target)) >= 0 && realpath(path, target) != NULL) {
        add_above(paths, target);
    }
}

static void add_file(void *arg, const char *owner, const char *path)
{
    (void)owner;
    add_above(arg, path);
    add_target_above(arg, path);
}

/* The folder of a site may be reached by links that are moved to other folders beside those that
 * they lead to now (a release's). Links at the top of the file system lead to other disks. */
static void add_links_on_the_way(struct paths *paths, const char *path)
{
    size_t slashes = 0;

    for (size_t i = 1; path[0] == '/' && path[i] != '\0'; i++) {
        if (path[i] == '/' && ++slashes > 1) {
            add_target_above(paths, arena_cstr(&paths->arena, span_make(path, i)));
        }
    }
}

static void add_folder(struct paths *paths, const char *path)
{
    add(paths, path);
    add_file(paths, NULL, path);
}

static void add_folders(struct paths *paths, const struct settings *settings)
{
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        for (size_t j = 0; j < site->route_count; j++) {
            if (site->routes[j].files != NULL) {
                add_folder(paths, site->routes[j].files->root);
                add_links_on_the_way(paths, site->routes[j].files->root);
            }
        }
        if (site->tls != NULL && site->tls->certificates_from != NULL) {
            add_folder(paths, site->tls->certificates_from);
        }
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];

        if (backend->root != NULL && backend->script_files == SCRIPT_FILES_CHECKED) {
            add_folder(paths, backend->root);
        }
    }
}

/* One more, if it is open; fds NULL: they are counted. */
static void add_open(const struct files_root *root, int *fds, size_t *count)
{
    if (root != NULL && root->fd >= 0) {
        if (fds != NULL) {
            fds[*count] = root->fd;
        }
        (*count)++;
    }
}

/* Those that were opened with more rights than we have now. */
static size_t open_folders(const struct snapshot *snapshot, int *fds)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        const struct site *site = &snapshot->sites[i];
        for (size_t j = 0; j < site->settings->route_count; j++) {
            add_open(site->routes[j].files, fds, &count);
        }
    }
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        add_open(snapshot->scripts[i], fds, &count);
    }
    return count;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void make_unique(struct paths *paths)
{
    size_t kept = 0;

    qsort(paths->items, paths->count, sizeof(*paths->items), by_text);
    for (size_t i = 0; i < paths->count; i++) {
        if (i == 0 || strcmp(paths->items[i], paths->items[kept - 1]) != 0) {
            paths->items[kept++] = paths->items[i];
        }
    }
    paths->count = kept;
}

void confine_supervisor(bool is_confined, bool keep_dumpable)
{
    const struct sandbox_plan plan = {.role = SANDBOX_SUPERVISOR, .keep_dumpable = keep_dumpable};

    sandbox_prepare();
    if (!is_confined) {
        sandbox_skip(SANDBOX_SUPERVISOR, NULL);
        return;
    }
    sandbox_watch(SANDBOX_SUPERVISOR);
    sandbox_enter(&plan);
}

/* ---- modules for keys in tokens ---- */

/* Where a system has modules, and what they are configured with and by. */
static const char *const module_paths[] = {"/usr", "/opt", "/sys", "/proc/cpuinfo",
                                           "/proc/sys/kernel"};

void module_files_of(const struct settings *settings, struct module_files *files)
{
    static const char *const defaults[] = TOKEN_FILES_DEFAULT;
    bool is_given = settings->key_module_files.count != 0;
    const char *const *items = is_given ? settings->key_module_files.items : defaults;
    size_t len = 0;

    *files = (struct module_files){.count = !own_keys_need_module(settings) ? 0
                                            : is_given ? settings->key_module_files.count
                                                       : ARRAY_LEN(defaults)};
    for (size_t i = 0; i < files->count; i++) {
        size_t item = strlen(items[i]) + 1;
        CHECK(len + item <= sizeof(files->texts));
        memcpy(files->texts + len, items[i], item);
        len += item;
    }
}

/* Fills the plan's part; what it points to are `files` and `written`. */
static void add_modules(struct sandbox_plan *plan, struct paths *paths,
                        const struct module_files *files, const char *written[KEY_MODULE_FILES_MAX])
{
    const char *text = files->texts;

    plan->has_modules = files->count != 0;
    plan->written = written;
    plan->written_count = files->count;
    for (size_t i = 0; i < files->count; i++) {
        written[i] = text;
        text += strlen(text) + 1;
    }
    for (size_t i = 0; plan->has_modules && i < ARRAY_LEN(module_paths); i++) {
        add(paths, module_paths[i]);
    }
    if (!plan->has_modules) {
        private_key_close_modules();
    }
}

void confine_keyholder(bool is_confined, const struct module_files *modules, bool keep_dumpable)
{
    struct sandbox_plan plan = {
        .role = SANDBOX_KEYHOLDER, .has_paths = true, .keep_dumpable = keep_dumpable};
    const char *written[KEY_MODULE_FILES_MAX];
    struct paths paths = {0};

    if (!is_confined) {
        sandbox_skip(SANDBOX_KEYHOLDER, NULL);
        return;
    }
    sandbox_watch(SANDBOX_KEYHOLDER);
    arena_init(&paths.arena, (size_t)4 << 10);
    add_modules(&plan, &paths, modules, written);
    for (size_t i = 0; plan.has_modules && i < ARRAY_LEN(system_paths); i++) {
        add(&paths, system_paths[i]);
    }
    plan.paths = paths.items;
    plan.path_count = paths.count;
    sandbox_enter(&plan);
    free(paths.items);
    arena_destroy(&paths.arena);
}

/* ---- the gateway ---- */

void confine_gateway(const struct snapshot *snapshot, bool keep_dumpable)
{
    struct sandbox_plan plan = {
        .role = SANDBOX_GATEWAY, .has_paths = true, .keep_dumpable = keep_dumpable};
    const char *written[KEY_MODULE_FILES_MAX];
    struct module_files modules = {.count = 0};
    struct paths paths = {0};
    int *folders;

    if (snapshot->settings->sandbox == SANDBOX_OFF) {
        sandbox_skip(SANDBOX_GATEWAY, NULL);
        return;
    }
    arena_init(&paths.arena, (size_t)16 << 10);
    for (size_t i = 0; i < ARRAY_LEN(system_paths); i++) {
        add(&paths, system_paths[i]);
    }
    if (snapshot->settings->key_process == KEY_PROCESS_OFF) {
        module_files_of(snapshot->settings, &modules);
    }
    add_modules(&plan, &paths, &modules, written);
    add_folders(&paths, snapshot->settings);
    snapshot_each_file(snapshot, add_file, &paths);
    make_unique(&paths);
    plan.paths = paths.items;
    plan.path_count = paths.count;
    plan.folder_count = open_folders(snapshot, NULL);
    plan.folders = folders = xcalloc(plan.folder_count + 1, sizeof(*folders));
    (void)open_folders(snapshot, folders);
    sandbox_enter(&plan);
    free(folders);
    free(paths.items);
    arena_destroy(&paths.arena);
}
