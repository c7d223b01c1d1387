#include "process/inherited.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/starter.h"

/* A kernel before 5.9 lacks close_range, and a filter of system calls may refuse it. */
static void close_each(int first)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);
        if (fd >= first && fd != dirfd(folder)) {
            (void)close(fd);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

void inherited_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, UINT_MAX, 0) != 0) {
        close_each(first);
    }
}

/* -1: this process takes nobody's place. */
static int take_link(void)
{
    const char *text = getenv(STARTER_VARIABLE);
    int kind = 0;
    socklen_t len = sizeof(kind);
    bool is_one = text != NULL && atoi(text) == STARTER_LINK_FD &&
                  getsockopt(STARTER_LINK_FD, SOL_SOCKET, SO_TYPE, &kind, &len) == 0 &&
                  kind == SOCK_SEQPACKET;

    (void)unsetenv(STARTER_VARIABLE);
    if (is_one) {
        (void)fcntl(STARTER_LINK_FD, F_SETFD, FD_CLOEXEC);
    }
    return is_one ? STARTER_LINK_FD : -1;
}

void inherited_take(struct inherited *inherited)
{
    int count = 0;

    *inherited = (struct inherited){.link_fd = take_link()};
    if (inherited->link_fd >= 0) {
        inherited_close_from(STARTER_LINK_FD + 1);
        return;
    }
    given_from_environment(&inherited->given, &count);
    inherited_close_from(STDERR_FILENO + 1 + count);
}

void inherited_raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
