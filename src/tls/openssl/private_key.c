#include "tls/openssl/private_key_internal.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/certificate.h"
#include "tls/key_source.h"
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

int private_key_open(const char *path, struct error *error)
{
    /* Without waiting: it may be a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        (void)pem_file_open_failed(path, "key", error);
    }
    return fd;
}

EVP_PKEY *private_key_parse(const char *path, struct span bytes, struct error *error)
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

static EVP_PKEY *load(const char *path, struct error *error)
{
    struct span bytes;
    EVP_PKEY *key;

    if (!pem_file_read(path, "key", &bytes, error)) {
        return NULL;
    }
    key = private_key_parse(path, bytes, error);
    pem_file_free(&bytes);
    return key;
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
