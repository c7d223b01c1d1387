#include "tls/openssl/private_key_internal.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/file_opener.h"
#include "base/key_uri.h"
#include "tls/certificate.h"
#include "tls/key_source.h"
#include "tls/openssl/key_module.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/signer_key.h"
#include "tls/pem_kind.h"
#include "tls/signer.h"

/* Without it the library would ask for a passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

int private_key_open(const char *path, const char *what, struct error *error)
{
    /* Without waiting: it may be a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        (void)pem_file_open_failed(path, what, error);
    }
    return fd;
}

/* ---- in a token ---- */

/* The file's text without the end of its line. */
static bool read_pin(int fd, const char *path, char pin[KEY_PIN_MAX + 1], struct error *error)
{
    struct span bytes;
    struct span text;
    bool ok;

    if (!pem_file_read_fd(fd, path, "PIN", &bytes, error)) {
        return false;
    }
    text = span_trim(bytes);
    while (text.len != 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r')) {
        text.len--;
    }
    ok = text.len != 0 && text.len <= KEY_PIN_MAX && memchr(text.ptr, '\0', text.len) == NULL;
    if (ok) {
        memcpy(pin, text.ptr, text.len);
        pin[text.len] = '\0';
    } else {
        (void)error_set(error, "the PIN file '%s' has no PIN in it: one line of at most %d bytes",
                        path, KEY_PIN_MAX);
    }
    pem_file_free(&bytes);
    return ok;
}

/* Takes the descriptor over, if there is one. */
static EVP_PKEY *load_from_token(const char *name, int pin_fd, struct error *error)
{
    char pin[KEY_PIN_MAX + 1] = "";
    struct key_uri uri;
    EVP_PKEY *key = NULL;

    if (key_uri_parse(span_from_cstr(name), &uri, error) &&
        (pin_fd < 0 || read_pin(pin_fd, uri.pin_file, pin, error))) {
        key = key_module_load(name, &uri, pin, error);
    }
    OPENSSL_cleanse(pin, sizeof(pin));
    return key;
}

void private_key_close_modules(void)
{
    key_module_close();
}

/* ---- in a file ---- */

static EVP_PKEY *parse(const char *path, struct span bytes, struct error *error)
{
    struct span text = pem_kind_skip_mark(bytes);
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key;

    CHECK(bio != NULL);
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key == NULL) {
        (void)pem_kind_explain(path, text, PEM_WANTS_KEY, error);
    }
    ERR_clear_error();
    return key;
}

EVP_PKEY *private_key_read(int fd, const char *path, struct error *error)
{
    struct span bytes;
    EVP_PKEY *key;

    if (key_uri_is(span_from_cstr(path))) {
        return load_from_token(path, fd, error);
    }
    if (!pem_file_read_fd(fd, path, "key", &bytes, error)) {
        return NULL;
    }
    key = parse(path, bytes, error);
    pem_file_free(&bytes);
    return key;
}

static EVP_PKEY *load(const char *path, struct error *error)
{
    struct key_uri uri;
    const char *file;
    int fd = -1;

    if (!key_uri_opens(path, &uri, &file, error)) {
        return NULL;
    }
    if (file != NULL) {
        fd = file_opener_open(file);
        if (fd < 0) {
            (void)pem_file_open_failed(file, file == path ? "key" : "PIN", error);
            return NULL;
        }
    }
    return private_key_read(fd, path, error);
}

/* From whoever has the keys, who reads it anew and tells its public half. */
static EVP_PKEY *load_from(const struct key_source *source, const char *path, struct error *error)
{
    struct key_public told;
    const unsigned char *at = told.der;
    EVP_PKEY *public_key;
    EVP_PKEY *key = NULL;

    if (!source->read(source->arg, path, &told, error)) {
        return NULL;
    }
    public_key = d2i_PUBKEY(NULL, &at, (long)told.len);
    if (public_key != NULL) {
        key = signer_key_create(public_key, source->signer);
    }
    EVP_PKEY_free(public_key);
    source->signer->let_go(source->signer, span_make(told.der, told.len));
    if (key == NULL) {
        (void)error_set(error,
                        "the TLS library cannot use the key in '%s': it is of a kind that "
                        "TLS has no signatures for",
                        path);
    }
    ERR_clear_error();
    return key;
}

/* Public halves are compared, so it does not matter where the private one is. */
EVP_PKEY *private_key_load(const char *path, const struct certificate *certificate,
                           struct error *error)
{
    const struct key_source *source = key_source();
    EVP_PKEY *key = source != NULL ? load_from(source, path, error) : load(path, error);

    if (key == NULL || X509_check_private_key(certificate_x509(certificate, 0), key) == 1) {
        return key;
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    (void)error_set(error,
                    "the key in '%s' does not belong to the certificate in '%s' (%s, %s): use the "
                    "key that the certificate was requested with",
                    path, certificate_path(certificate), certificate_subject(certificate),
                    certificate_key_kind(certificate));
    return NULL;
}

bool private_key_fits(const char *path, const struct certificate *certificate, struct error *error)
{
    EVP_PKEY *key = private_key_load(path, certificate, error);

    EVP_PKEY_free(key);
    return key != NULL;
}
