#include "tls/key_log.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/safe_open.h"

static int fd = -1;

bool key_log_open(const char *path, struct error *error)
{
    int opened = safe_open_append(path, 0600, "cannot open the key log", error);

    if (opened < 0) {
        return false;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    fd = opened;
    return true;
}

/* One write for each line, so that the lines of several threads stay whole. */
static void write_line(const SSL *ssl, const char *line)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)line, strlen(line)},
                             {(void *)(uintptr_t) "\n", 1}};
    ssize_t n = writev(fd, parts, 2);

    (void)ssl;
    (void)n; /* a full disk loses lines of a debugging aid, nothing else */
}

void key_log_enable(SSL_CTX *ssl_ctx)
{
    if (fd >= 0) {
        SSL_CTX_set_keylog_callback(ssl_ctx, write_line);
    }
}
