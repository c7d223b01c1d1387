#include "base/sealed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int sealed_file_make(const char *name, struct span bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -1;
    }
    if ((bytes.len != 0 && pwrite(fd, bytes.ptr, bytes.len, 0) != (ssize_t)bytes.len) ||
        fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
        int number = errno;
        (void)close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

bool sealed_file_read(int fd, size_t max, char **bytes, size_t *len)
{
    struct stat info;
    int seals = fcntl(fd, F_GET_SEALS);
    bool is_sound = seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &info) == 0 &&
                    (uint64_t)info.st_size <= max;

    if (!is_sound) {
        return false;
    }
    *len = (size_t)info.st_size;
    *bytes = xmalloc(*len + 1);
    if (pread(fd, *bytes, *len, 0) != (ssize_t)*len) {
        explicit_bzero(*bytes, *len);
        free(*bytes);
        return false;
    }
    return true;
}
