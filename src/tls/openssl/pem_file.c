#include "tls/openssl/pem_file.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "tls/pem_kind.h"

bool pem_file_open_failed(const char *path, const char *what, struct error *error)
{
    switch (errno) {
    case ENOENT:
        return error_set(error, "the %s file '%s' does not exist: check the path", what, path);
    case EACCES:
        return error_set(error,
                         "the %s file '%s' may not be read: give the user that starts tidegate the "
                         "right to read it and its folders",
                         what, path);
    default:
        return error_set_errno(error, errno, "the %s file '%s' cannot be opened", what, path);
    }
}

/* Without a stream, which would keep a copy of what may be a key. */
static bool read_all(int fd, char *text, size_t size, size_t *len)
{
    ssize_t got = 1;

    for (*len = 0; got != 0 && *len<size; *len += got> 0 ? (size_t)got : 0) {
        got = pread(fd, text + *len, size - *len, (off_t)*len);
        if (got < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool pem_file_read_fd(int fd, const char *path, const char *what, struct span *bytes,
                      struct error *error)
{
    char *text = xmalloc(PEM_FILE_MAX + 1);
    size_t len;
    bool ok = false;

    if (!read_all(fd, text, PEM_FILE_MAX + 1, &len)) {
        (void)(errno == EISDIR
                   ? error_set(error, "the %s file '%s' is a directory: name a PEM file in it",
                               what, path)
                   : error_set_errno(error, errno, "the %s file '%s' cannot be read", what, path));
    } else if (len == 0) {
        (void)error_set(error, "the %s file '%s' is empty", what, path);
    } else if (len > PEM_FILE_MAX) {
        (void)error_set(error, "the %s file '%s' is larger than 4 MiB: is it the right file?", what,
                        path);
    } else {
        ok = true;
    }
    (void)close(fd);
    *bytes = span_make(text, len);
    if (!ok) {
        pem_file_free(bytes);
    }
    return ok;
}

bool pem_file_read(const char *path, const char *what, struct span *bytes, struct error *error)
{
    int fd = file_opener_open(path);

    *bytes = span_make(NULL, 0);
    return fd >= 0 ? pem_file_read_fd(fd, path, what, bytes, error)
                   : pem_file_open_failed(path, what, error);
}

void pem_file_free(struct span *bytes)
{
    char *text = (char *)(uintptr_t)bytes->ptr;

    OPENSSL_cleanse(text, bytes->len);
    free(text);
    *bytes = span_make(NULL, 0);
}

static STACK_OF(X509) *
    parse_certificates(const char *path, struct span bytes, size_t max, struct error *error)
{
    struct span pem = pem_kind_skip_mark(bytes);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    STACK_OF(X509) *certificates = sk_X509_new_null();
    X509 *one;
    int count;

    CHECK(bio != NULL && certificates != NULL);
    while (sk_X509_num(certificates) <= (int)max &&
           (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        CHECK(sk_X509_push(certificates, one) > 0);
    }
    BIO_free(bio);
    count = sk_X509_num(certificates);
    unsigned long reason = ERR_peek_last_error();
    ERR_clear_error();
    if (count > (int)max) {
        (void)error_set(error, "'%s' holds more than %zu certificates", path, max);
    } else if (!pem_kind_check_blocks(path, pem, error)) {
        ; /* a block left out would be missed later, by whoever needs it */
    } else if (ERR_GET_REASON(reason) != PEM_R_NO_START_LINE &&
               (count > 0 || memmem(bytes.ptr, bytes.len, "BEGIN CERTIFICATE-----", 22) != NULL)) {
        const char *text = ERR_reason_error_string(reason);
        (void)error_set(error, "certificate %d in '%s' is damaged (%s): copy the file anew",
                        count + 1, path, text != NULL ? text : "unreadable");
    } else if (count == 0) {
        (void)pem_kind_explain(path, bytes, PEM_WANTS_CERTIFICATE, error);
    } else {
        return certificates;
    }
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

STACK_OF(X509) * pem_file_certificates(const char *path, size_t max, struct error *error)
{
    struct span bytes;
    STACK_OF(X509) * certificates;

    ERR_clear_error();
    if (!pem_file_read(path, "certificate", &bytes, error)) {
        return NULL;
    }
    certificates = parse_certificates(path, bytes, max, error);
    pem_file_free(&bytes);
    return certificates;
}
