#include "process/watcher.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_opener.h"
#include "base/log.h"

/* Links on the way to a file; as the kernel has it (path_resolution(7)). */
#define LINKS_MAX 40
/* A look at many files shall take no more than a twentieth of a processor. */
#define LOOK_SHARE 20
#define FOLDER_EVENTS                                                                              \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watched {
    char *path;
    struct file_stamp stamp;
    enum bundle_kind kind;
    bool is_config;
};

void watcher_init(struct watcher *watcher)
{
    *watcher = (struct watcher){.fd = -1};
}

/* ---- watching the way to a file ---- */

/* -1: it cannot be watched. */
static int watch_folder(struct watcher *watcher, const char *folder)
{
    int watch = watcher->fd >= 0 ? inotify_add_watch(watcher->fd, folder, FOLDER_EVENTS) : -1;

    if (watch < 0 && errno == ENOSPC && !watcher->is_told) {
        watcher->is_told = true;
        log_warn("the kernel watches no more folders for changes (fs.inotify.max_user_watches): "
                 "some files are looked at every %d s instead",
                 WATCHER_SLOW_MS / 1000);
    }
    return watch;
}

struct walk {
    struct watcher *watcher;
    char left[PATH_MAX]; /* to be walked, without a '/' in front */
    char at[PATH_MAX];   /* walked: a folder; "" is the working directory */
    int links;
};

/* `at` and `name` as one path. */
static bool join(char out[PATH_MAX], const char *at, const char *name)
{
    const char *between = at[0] == '\0' || strcmp(at, "/") == 0 ? "" : "/";

    return snprintf(out, PATH_MAX, "%s%s%s", at, between, name) < PATH_MAX;
}

/* Puts a path in front of what is left. */
static bool go_by(struct walk *walk, const char *path)
{
    char rest[PATH_MAX];

    (void)snprintf(rest, sizeof(rest), "%s", walk->left);
    if (path[0] == '/') {
        (void)snprintf(walk->at, sizeof(walk->at), "/");
    }
    path += strspn(path, "/");
    return rest[0] == '\0'
               ? snprintf(walk->left, sizeof(walk->left), "%s", path) < (int)sizeof(walk->left)
               : snprintf(walk->left, sizeof(walk->left), "%s/%s", path, rest) <
                     (int)sizeof(walk->left);
}

/* Takes the next name off what is left. */
static void take_name(struct walk *walk, char name[PATH_MAX])
{
    size_t len = strcspn(walk->left, "/");
    size_t skipped = len + strspn(walk->left + len, "/");

    memcpy(name, walk->left, len);
    name[len] = '\0';
    memmove(walk->left, walk->left + skipped, strlen(walk->left + skipped) + 1);
}

/* Watches each folder in which the path may come to lead elsewhere: those that have a link on the
 * way, and the one in which the way ends, be it at the file or before it. */
static void watch_way(struct watcher *watcher, const char *path)
{
    struct walk walk = {.watcher = watcher};
    char name[PATH_MAX];
    char next[PATH_MAX];
    char target[PATH_MAX];

    if (!go_by(&walk, path)) {
        return;
    }
    while (walk.left[0] != '\0') {
        ssize_t len;
        take_name(&walk, name);
        if (!join(next, walk.at, name)) {
            return;
        }
        len = readlink(next, target, sizeof(target) - 1);
        if (len >= 0) {
            target[len] = '\0';
            (void)watch_folder(watcher, walk.at[0] != '\0' ? walk.at : ".");
            if (++walk.links > LINKS_MAX || !go_by(&walk, target)) {
                return;
            }
            continue;
        }
        if (walk.left[0] == '\0' || access(next, F_OK) != 0) {
            (void)watch_folder(watcher, walk.at[0] != '\0' ? walk.at : ".");
            return;
        }
        (void)snprintf(walk.at, sizeof(walk.at), "%s", next);
    }
}

/* ---- folders of certificates ---- */

