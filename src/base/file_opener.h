/* Opening and looking at files whose owner may not be who we are: the gateway's process has given
 * root up, and the files of TLS (keys, authorities, revocation lists) are often root's alone. What
 * this process may not open itself, a helper opens, if one was set (process/file_broker.h).
 *
 * Also who would be able to read a file later: asked at the start, when we are still root. */
#ifndef TIDEGATE_BASE_FILE_OPENER_H
#define TIDEGATE_BASE_FILE_OPENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/file_stamp.h"
#include "base/strbuf.h"

/* Both as open(2) for reading and stat(2): errno tells why not. From any thread. */
struct file_helper {
    int (*open)(void *arg, const char *path);
    int (*stat)(void *arg, const char *path, struct stat *st);
    void *arg;
};

/* Before any thread is started; NULL: none. *helper must stay. */
void file_opener_set_helper(const struct file_helper *helper);

/* Another source than the disk: files as they were when a configuration was loaded
 * (process/bundle.h). False: it does not know the path, which is looked up on the disk then. */
struct file_view {
    /* *fd: the caller's, close-on-exec, at the file's start; -1 with errno. */
    bool (*open)(void *arg, const char *path, int *fd);
    bool (*stamp)(void *arg, const char *path, struct file_stamp *stamp);
    /* As file_opener_list; *ok is what that returns. NULL: it knows no folder. */
    bool (*list)(void *arg, const char *folder, struct strbuf *names, bool *ok);
    void *arg;
};

/* For this thread alone, until it sets another; NULL: none. *view must stay. Returns the one that
 * was set. */
const struct file_view *file_opener_set_view(const struct file_view *view);
/* Whether this thread has one. */
bool file_opener_has_view(void);

/* A descriptor for reading that is closed on exec; -1 with errno. A pipe that nobody writes to is
 * empty, and is not waited for. */
int file_opener_open(const char *path);
/* The same as openat(2), of what the disk has, whatever the view says, and this process may open.
 */
int file_opener_open_at(int folder_fd, const char *path);
/* Adds the names in a folder ("": the working directory), each with a NUL behind it, in any order.
 * False with errno. */
bool file_opener_list(const char *folder, struct strbuf *names) MUST_CHECK;
/* The same for a folder. */
int file_opener_open_folder(const char *path);
/* path NULL, or a file that cannot be looked at: the stamp of no file. */
struct file_stamp file_opener_stamp(const char *path);

/* Whether the modes of the file and of the folders above it let this user read it. A file that is
 * not there counts as readable: that is told of elsewhere. */
bool file_opener_may_read(const char *path, uint32_t user, uint32_t group);
/* Whether root may open a file on behalf of this user without being led to another one: the user
 * may not change the folder that it is in, nor those above (a sticky one like /tmp may be above,
 * but not be the folder itself). */
bool file_opener_is_safe(const char *path, uint32_t user, uint32_t group);

#endif
