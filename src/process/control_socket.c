#include "process/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/sock.h"

enum { BACKLOG = 16 };

/* In the same folder, and no longer than the path: a socket's has little room. */
static char *path_aside(const char *path)
{
    char *aside = xstrdup(path);
    char *last = aside + strlen(aside) - 1;

    *last = *last == '~' ? '+' : '~';
    return aside;
}

static bool check_path(const char *path, struct error *error)
{
    struct stat info;

    if (path[0] == '\0' || (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode))) {
        return error_set(error,
                         "control: a file is at '%s' that is no socket; it is left alone, "
                         "choose another path",
                         path);
    }
    return true;
}

bool control_socket_open(struct control_socket *control, const char *path, bool aside,
                         struct error *error)
{
    struct sock_address address;
    struct error why;
    struct stat info;
    mode_t old_mask;

    *control = CONTROL_SOCKET_NONE;
    if (path == NULL || strcmp(path, "off") == 0) {
        return true;
    }
    if (!sock_address_from_path(&address, path)) {
        return error_set(error, "control: '%s' is too long for the path of a socket", path);
    }
    if (!check_path(path, error)) {
        return false;
    }
    control->path = xstrdup(path);
    control->now = aside ? path_aside(path) : xstrdup(path);
    if ((aside && !check_path(control->now, error)) ||
        !sock_address_from_path(&address, control->now)) {
        control_socket_close(control);
        return false;
    }
    old_mask = umask(0177); /* so that the file never exists with wider rights */
    control->fd = sock_listen(&address, BACKLOG, &why);
    (void)umask(old_mask);
    if (control->fd < 0) {
        control_socket_close(control);
        return error_set(error, "control: %.900s", why.text);
    }
    if (lstat(control->now, &info) == 0) {
        control->device = info.st_dev;
        control->inode = info.st_ino;
    }
    return true;
}

void control_socket_settle(struct control_socket *control)
{
    if (control->fd < 0 || strcmp(control->now, control->path) == 0) {
        return;
    }
    if (rename(control->now, control->path) != 0) {
        log_error("control: the socket stays at '%s': it cannot be renamed to '%s': %s",
                  control->now, control->path, strerror(errno));
        return;
    }
    free(control->now);
    control->now = xstrdup(control->path);
}

void control_socket_close(struct control_socket *control)
{
    struct stat info;

    if (control->fd >= 0) {
        (void)close(control->fd);
        if (lstat(control->now, &info) == 0 && info.st_dev == control->device &&
            info.st_ino == control->inode) {
            (void)unlink(control->now);
        }
    }
    free(control->path);
    free(control->now);
    *control = CONTROL_SOCKET_NONE;
}