static void add_folder(struct watcher *watcher, const char *folder)
{
    int watch = watch_folder(watcher, folder);

    if (watch >= 0) {
        watcher->folders = xrealloc(watcher->folders, (watcher->folder_count + 1) * sizeof(int));
        watcher->folders[watcher->folder_count++] = watch;
    }
}

/* And the folders in it, whose certificates count as well. */
static void watch_certificates(struct watcher *watcher, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_MAX];

    watch_way(watcher, folder);
    add_folder(watcher, folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && entry->d_type != DT_REG &&
            join(path, folder, entry->d_name)) {
            add_folder(watcher, path); /* IN_ONLYDIR: nothing comes of what is no folder */
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static bool is_of_certificates(const struct watcher *watcher, int watch)
{
    for (size_t i = 0; i < watcher->folder_count; i++) {
        if (watcher->folders[i] == watch) {
            return true;
        }
    }
    return false;
}

/* ---- what is watched ---- */

struct taking {
    struct watcher *watcher;
    bool (*is_config)(const void *arg, const char *path);
    const void *arg;
};

/* Its watches. */
static void watch(struct watcher *watcher, const struct watched *file)
{
    if (file->kind == BUNDLE_FOLDER) {
        watch_certificates(watcher, file->path);
    } else {
        watch_way(watcher, file->path);
    }
}

static void take(void *arg, const struct bundle_named *named)
{
    const struct taking *taking = arg;
    struct watcher *watcher = taking->watcher;
    struct watched *file;

    if (named->kind == BUNDLE_ROOT) {
        return;
    }
    if ((watcher->file_count & (watcher->file_count - 1)) == 0) {
        size_t room = watcher->file_count == 0 ? 1 : 2 * watcher->file_count;
        watcher->files = xrealloc(watcher->files, room * sizeof(*watcher->files));
    }
    file = &watcher->files[watcher->file_count++];
    *file = (struct watched){.path = xstrdup(named->path),
                             .stamp = named->stamp,
                             .kind = named->kind,
                             .is_config = named->kind == BUNDLE_NAMES ||
                                          taking->is_config(taking->arg, named->path)};
    watch(watcher, file);
}

/* ---- folders that were followed before ---- */

struct folders {
    const char **paths; /* sorted */
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct folders folders_of(const struct watcher *watcher)
{
    struct folders folders = {xcalloc(watcher->file_count + 1, sizeof(char *)), 0};

    for (size_t i = 0; i < watcher->file_count; i++) {
        if (watcher->files[i].kind == BUNDLE_FOLDER) {
            folders.paths[folders.count++] = watcher->files[i].path;
        }
    }
    qsort(folders.paths, folders.count, sizeof(char *), by_text);
    return folders;
}

/* Whether there is one that was not among them: what came to be in it before its watch nobody has
 * told. */
static bool has_new_folder(const struct watcher *watcher, const struct watcher *before)
{
    struct folders folders = folders_of(before);
    bool is_new = false;

    for (size_t i = 0; !is_new && i < watcher->file_count; i++) {
        const char *path = watcher->files[i].path;
        is_new = watcher->files[i].kind == BUNDLE_FOLDER &&
                 bsearch(&path, folders.paths, folders.count, sizeof(char *), by_text) == NULL;
    }
    free(folders.paths);
    return is_new;
}

static void forget(struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->file_count; i++) {
        free(watcher->files[i].path);
    }
    free(watcher->files);
    free(watcher->folders);
    if (watcher->fd >= 0) {
        (void)close(watcher->fd);
    }
    *watcher = (struct watcher){.fd = -1, .is_told = watcher->is_told};
}

void watcher_follow(struct watcher *watcher, const struct bundle_head *head,
                    bool (*is_config)(const void *arg, const char *path), const void *arg)
{
    struct taking taking = {watcher, is_config, arg};
    struct watcher before = *watcher;

    *watcher = (struct watcher){.fd = -1, .is_told = before.is_told};
    watcher->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watcher->fd < 0 && !watcher->is_told) {
        watcher->is_told = true;
        log_warn("the kernel does not watch files for changes: %s; they are looked at every %d s",
                 strerror(errno), WATCHER_SLOW_MS / 1000);
    }
    bundle_head_each(head, take, &taking);
    /* The watches before end when those now have begun, so that nothing falls between. Whoever
     * follows for the first time has not built anything yet. */
    if (before.file_count != 0) {
        watcher_read(&before);
        watcher->news = before.news | (has_new_folder(watcher, &before) ? WATCHER_FILES : 0);
    }
    forget(&before);
    watcher->first_ms = watcher->last_ms = clock_ms(); /* since the bundle was made */
    watcher->next_slow_ms = clock_ms() + WATCHER_SLOW_MS;
}

