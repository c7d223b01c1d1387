#include "tls/demo_ca.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALID_SECONDS = 90 * 24 * 3600, SERIAL_BITS = 127, PATH_SIZE = 512 };

struct demo_ca {
    EVP_PKEY *key;
    X509 *certificate;
};

static bool openssl_error(struct error *error, const char *what)
{
    char reason[200];

    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    return error_set(error, "cannot make %s: %s", what, reason);
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool ok = number != NULL &&
              BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return ok;
}

static bool set_name(X509_NAME *name, const char *common_name, const char *organisation)
{
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)organisation,
                                      -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int id, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, id, value);
    ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* Version 3, a serial, 90 days from an hour ago (clocks differ), the name and the key. */
static X509 *new_certificate(EVP_PKEY *key, const char *common_name, const char *organisation)
{
    X509 *certificate = X509_new();

    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_SECONDS) &&
        X509_set_pubkey(certificate, key) == 1 &&
        set_name(X509_get_subject_name(certificate), common_name, organisation)) {
        return certificate;
    }
    X509_free(certificate);
    return NULL;
}

static FILE *open_new(const char *folder, const char *name, const char *suffix, mode_t mode,
                      struct error *error)
{
    char path[PATH_SIZE];
    FILE *file = NULL;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    if (fd >= 0) {
        file = fdopen(fd, "w");
    }
    if (file == NULL) {
        (void)error_set_errno(error, errno, "cannot write %s", path);
    }
    return file;
}

static bool write_certificate(const char *folder, const char *name, X509 *certificate,
                              struct error *error)
{
    FILE *file = open_new(folder, name, ".crt", 0644, error);
    bool ok;

    if (file == NULL) {
        return false;
    }
    ok = PEM_write_X509(file, certificate) == 1;
    ok = fclose(file) == 0 && ok;
    return ok || error_set(error, "cannot write %s/%s.crt", folder, name);
}

static bool write_key(const char *folder, const char *name, EVP_PKEY *key, struct error *error)
{
    FILE *file = open_new(folder, name, ".key", 0600, error);
    bool ok;

    if (file == NULL) {
        return false;
    }
    ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fclose(file) == 0 && ok;
    return ok || error_set(error, "cannot write %s/%s.key", folder, name);
}

static bool make_root(struct demo_ca *ca)
{
    ca->key = EVP_EC_gen("P-256");
    if (ca->key == NULL) {
        return false;
    }
    ca->certificate = new_certificate(ca->key, "Tidegate demo CA", "Tidegate demo");
    if (ca->certificate == NULL) {
        return false;
    }
    return X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate)) == 1 &&
           add_extension(ca->certificate, ca->certificate, NID_basic_constraints,
                         "critical,CA:TRUE") &&
           add_extension(ca->certificate, ca->certificate, NID_key_usage,
                         "critical,keyCertSign,cRLSign") &&
           add_extension(ca->certificate, ca->certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(ca->certificate, ca->key, EVP_sha256()) != 0;
}

struct demo_ca *demo_ca_create(const char *folder, struct error *error)
{
    struct demo_ca *ca = xcalloc(1, sizeof(*ca));

    if (!make_root(ca)) {
        (void)openssl_error(error, "the demo's CA");
        demo_ca_destroy(ca);
        return NULL;
    }
    if (!write_certificate(folder, "ca", ca->certificate, error)) {
        demo_ca_destroy(ca);
        return NULL;
    }
    return ca;
}

void demo_ca_destroy(struct demo_ca *ca)
{
    if (ca != NULL) {
        X509_free(ca->certificate);
        EVP_PKEY_free(ca->key);
        free(ca);
    }
}

static bool add_leaf_extensions(struct demo_ca *ca, X509 *leaf,
                                const struct demo_certificate *wanted)
{
    bool is_server = wanted->use == DEMO_FOR_SERVER;
    char names[300];

    (void)snprintf(names, sizeof(names), "DNS:%s%s%s", wanted->common_name,
                   wanted->other_name != NULL ? ",DNS:" : "",
                   wanted->other_name != NULL ? wanted->other_name : "");
    return add_extension(leaf, ca->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(leaf, ca->certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(leaf, ca->certificate, NID_ext_key_usage,
                         is_server ? "serverAuth" : "clientAuth") &&
           (!is_server || add_extension(leaf, ca->certificate, NID_subject_alt_name, names)) &&
           add_extension(leaf, ca->certificate, NID_subject_key_identifier, "hash") &&
           add_extension(leaf, ca->certificate, NID_authority_key_identifier, "keyid");
}

void demo_fingerprint(const struct x509_st *certificate, char text[DEMO_FINGERPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    text[0] = '\0';
    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1) {
        return;
    }
    for (unsigned i = 0; i < len && i < DEMO_FINGERPRINT_SIZE / 3; i++) {
        (void)snprintf(text + (size_t)i * 3, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
    }
}

bool demo_ca_issue(struct demo_ca *ca, const char *folder, const struct demo_certificate *wanted,
                   char fingerprint[DEMO_FINGERPRINT_SIZE], struct error *error)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf =
        key != NULL ? new_certificate(key, wanted->common_name, wanted->organisation) : NULL;
    bool ok = leaf != NULL &&
              X509_set_issuer_name(leaf, X509_get_subject_name(ca->certificate)) == 1 &&
              add_leaf_extensions(ca, leaf, wanted) && X509_sign(leaf, ca->key, EVP_sha256()) != 0;

    if (!ok) {
        (void)openssl_error(error, wanted->file);
    } else {
        demo_fingerprint(leaf, fingerprint);
        ok = write_certificate(folder, wanted->file, leaf, error) &&
             write_key(folder, wanted->file, key, error);
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return ok;
}
