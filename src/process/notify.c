#include "process/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/fd_pass.h"

/* 0: nobody asked. */
static socklen_t address_of_manager(struct sockaddr_un *address)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(address->sun_path) || (path[0] != '/' && path[0] != '@')) {
        return 0;
    }
    memcpy(address->sun_path, path, len);
    if (path[0] == '@') {
        address->sun_path[0] = '\0'; /* the abstract namespace, see unix(7) */
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool notify_is_wanted(void)
{
    struct sockaddr_un address;

    return address_of_manager(&address) != 0;
}

bool notify_send_fd(const char *state, int with_fd)
{
    struct sockaddr_un address;
    socklen_t address_len = address_of_manager(&address);
    bool is_sent;
    int fd;

    if (address_len == 0) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    is_sent = connect(fd, (const struct sockaddr *)&address, address_len) == 0 &&
              fd_pass_send(fd, state, strlen(state), with_fd);
    (void)close(fd);
    return is_sent;
}

void notify_send(const char *state)
{
    (void)notify_send_fd(state, -1);
}

void notify_reloading(void)
{
    char state[80];

    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_us());
    notify_send(state);
}

void notify_main(pid_t pid)
{
    char state[80];

    (void)snprintf(state, sizeof(state), "MAINPID=%d\nSTATUS=another process has taken over",
                   (int)pid);
    notify_send(state);
}