/* ---- news ---- */

static void take_event(struct watcher *watcher, const struct inotify_event *event)
{
    if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        watcher->is_lost = true;
    }
    if ((event->mask & IN_Q_OVERFLOW) != 0 && watcher->folder_count != 0) {
        watcher->news |= WATCHER_FILES; /* of which folder, it does not say */
    }
    if (is_of_certificates(watcher, event->wd)) {
        watcher->news |= WATCHER_FILES;
        watcher->is_lost |= (event->mask & IN_ISDIR) != 0; /* a folder in it that is new */
    }
}

void watcher_read(struct watcher *watcher)
{
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t len;

    while ((len = read(watcher->fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            take_event(watcher, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
        watcher->last_ms = clock_ms();
        watcher->first_ms = watcher->first_ms != 0 ? watcher->first_ms : watcher->last_ms;
    }
}

uint64_t watcher_deadline(const struct watcher *watcher)
{
    uint64_t deadline = watcher->next_slow_ms;

    if (watcher->first_ms != 0) {
        uint64_t quiet = watcher->last_ms + WATCHER_QUIET_MS;
        uint64_t patience = watcher->first_ms + WATCHER_PATIENCE_MS;
        uint64_t soon = quiet < patience ? quiet : patience;
        deadline = soon < deadline ? soon : deadline;
    }
    if (watcher->file_count == 0) {
        return UINT64_MAX;
    }
    return deadline > watcher->earliest_ms ? deadline : watcher->earliest_ms;
}

static void walk_all(struct watcher *watcher)
{
    watcher->is_lost = false;
    watcher->folder_count = 0;
    for (size_t i = 0; i < watcher->file_count; i++) {
        watch(watcher, &watcher->files[i]);
    }
}

static unsigned look_at(struct watcher *watcher, struct watched *file)
{
    struct file_stamp stamp;

    if (file->kind == BUNDLE_FOLDER) {
        return 0; /* its watch tells */
    }
    if (file->stamp.inode == 0) {
        watch(watcher, file); /* the way to it may go on now */
    }
    stamp = file_opener_stamp(file->path);
    if (file_stamp_equal(&stamp, &file->stamp)) {
        return 0;
    }
    watch(watcher, file);                        /* it may lead elsewhere now, */
    file->stamp = file_opener_stamp(file->path); /* and be another one again since */
    return file->is_config ? WATCHER_CONFIG : WATCHER_FILES;
}

unsigned watcher_look(struct watcher *watcher)
{
    uint64_t used = clock_thread_used_ms();
    unsigned news = watcher->news;

    if (watcher->is_lost) {
        walk_all(watcher);
    }
    for (size_t i = 0; i < watcher->file_count; i++) {
        news |= look_at(watcher, &watcher->files[i]);
    }
    watcher->news = 0;
    watcher->first_ms = 0;
    used = clock_thread_used_ms() - used;
    watcher->earliest_ms = clock_ms() + used * LOOK_SHARE;
    watcher->next_slow_ms = clock_ms() + WATCHER_SLOW_MS;
    return news;
}

void watcher_let_go(const struct watcher *watcher)
{
    if (watcher->fd >= 0) {
        (void)close(watcher->fd);
    }
}

void watcher_free(struct watcher *watcher)
{
    forget(watcher);
}
