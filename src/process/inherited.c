#include "process/inherited.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

void inherited_close(void)
{
    inherited_close_from(STDERR_FILENO + 1);
}

void inherited_raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
