#include "process/inherited.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A kernel before 5.9 lacks close_range, and a filter of system calls may refuse it. */
static void close_each(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && fd != dirfd(folder)) {
            (void)close(fd);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

void inherited_close(void)
{
    if (syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0) != 0) {
        close_each();
    }
}
