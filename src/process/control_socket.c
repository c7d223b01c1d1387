#include "process/control_socket.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/sock.h"

enum { BACKLOG = 16 };

bool control_socket_open(const char *path, int *fd, struct error *error)
{
    struct sock_address address;
    struct error why;
    struct stat info;
    mode_t old_mask;

    *fd = -1;
    if (path == NULL || strcmp(path, "off") == 0) {
        return true;
    }
    if (!sock_address_from_path(&address, path)) {
        return error_set(error, "control: '%s' is too long for the path of a socket", path);
    }
    if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode)) {
        return error_set(error,
                         "control: a file is at '%s' that is no socket; it is left alone, "
                         "choose another path",
                         path);
    }
    old_mask = umask(0177); /* so that the file never exists with wider rights */
    *fd = sock_listen(&address, BACKLOG, &why);
    (void)umask(old_mask);
    return *fd >= 0 || error_set(error, "control: %.900s", why.text);
}

void control_socket_close(const char *path, int fd)
{
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(path);
    }
}
