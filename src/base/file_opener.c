#include "base/file_opener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct file_helper *helper;
static _Thread_local const struct file_view *view;

void file_opener_set_helper(const struct file_helper *set)
{
    helper = set;
}

bool file_opener_has_view(void)
{
    return view != NULL;
}

const struct file_view *file_opener_set_view(const struct file_view *set)
{
    const struct file_view *before = view;

    view = set;
    return before;
}

/* Opening a pipe by its name waits for somebody who writes, for good where nobody does: a stray one
 * in a folder of certificates would hold up everything that is loaded. */
int file_opener_open_at(int folder_fd, const char *path)
{
    int fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0) {
        int flags = fcntl(fd, F_GETFL);
        CHECK(flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
    }
    return fd;
}

int file_opener_open(const char *path)
{
    int fd;

    if (view != NULL && view->open(view->arg, path, &fd)) {
        return fd;
    }
    fd = file_opener_open_at(AT_FDCWD, path);
    return fd < 0 && errno == EACCES && helper != NULL ? helper->open(helper->arg, path) : fd;
}

bool file_opener_list(const char *folder, struct strbuf *names)
{
    const struct dirent *entry;
    int number;
    DIR *dir;
    bool ok;

    if (view != NULL && view->list != NULL && view->list(view->arg, folder, names, &ok)) {
        return ok;
    }
    dir = opendir(folder[0] != '\0' ? folder : ".");
    if (dir == NULL) {
        return false;
    }
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        strbuf_add(names, span_make(entry->d_name, strlen(entry->d_name) + 1));
        errno = 0;
    }
    number = errno;
    (void)closedir(dir);
    errno = number;
    return number == 0;
}

int file_opener_open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 && errno == EACCES && helper != NULL ? helper->open(helper->arg, path) : fd;
}

struct file_stamp file_opener_stamp(const char *path)
{
    struct file_stamp stamp;
    struct stat st;
    int result;

    if (path == NULL) {
        return (struct file_stamp){0};
    }
    if (view != NULL && view->stamp(view->arg, path, &stamp)) {
        return stamp;
    }
    result = stat(path, &st);
    if (result != 0 && errno == EACCES && helper != NULL) {
        result = helper->stat(helper->arg, path, &st);
    }
    return result == 0 ? file_stamp_from(&st) : (struct file_stamp){0};
}

/* To the folder that the path is in: "/" has itself. */
static void go_up(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');

    if (slash == NULL) {
        (void)memcpy(path, ".", 2);
    } else {
        slash[slash == path ? 1 : 0] = '\0';
    }
}

/* Whether a test holds for all folders above a file; is_own: for the one that it is in. */
static bool all_above(const char *path, uint32_t user, uint32_t group,
                      bool (*test)(const struct file_stamp *folder, bool is_own, uint32_t user,
                                   uint32_t group))
{
    char at[PATH_MAX];
    bool is_own = true;

    if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at)) {
        return false;
    }
    do {
        struct file_stamp stamp;
        go_up(at);
        stamp = file_opener_stamp(at);
        if (!test(&stamp, is_own, user, group)) {
            return false;
        }
        is_own = false;
    } while (strcmp(at, "/") != 0 && strcmp(at, ".") != 0);
    return true;
}

static bool is_enterable(const struct file_stamp *folder, bool is_own, uint32_t user,
                         uint32_t group)
{
    (void)is_own;
    return folder->inode == 0 || file_stamp_enterable_by(folder, user, group);
}

static bool is_out_of_reach(const struct file_stamp *folder, bool is_own, uint32_t user,
                            uint32_t group)
{
    bool is_sticky = (folder->mode & S_ISVTX) != 0;

    return folder->inode != 0 && folder->owner != user &&
           ((is_sticky && !is_own) || !file_stamp_allows(folder, user, group, 2));
}

bool file_opener_may_read(const char *path, uint32_t user, uint32_t group)
{
    struct file_stamp stamp = file_opener_stamp(path);

    return stamp.inode == 0 || (file_stamp_readable_by(&stamp, user, group) &&
                                all_above(path, user, group, is_enterable));
}

bool file_opener_is_safe(const char *path, uint32_t user, uint32_t group)
{
    return user != 0 && all_above(path, user, group, is_out_of_reach);
}
