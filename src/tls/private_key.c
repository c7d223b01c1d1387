#include "tls/private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/pem_file.h"

/* Without it the library would ask for a passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static bool no_key(const char *path, struct span bytes, struct error *error)
{
    const char *hint = pem_file_der_hint(bytes, true);

    if (hint != NULL) {
        return error_set(error, "'%s' is no PEM file: %s", path, hint);
    }
    if (pem_file_contains(bytes, "BEGIN ENCRYPTED PRIVATE KEY-----") ||
        pem_file_contains(bytes, "Proc-Type: 4,ENCRYPTED")) {
        return error_set(error,
                         "the private key in '%s' is encrypted with a passphrase, and nobody is "
                         "there to type it: decrypt it with: openssl pkey -in FILE -out key.pem, "
                         "and let only tidegate's user read the result",
                         path);
    }
    if (pem_file_contains(bytes, "PRIVATE KEY-----")) {
        return error_set(error, "the private key in '%s' is damaged: copy the file anew", path);
    }
    if (pem_file_contains(bytes, "PUBLIC KEY-----")) {
        return error_set(error, "'%s' holds a public key; the private one is needed", path);
    }
    if (pem_file_contains(bytes, "CERTIFICATE-----")) {
        return error_set(error,
                         "'%s' holds a certificate and no private key: were 'certificate' and "
                         "'key' swapped?",
                         path);
    }
    return error_set(error, "'%s' holds no PEM private key (-----BEGIN PRIVATE KEY-----)", path);
}

static EVP_PKEY *load(const char *path, struct error *error)
{
    struct span bytes;
    EVP_PKEY *key;
    BIO *bio;

    if (!pem_file_read(path, "key", &bytes, error)) {
        return NULL;
    }
    bio = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
    CHECK(bio != NULL);
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key == NULL) {
        (void)no_key(path, bytes, error);
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
