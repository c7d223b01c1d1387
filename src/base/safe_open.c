#include "base/safe_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* As the kernel has it (path_resolution(7)). */
#define LINKS_MAX 40

struct walk {
    int folder; /* where it has come to */
    struct stat info;
    char left[PATH_MAX]; /* of the path, from there */
    unsigned links;
};

static bool is_ours(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

/* Whether nobody but root and we can add or replace entries of the folder. */
static bool is_trusted(const struct walk *walk)
{
    return is_ours(walk->info.st_uid) && (walk->info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Links of processes' descriptors (/dev/stdout leads there) have no path to walk on. */
static bool is_in_proc(const struct walk *walk)
{
    struct statfs info;

    return fstatfs(walk->folder, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

static bool go_to(struct walk *walk, int folder)
{
    if (folder < 0 || fstat(folder, &walk->info) != 0) {
        int number = errno;
        if (folder >= 0) {
            (void)close(folder);
        }
        errno = number;
        return false;
    }
    if (walk->folder >= 0) {
        (void)close(walk->folder);
    }
    walk->folder = folder;
    return true;
}

static bool begin_at(struct walk *walk, const char *path)
{
    return *path != '/' || go_to(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Puts the link's target in front of what is left. `rest` lies in walk->left. */
static bool follow(struct walk *walk, const char *name, const char *rest)
{
    char target[PATH_MAX];
    struct stat link;
    ssize_t len;
    int written;

    if (fstatat(walk->folder, name, &link, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    bool is_sticky = is_ours(walk->info.st_uid) && (walk->info.st_mode & S_ISVTX) != 0;
    if (!is_trusted(walk) && !(is_sticky && is_ours(link.st_uid))) {
        errno = ELOOP;
        return false;
    }
    len = readlinkat(walk->folder, name, target, sizeof(target) - 1);
    if (len < 0) {
        return false;
    }
    target[len] = '\0';
    if (++walk->links > LINKS_MAX) {
        errno = ELOOP;
        return false;
    }
    char all[PATH_MAX];
    written = snprintf(all, sizeof(all), "%s%s%s", target, *rest != '\0' ? "/" : "", rest);
    if (written < 0 || (size_t)written >= sizeof(all)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(walk->left, all, (size_t)written + 1);
    return begin_at(walk, walk->left);
}

/* One folder on, or through one link. */
static bool step(struct walk *walk, const char *name, const char *rest)
{
    struct stat entry;

    if (fstatat(walk->folder, name, &entry, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    if (S_ISLNK(entry.st_mode)) {
        return follow(walk, name, rest);
    }
    if (!go_to(walk, openat(walk->folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))) {
        return false;
    }
    memmove(walk->left, rest, strlen(rest) + 1);
    return true;
}

/* In a folder that others can write in, the file must be the folder owner's or ours, and have no
 * second name, under which it may be somebody else's secret. */
static bool may_append(const struct walk *walk, int fd)
{
    struct stat info;

    if (fstat(fd, &info) != 0) {
        return false;
    }
    if (is_trusted(walk) || !S_ISREG(info.st_mode) ||
        ((is_ours(info.st_uid) || info.st_uid == walk->info.st_uid) && info.st_nlink == 1)) {
        return true;
    }
    errno = EPERM;
    return false;
}

static int open_last(struct walk *walk, const char *name, mode_t mode)
{
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd;

    if (is_in_proc(walk)) {
        return openat(walk->folder, name, flags & ~O_CREAT);
    }
    fd = openat(walk->folder, name, flags | O_NOFOLLOW, mode);
    if (fd >= 0 && !may_append(walk, fd)) {
        int number = errno;
        (void)close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static bool is_link(const struct walk *walk, const char *name)
{
    struct stat entry;

    return fstatat(walk->folder, name, &entry, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(entry.st_mode) && !is_in_proc(walk);
}

/* Each turn takes one name off walk->left. */
static int walk_to(struct walk *walk, mode_t mode)
{
    for (;;) {
        char name[NAME_MAX + 1];
        const char *at = walk->left + strspn(walk->left, "/");
        size_t len = strcspn(at, "/");
        const char *rest = at + len + strspn(at + len, "/");

        if (len == 0) {
            errno = EISDIR;
            return -1;
        }
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, at, len);
        name[len] = '\0';
        if (*rest == '\0' && !is_link(walk, name)) {
            return open_last(walk, name, mode);
        }
        if (!step(walk, name, rest)) {
            return -1;
        }
    }
}

static void explain(struct error *error, int number, const char *what, const char *path)
{
    if (number == ELOOP) {
        (void)error_set(error,
                        "%s %s: there is a symbolic link on the way that others than root can have "
                        "made, and it is not followed; name the place it leads to, or let root own "
                        "the folder that it is in",
                        what, path);
    } else if (number == EPERM) {
        (void)error_set(
            error,
            "%s %s: it lies in a folder that others can write in, and is not theirs, or "
            "has a second name (a hard link); remove it, or let root own the folder",
            what, path);
    } else {
        (void)error_set_errno(error, number, "%s %s", what, path);
    }
}

int safe_open_append(const char *path, mode_t mode, const char *what, struct error *error)
{
    struct walk walk = {.folder = -1};
    size_t len = strlen(path);
    int fd = -1;

    errno = len == 0 ? ENOENT : ENAMETOOLONG;
    if (len != 0 && len < sizeof(walk.left) &&
        go_to(&walk, open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) && begin_at(&walk, path)) {
        memcpy(walk.left, path, len + 1);
        fd = walk_to(&walk, mode);
    }
    int number = errno;
    if (walk.folder >= 0) {
        (void)close(walk.folder);
    }
    if (fd < 0) {
        explain(error, number, what, path);
    }
    return fd;
}
