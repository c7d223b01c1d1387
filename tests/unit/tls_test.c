#include "tls_test.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#define DAY 86400L

static char folder[64];

static EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "RSA:", 4) == 0) {
        return EVP_RSA_gen((unsigned)atoi(kind + 4));
    }
    if (strcmp(kind, "ED25519") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return EVP_EC_gen(kind[2] == ':' ? kind + 3 : "P-256");
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void set_name(X509 *certificate, const char *field, const char *value)
{
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                                     (const unsigned char *)value, -1, -1, 0) == 1);
}

struct identity identity_make(const struct identity_options *options, const struct identity *issuer)
{
    static long serial = 1;
    struct identity made = {make_key(options->key != NULL ? options->key : "EC"), X509_new()};
    const struct identity *by = issuer != NULL ? issuer : &made;
    bool has_times =
        options->from_days != 0 || options->until_days != 0 || options->until_seconds != 0;
    const EVP_MD *digest = options->is_sha1 ? EVP_sha1() : EVP_sha256();

    CHECK(made.key != NULL && made.certificate != NULL);
    CHECK(X509_set_version(made.certificate, X509_VERSION_3) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(made.certificate),
                           options->serial != 0 ? options->serial : serial++) == 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(made.certificate),
                          (has_times ? options->from_days : -1) * DAY);
    (void)X509_gmtime_adj(X509_getm_notAfter(made.certificate),
                          (has_times ? options->until_days : 365) * DAY + options->until_seconds);
    if (options->house != NULL) {
        set_name(made.certificate, "O", options->house);
    }
    set_name(made.certificate, "CN", options->subject);
    CHECK(X509_set_issuer_name(made.certificate, X509_get_subject_name(by->certificate)) == 1);
    CHECK(X509_set_pubkey(made.certificate, made.key) == 1);
    if (options->is_ca) {
        add_extension(made.certificate, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(made.certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (options->names != NULL) {
        add_extension(made.certificate, NID_subject_alt_name, options->names);
    }
    if (options->usage != NULL) {
        add_extension(made.certificate, NID_ext_key_usage, options->usage);
    }
    if (options->access != NULL) {
        add_extension(made.certificate, NID_info_access, options->access);
    }
    if (options->responder != NULL) {
        char access[1200];
        (void)snprintf(access, sizeof(access), "OCSP;URI:%s", options->responder);
        add_extension(made.certificate, NID_info_access, access);
    }
    if (options->is_must_staple) {
        add_extension(made.certificate, NID_tlsfeature, "status_request");
    }
    CHECK(X509_sign(made.certificate, by->key,
                    EVP_PKEY_get_base_id(by->key) == EVP_PKEY_ED25519 ? NULL : digest) > 0);
    return made;
}

void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    *identity = (struct identity){0};
}

int tls_test_set_up(void **state)
{
    const char *parent = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof(folder), "%.40s/tidegate-XXXXXX",
                   parent != NULL && strlen(parent) <= 40 ? parent : "/tmp");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int tls_test_tear_down(void **state)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    (void)state;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rmdir(folder);
}

const char *test_path(const char *name)
{
    static char paths[16][160];
    static unsigned next;
    char *path = paths[next++ % 16];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "we");

    CHECK(file != NULL);
    return file;
}

const char *test_write(const char *name, struct span bytes)
{
    const char *path = test_path(name);
    FILE *file = create(path);

    CHECK(bytes.len == 0 || fwrite(bytes.ptr, bytes.len, 1, file) == 1);
    CHECK(fclose(file) == 0);
    return path;
}

const char *test_write_chain(const char *name, const struct identity *const *chain, size_t count)
{
    const char *path = test_path(name);
    FILE *file = create(path);

    for (size_t i = 0; i < count; i++) {
        CHECK(PEM_write_X509(file, chain[i]->certificate) == 1);
    }
    CHECK(fclose(file) == 0);
    return path;
}

const char *test_write_certificate(const char *name, const struct identity *identity)
{
    return test_write_chain(name, &identity, 1);
}

const char *test_write_key(const char *name, const struct identity *identity)
{
    const char *path = test_path(name);
    FILE *file = create(path);

    CHECK(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(fclose(file) == 0);
    return path;
}

static void add_revoked(X509_CRL *crl, const struct identity *identity)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = X509_gmtime_adj(NULL, -DAY);

    CHECK(entry != NULL && when != NULL);
    CHECK(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(identity->certificate)) == 1);
    CHECK(X509_REVOKED_set_revocationDate(entry, when) == 1);
    CHECK(X509_CRL_add0_revoked(crl, entry) == 1);
    ASN1_TIME_free(when);
}

const char *test_write_crl(const char *name, const struct identity *issuer,
                           const struct identity *revoked, long expires_in_s)
{
    const char *path = test_path(name);
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *when = X509_gmtime_adj(NULL, -DAY);
    char new_path[200];
    FILE *file;

    CHECK(crl != NULL && when != NULL && X509_CRL_set_version(crl, 1) == 1);
    CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)) == 1);
    CHECK(X509_CRL_set1_lastUpdate(crl, when) == 1);
    (void)X509_gmtime_adj(when, expires_in_s);
    CHECK(X509_CRL_set1_nextUpdate(crl, when) == 1);
    if (revoked != NULL) {
        add_revoked(crl, revoked);
    }
    CHECK(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    (void)snprintf(new_path, sizeof(new_path), "%s.new", path);
    file = create(new_path);
    CHECK(PEM_write_X509_CRL(file, crl) == 1);
    CHECK(fclose(file) == 0 && rename(new_path, path) == 0);
    ASN1_TIME_free(when);
    X509_CRL_free(crl);
    return path;
}
