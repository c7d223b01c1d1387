#include "gateway/kept_orders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "gateway/commands.h"
#include "io/fd_pass.h"
#include "upstream/server_order.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* -1 with errno set. */
static int sealed_file(struct span bytes)
{
    int fd = memfd_create("tidegate-orders", MFD_CLOEXEC | MFD_ALLOW_SEALING);

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

bool kept_orders_send(int control_fd)
{
    const struct gateway_message message = {.word = GATEWAY_KEEP};
    struct strbuf bytes;
    bool is_sent;
    int fd = -1;

    strbuf_init(&bytes);
    server_orders_write(&bytes);
    if (bytes.len <= KEPT_ORDERS_MAX_BYTES) {
        fd = sealed_file(strbuf_span(&bytes));
    } else {
        errno = EFBIG;
    }
    strbuf_free(&bytes);
    is_sent = fd >= 0 && fd_pass_send(control_fd, &message, sizeof(message), fd);
    if (fd >= 0) {
        int number = errno;
        (void)close(fd);
        errno = number;
    }
    return is_sent;
}

void kept_orders_take(int fd)
{
    struct stat info;
    int seals = fcntl(fd, F_GET_SEALS);
    bool is_sound = seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &info) == 0 &&
                    info.st_size <= KEPT_ORDERS_MAX_BYTES;
    char *bytes = is_sound ? xmalloc((size_t)info.st_size + 1) : NULL;

    if (bytes != NULL && pread(fd, bytes, (size_t)info.st_size, 0) == (ssize_t)info.st_size) {
        server_orders_read(span_make(bytes, (size_t)info.st_size));
    } else {
        log_warn("orders of people (tidegate drain, enable, disable) are lost: what was kept of "
                 "them cannot be read");
    }
    free(bytes);
    (void)close(fd);
}
