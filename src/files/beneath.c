#include "files/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"

/* O_NONBLOCK: a FIFO must not make the worker wait. O_NOCTTY: nor a terminal become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int beneath_open(int root_fd, const char *relative)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    /* EAGAIN: a folder was renamed meanwhile, so that the kernel cannot vouch for a ".." in a
     * link (openat2(2)). */
    for (int tries = 0; tries < 4; tries++) {
        long fd = syscall(SYS_openat2, root_fd, relative, &how, sizeof(how));
        if (fd >= 0) {
            return (int)fd;
        }
        if (errno != EAGAIN && errno != EINTR) {
            break;
        }
    }
    /* EPERM is what system call filters of older container runtimes say. */
    if (errno == ENOSYS || errno == EPERM) {
        return beneath_open_by_parts(root_fd, relative);
    }
    return -1;
}

bool beneath_is_file(int root_fd, const char *relative)
{
    int fd = beneath_open(root_fd, relative);
    struct stat st;
    bool is_file;

    if (fd < 0) {
        return false;
    }
    is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    (void)close(fd);
    errno = is_file ? 0 : ENOENT;
    return is_file;
}

static int open_part(int folder_fd, struct span part, int flags)
{
    char name[NAME_MAX + 1];

    if (part.len > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (span_eq(part, SPAN_OF(".."))) {
        errno = EXDEV;
        return -1;
    }
    if (part.len == 0) { /* what stands behind a '/' at the end: the folder itself */
        part = SPAN_OF(".");
    }
    memcpy(name, part.ptr, part.len);
    name[part.len] = '\0';
    return openat(folder_fd, name, flags | O_NOFOLLOW);
}

int beneath_open_by_parts(int root_fd, const char *relative)
{
    struct span rest = span_from_cstr(relative);
    struct span part;
    int fd = root_fd;

    if (rest.len == 0 || rest.ptr[0] == '/') {
        errno = rest.len == 0 ? ENOENT : EXDEV;
        return -1;
    }
    while (span_split(&rest, '/', &part)) {
        bool is_last = rest.ptr == NULL;
        int flags = is_last ? OPEN_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC;
        int next = open_part(fd, part, flags);
        int error = errno;
        if (fd != root_fd) {
            (void)close(fd);
        }
        if (next < 0) {
            errno = error;
            return -1;
        }
        fd = next;
    }
    return fd;
}
