/* What the TLS tests share: certificates made on the spot, and files for them in a folder of their
 * own. */
#ifndef TIDEGATE_TESTS_TLS_TEST_H
#define TIDEGATE_TESTS_TLS_TEST_H

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "base/span.h"

struct identity_options {
    const char *subject;   /* the common name */
    const char *house;     /* the organisation; NULL: none */
    const char *names;     /* "DNS:a.example,IP:127.0.0.1"; NULL: no subjectAltName */
    const char *key;       /* "EC" (default), "EC:P-384", "RSA:2048", "ED25519" */
    const char *usage;     /* extendedKeyUsage; NULL: none */
    const char *access;    /* authorityInfoAccess, "caIssuers;URI:http://a.example/"; NULL: none */
    const char *responder; /* URL of an OCSP responder; NULL: none */
    bool is_must_staple;
    long serial; /* 0: the next one */
    bool is_ca;
    bool is_sha1;
    int from_days; /* from now; 0 and 0: yesterday to a year from now */
    int until_days;
    int until_seconds; /* besides the days */
};

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

/* issuer NULL: signs itself. */
struct identity identity_make(const struct identity_options *options,
                              const struct identity *issuer);
void identity_free(struct identity *identity);

/* A folder for the test program's files; removed at its end. */
int tls_test_set_up(void **state);
int tls_test_tear_down(void **state);
/* The path of a file in it; valid until 16 more were asked for. */
const char *test_path(const char *name);
const char *test_write(const char *name, struct span bytes);
/* Each writes the file and returns its path. */
const char *test_write_chain(const char *name, const struct identity *const *chain, size_t count);
const char *test_write_certificate(const char *name, const struct identity *identity);
const char *test_write_key(const char *name, const struct identity *identity);
/* An issuer's list of revoked certificates, in the place of an older one; revoked NULL: none is. */
const char *test_write_crl(const char *name, const struct identity *issuer,
                           const struct identity *revoked, long expires_in_s);

#endif
