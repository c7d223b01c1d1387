#include "cli/explain_bytes.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "cli/explain_net.h"
#include "cli/explain_tls.h"
#include "tls/cause.h"

enum { WRITE_BYTES = 65536 };

static bool fail_timeout(struct explain *ex)
{
    return explain_fail(ex, cause_words(CAUSE_NO_ANSWER_TIMEOUT), explain_server(ex), NULL);
}

/* Whether to try again. */
static bool wait_for_tls(struct explain *ex, int ssl_error)
{
    if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE) {
        return explain_fail_tls(ex, ssl_error);
    }
    return explain_wait(ex, ssl_error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT) ||
           fail_timeout(ex);
}

static bool fail_socket(struct explain *ex)
{
    return explain_fail(ex,
                        cause_words(ex->status != 0 || ex->body_bytes != 0
                                        ? CAUSE_CUT_ANSWER
                                        : CAUSE_NO_ANSWER_CLOSED),
                        explain_server(ex), strerror(errno));
}

ssize_t explain_read(struct explain *ex, void *bytes, size_t size)
{
    for (;;) {
        ssize_t got;
        if (clock_us() > ex->deadline_us) { /* also where bytes never cease to come */
            (void)fail_timeout(ex);
            return -1;
        }
        if (ex->ssl != NULL) {
            ERR_clear_error();
            errno = 0;
            int result = SSL_read(ex->ssl, bytes, (int)size);
            int error = SSL_get_error(ex->ssl, result);
            if (result > 0) {
                return result;
            }
            /* Without close_notify it may have been cut off; who counts the body finds out. */
            if (error == SSL_ERROR_ZERO_RETURN) {
                return 0;
            }
            if (!wait_for_tls(ex, error)) {
                return -1;
            }
            continue;
        }
        got = recv(ex->fd, bytes, size, 0);
        if (got >= 0) {
            return got;
        }
        if (errno != EAGAIN && errno != EINTR) {
            (void)fail_socket(ex);
            return -1;
        }
        if (!explain_wait(ex, POLLIN)) {
            (void)fail_timeout(ex);
            return -1;
        }
    }
}

/* A server that refuses a client's certificate says so behind the handshake (TLS 1.3), and may have
 * closed before the request was out: what it said is worth more than the failed write. */
static void hear_last_words(struct explain *ex)
{
    char byte;
    int error = errno;

    ERR_clear_error();
    (void)SSL_peek(ex->ssl, &byte, 1);
    errno = error;
}

bool explain_write(struct explain *ex, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len != 0) {
        ssize_t sent;
        if (ex->ssl != NULL) {
            ERR_clear_error();
            errno = 0;
            int result = SSL_write(ex->ssl, at, (int)(len < WRITE_BYTES ? len : WRITE_BYTES));
            if (result <= 0) {
                int error = SSL_get_error(ex->ssl, result);
                if (error == SSL_ERROR_SYSCALL) {
                    hear_last_words(ex);
                }
                if (!wait_for_tls(ex, error)) {
                    return false;
                }
                continue;
            }
            sent = result;
        } else {
            sent = send(ex->fd, at, len, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno != EAGAIN && errno != EINTR) {
                    return fail_socket(ex);
                }
                if (!explain_wait(ex, POLLOUT)) {
                    return fail_timeout(ex);
                }
                continue;
            }
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}
