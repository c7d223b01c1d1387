#include "upstream/sticky.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file_opener.h"
#include "base/secret.h"
#include "tls/digest.h"

#define TOKEN_BYTES 16

_Static_assert(STICKY_KEY_BYTES == SHA256_BYTES, "a file's digest is a key");

void sticky_key_of_process(unsigned char key[STICKY_KEY_BYTES])
{
    const struct span parts[] = {SPAN_OF("tidegate sticky"),
                                 span_make(secret_of_process(), SECRET_BYTES)};

    CHECK(digest_sha256(parts, ARRAY_LEN(parts), key));
}

bool sticky_key_read(const char *path, unsigned char key[STICKY_KEY_BYTES], struct error *error)
{
    char bytes[STICKY_FILE_MAX + 1];
    size_t len = 0;
    ssize_t n = 1;
    int fd = file_opener_open(path);

    if (fd < 0) {
        return error_set_errno(error, errno, "cannot open the key of sticky cookies %s", path);
    }
    while (n > 0 && len < sizeof(bytes)) {
        n = read(fd, bytes + len, sizeof(bytes) - len);
        len += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    if (n < 0) {
        return error_set_errno(error, errno, "cannot read the key of sticky cookies %s", path);
    }
    if (len < STICKY_FILE_MIN || len > STICKY_FILE_MAX) {
        return error_set(
            error,
            "the key of sticky cookies %s has %s than %d bytes: write random ones, for "
            "example with: openssl rand -base64 32",
            path, len < STICKY_FILE_MIN ? "less" : "more",
            len < STICKY_FILE_MIN ? STICKY_FILE_MIN : STICKY_FILE_MAX);
    }
    CHECK(digest_sha256(&(struct span){bytes, len}, 1, key));
    explicit_bzero(bytes, sizeof(bytes));
    return true;
}

void sticky_token(const unsigned char key[STICKY_KEY_BYTES], const char *backend,
                  const char *server, char token[STICKY_TOKEN_LEN])
{
    /* The NUL keeps one's end and the other's beginning apart. */
    const struct span parts[] = {span_make(backend, strlen(backend) + 1), span_from_cstr(server)};
    unsigned char mac[SHA256_BYTES];

    CHECK(digest_hmac_sha256(span_make(key, STICKY_KEY_BYTES), parts, ARRAY_LEN(parts), mac));
    CHECK(base64_encode(BASE64_URL, span_make(mac, TOKEN_BYTES), token) == STICKY_TOKEN_LEN);
}
