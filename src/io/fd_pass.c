#include "io/fd_pass.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for FD_PASS_MAX of them. */
union control {
    char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
    struct cmsghdr align;
};

bool fd_pass_send_all(int sock, const void *bytes, size_t len, const int *fds, size_t count)
{
    union control control = {{0}};
    struct iovec vector = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    CHECK(count <= FD_PASS_MAX);
    if (count != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    return sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

ssize_t fd_pass_receive_all(int sock, void *bytes, size_t size, int fds[FD_PASS_MAX], size_t *count)
{
    union control control;
    struct iovec vector = {bytes, size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(sock, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    *count = 0;
    for (struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL; header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
        }
    }
    return got;
}

bool fd_pass_send(int sock, const void *bytes, size_t len, int fd)
{
    return fd_pass_send_all(sock, bytes, len, &fd, fd >= 0 ? 1 : 0);
}

ssize_t fd_pass_receive(int sock, void *bytes, size_t size, int *fd)
{
    int fds[FD_PASS_MAX];
    size_t count;
    ssize_t got = fd_pass_receive_all(sock, bytes, size, fds, &count);

    *fd = count != 0 ? fds[0] : -1;
    for (size_t i = 1; i < count; i++) {
        (void)close(fds[i]);
    }
    return got;
}
