#include "tls/openssl/private_key_internal.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/certificate.h"
#include "tls/openssl/pem_file.h"
#include "tls/pem_kind.h"

/* Without it the library would ask for a passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *load(const char *path, struct error *error)
{
    struct span bytes;
    struct span text;
    EVP_PKEY *key;
    BIO *bio;

    if (!pem_file_read(path, "key", &bytes, error)) {
        return NULL;
    }
    text = pem_kind_skip_mark(bytes);
    bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    CHECK(bio != NULL);
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key == NULL) {
        (void)pem_kind_explain(path, text, PEM_WANTS_KEY, error);
    }
    pem_file_free(&bytes);
    ERR_clear_error();
    return key;
}

static EVP_PKEY *load_fitting(const char *path, const struct certificate *certificate,
                              struct error *error)
{
    EVP_PKEY *key = load(path, error);

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

EVP_PKEY *private_key_load(const char *path, const struct certificate *certificate,
                           struct error *error)
{
    return load_fitting(path, certificate, error);
}

bool private_key_fits(const char *path, const struct certificate *certificate, struct error *error)
{
    EVP_PKEY *key = load_fitting(path, certificate, error);

    EVP_PKEY_free(key);
    return key != NULL;
}
