#include "gateway/kept_orders.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sealed_file.h"
#include "gateway/commands.h"
#include "io/fd_pass.h"
#include "upstream/server_order.h"

bool kept_orders_send(int control_fd)
{
    const struct gateway_message message = {.word = GATEWAY_KEEP};
    struct strbuf bytes;
    bool is_sent;
    int fd = -1;

    strbuf_init(&bytes);
    server_orders_write(&bytes);
    if (bytes.len <= KEPT_ORDERS_MAX_BYTES) {
        fd = sealed_file_make("tidegate-orders", strbuf_span(&bytes));
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
    char *bytes;
    size_t len;

    if (sealed_file_read(fd, KEPT_ORDERS_MAX_BYTES, &bytes, &len)) {
        server_orders_read(span_make(bytes, len));
        free(bytes);
    } else {
        log_warn("orders of people (tidegate drain, enable, disable) are lost: what was kept of "
                 "them cannot be read");
    }
    (void)close(fd);
}
