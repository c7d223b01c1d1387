#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "tls/cert_name.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/x509_words.h"

#define NAMES_SHOWN 8
#define SECONDS_PER_DAY 86400

struct certificate {
    STACK_OF(X509) * chain;
    char *path;
    char *subject;
    char *issuer;
    char *names;
    char key_kind[64];
    char fingerprint[2 * EVP_MAX_MD_SIZE + 1];
};

X509 *certificate_x509(const struct certificate *certificate, size_t n)
{
    return sk_X509_value(certificate->chain, (int)n);
}

size_t certificate_chain_length(const struct certificate *certificate)
{
    return (size_t)sk_X509_num(certificate->chain);
}

static void describe_key(struct certificate *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate_x509(certificate, 0));
    char group[32] = "";
    size_t group_len;

    if (key == NULL) {
        (void)snprintf(certificate->key_kind, sizeof(certificate->key_kind), "unknown");
        return;
    }
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        (void)snprintf(certificate->key_kind, sizeof(certificate->key_kind), "RSA %d",
                       EVP_PKEY_get_bits(key));
        return;
    case EVP_PKEY_EC:
        (void)EVP_PKEY_get_group_name(key, group, sizeof(group), &group_len);
        (void)snprintf(certificate->key_kind, sizeof(certificate->key_kind), "EC %s",
                       strcmp(group, "prime256v1") == 0  ? "P-256"
                       : strcmp(group, "secp384r1") == 0 ? "P-384"
                       : strcmp(group, "secp521r1") == 0 ? "P-521"
                                                         : group);
        return;
    default: {
        const char *name = EVP_PKEY_get0_type_name(key);
        (void)snprintf(certificate->key_kind, sizeof(certificate->key_kind), "%s",
                       name != NULL ? name : "unknown");
    }
    }
}

static void describe_fingerprint(struct certificate *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    CHECK(X509_digest(certificate_x509(certificate, 0), EVP_sha256(), digest, &len) == 1);
    hex_encode(span_make(digest, len), certificate->fingerprint);
    certificate->fingerprint[2 * (size_t)len] = '\0';
}

/* ---- names ---- */

/* The n-th DNS name of the leaf's subjectAltName; false after the last. */
static bool dns_name(const GENERAL_NAMES *names, int *n, struct span *name)
{
    while (*n < sk_GENERAL_NAME_num(names)) {
        const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, (*n)++);
        if (general->type == GEN_DNS) {
            *name = span_make(ASN1_STRING_get0_data(general->d.dNSName),
                              (size_t)ASN1_STRING_length(general->d.dNSName));
            return true;
        }
    }
    return false;
}

static GENERAL_NAMES *alternative_names(const struct certificate *certificate)
{
    return X509_get_ext_d2i(certificate_x509(certificate, 0), NID_subject_alt_name, NULL, NULL);
}

static void describe_names(struct certificate *certificate)
{
    GENERAL_NAMES *names = alternative_names(certificate);
    struct strbuf text;
    struct span name;
    int shown = 0;

    strbuf_init(&text);
    strbuf_add_cstr(&text, "");
    for (int n = 0; names != NULL && dns_name(names, &n, &name);) {
        strbuf_add_cstr(&text, shown != 0 ? ", " : "");
        if (shown++ == NAMES_SHOWN) {
            strbuf_add_cstr(&text, "...");
            break;
        }
        for (size_t i = 0; i < name.len; i++) {
            bool is_plain = name.ptr[i] > ' ' && name.ptr[i] < 0x7f;
            strbuf_add_char(&text, is_plain ? name.ptr[i] : '?');
        }
    }
    GENERAL_NAMES_free(names);
    certificate->names = xstrndup(text.len != 0 ? text.ptr : "", text.len);
    strbuf_free(&text);
}

static bool covers_wildcard(const struct certificate *certificate, const char *host)
{
    GENERAL_NAMES *names = alternative_names(certificate);
    bool is_covered = false;
    struct span name;

    for (int n = 0; names != NULL && !is_covered && dns_name(names, &n, &name);) {
        is_covered = span_ieq(name, span_from_cstr(host));
    }
    GENERAL_NAMES_free(names);
    return is_covered;
}

static bool covers_name(const struct certificate *certificate, const char *host)
{
    GENERAL_NAMES *names = alternative_names(certificate);
    enum cert_cover cover = CERT_COVER_NONE;
    struct span name;

    for (int n = 0; names != NULL && cover == CERT_COVER_NONE && dns_name(names, &n, &name);) {
        cover = cert_name_cover(name, span_from_cstr(host));
    }
    GENERAL_NAMES_free(names);
    return cover != CERT_COVER_NONE;
}

bool certificate_covers(const struct certificate *certificate, const char *host)
{
    X509 *leaf = certificate_x509(certificate, 0);
    struct in6_addr ip;

    if (strcmp(host, "*") == 0) {
        return true;
    }
    if (strncmp(host, "*.", 2) == 0) {
        return covers_wildcard(certificate, host);
    }
    if (host[0] == '[') {
        char address[INET6_ADDRSTRLEN + 1];
        size_t len = strlen(host);

        if (len < 3 || len - 2 >= sizeof(address)) {
            return false;
        }
        memcpy(address, host + 1, len - 2);
        address[len - 2] = '\0';
        return X509_check_ip_asc(leaf, address, 0) == 1;
    }
    if (inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1) {
        return X509_check_ip_asc(leaf, host, 0) == 1;
    }
    /* Clients stopped to look for host names in the subject (RFC 9525 section 2). */
    return covers_name(certificate, host);
}

/* ---- loading ---- */

static bool check_order(const struct certificate *certificate, struct error *error)
{
    for (size_t i = 1; i < certificate_chain_length(certificate); i++) {
        X509 *subject = certificate_x509(certificate, i - 1);
        X509 *issuer = certificate_x509(certificate, i);
        if (X509_check_issued(issuer, subject) == X509_V_OK) {
            continue;
        }
        if (X509_cmp(issuer, subject) == 0) {
            return error_set(
                error, "'%s' has the same certificate twice (%zu and %zu): remove one of them",
                certificate->path, i, i + 1);
        }
        char *name = x509_words_name(X509_get_subject_name(subject));
        char *next = x509_words_name(X509_get_subject_name(issuer));
        (void)error_set(error,
                        "'%s' is out of order: certificate %zu (%.200s) was not issued by "
                        "certificate %zu (%.200s): put the site's own certificate first, then the "
                        "one that issued it, and so on",
                        certificate->path, i, name, i + 1, next);
        free(name);
        free(next);
        return false;
    }
    return true;
}

struct certificate *certificate_load(const char *path, struct error *error)
{
    STACK_OF(X509) *chain = pem_file_certificates(path, CERTIFICATE_CHAIN_MAX, error);
    struct certificate *certificate;

    if (chain == NULL) {
        return NULL;
    }
    certificate = xcalloc(1, sizeof(*certificate));
    certificate->chain = chain;
    certificate->path = xstrdup(path);
    certificate->subject = x509_words_name(X509_get_subject_name(sk_X509_value(chain, 0)));
    certificate->issuer = x509_words_name(X509_get_issuer_name(sk_X509_value(chain, 0)));
    describe_key(certificate);
    describe_fingerprint(certificate);
    describe_names(certificate);
    ERR_clear_error();
    if (!check_order(certificate, error)) {
        certificate_destroy(certificate);
        return NULL;
    }
    return certificate;
}

void certificate_destroy(struct certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    sk_X509_pop_free(certificate->chain, X509_free);
    free(certificate->path);
    free(certificate->subject);
    free(certificate->issuer);
    free(certificate->names);
    free(certificate);
}

/* ---- time ---- */

int64_t certificate_not_before(const struct certificate *certificate)
{
    return x509_words_seconds(X509_get0_notBefore(certificate_x509(certificate, 0)));
}

int64_t certificate_not_after(const struct certificate *certificate)
{
    return x509_words_seconds(X509_get0_notAfter(certificate_x509(certificate, 0)));
}

static enum certificate_time time_of(const X509 *x509, int64_t now)
{
    if (now < x509_words_seconds(X509_get0_notBefore(x509))) {
        return CERTIFICATE_NOT_YET_VALID;
    }
    return now > x509_words_seconds(X509_get0_notAfter(x509)) ? CERTIFICATE_EXPIRED
                                                              : CERTIFICATE_CURRENT;
}

enum certificate_time certificate_time_at(const struct certificate *certificate, int64_t now)
{
    return time_of(certificate_x509(certificate, 0), now);
}

bool certificate_ends_soon(int64_t from, int64_t until, int64_t now, unsigned days)
{
    int64_t soon = (int64_t)days * SECONDS_PER_DAY;
    int64_t half = (until - from) / 2;

    return until - now < (soon < half ? soon : half);
}

bool certificate_check_time_of(const struct certificate *certificate, size_t n, int64_t now,
                               unsigned soon_days, struct error *warning)
{
    const X509 *x509 = certificate_x509(certificate, n);
    int64_t from = x509_words_seconds(X509_get0_notBefore(x509));
    int64_t until = x509_words_seconds(X509_get0_notAfter(x509));
    const char *which = n == 0 ? "the certificate" : "an intermediate certificate";
    char date[32];

    switch (time_of(x509, now)) {
    case CERTIFICATE_EXPIRED:
        return error_set(warning, "%s in '%s' expired on %s: clients will refuse it; renew it",
                         which, certificate->path, x509_words_date(until, date));
    case CERTIFICATE_NOT_YET_VALID:
        return error_set(warning,
                         "%s in '%s' is not valid before %s: clients will refuse it until then; "
                         "look at this machine's clock too",
                         which, certificate->path, x509_words_date(from, date));
    case CERTIFICATE_CURRENT:
        break;
    }
    if (certificate_ends_soon(from, until, now, soon_days)) {
        return error_set(warning, "%s in '%s' expires on %s: renew it soon", which,
                         certificate->path, x509_words_date(until, date));
    }
    return true;
}

bool certificate_check_time(const struct certificate *certificate, int64_t now, unsigned soon_days,
                            struct error *warning)
{
    for (size_t i = 0; i < certificate_chain_length(certificate); i++) {
        if (!certificate_check_time_of(certificate, i, now, soon_days, warning)) {
            return false;
        }
    }
    return true;
}

/* ---- strength ---- */

/* The curves that TLS signs with (RFC 8446 section 4.2.3): with a key on another one no handshake
 * comes about, whatever the client. */
static bool check_curve(const struct certificate *certificate, size_t n, const EVP_PKEY *key,
                        struct error *error)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char group[64] = "an unknown curve";
    size_t len;

    if (n != 0 || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
        return true; /* an issuer signs no handshake */
    }
    (void)EVP_PKEY_get_group_name(key, group, sizeof(group), &len);
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (strcmp(group, curves[i]) == 0) {
            return true;
        }
    }
    return error_set(
        error,
        "the key of the certificate in '%s' is on the curve %s, which TLS does not use, "
        "so that no client could connect: make a new key (openssl genpkey -algorithm "
        "EC -pkeyopt ec_paramgen_curve:P-256) and request a certificate for it",
        certificate->path, group);
}

static bool check_signature(const struct certificate *certificate, size_t n, struct error *error)
{
    X509 *x509 = certificate_x509(certificate, n);
    int digest = NID_undef;
    int bits = 0;

    /* Nobody checks the signature of a root on itself. */
    if ((X509_get_extension_flags(x509) & EXFLAG_SS) != 0 ||
        X509_get_signature_info(x509, &digest, NULL, &bits, NULL) != 1) {
        return true;
    }
    /* SHA-1 counts as 63 bits, MD5 as 39; SHA-224 is the first that passes. */
    if (bits < 112) {
        return error_set(error,
                         "certificate %zu in '%s' is signed with %s, which clients refuse: have it "
                         "issued again with SHA-256",
                         n + 1, certificate->path,
                         digest != NID_undef ? OBJ_nid2ln(digest) : "a weak algorithm");
    }
    return true;
}

bool certificate_check_strength(const struct certificate *certificate, struct error *error)
{
    for (size_t i = 0; i < certificate_chain_length(certificate); i++) {
        const EVP_PKEY *key = X509_get0_pubkey(certificate_x509(certificate, i));
        int kind = key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
        int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
        int least = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS ? 2048 : 224;
        if (key == NULL) {
            return error_set(error, "certificate %zu in '%s' has a key of an unknown kind", i + 1,
                             certificate->path);
        }
        if (bits < least) {
            return error_set(error,
                             "certificate %zu in '%s' has a key of only %d bits, at least %d are "
                             "needed: make a new key (openssl genpkey -algorithm EC -pkeyopt "
                             "ec_paramgen_curve:P-256) and request a certificate for it",
                             i + 1, certificate->path, bits, least);
        }
        if (!check_curve(certificate, i, key, error) || !check_signature(certificate, i, error)) {
            return false;
        }
    }
    return true;
}

/* ---- text ---- */

const char *certificate_path(const struct certificate *certificate)
{
    return certificate->path;
}

const char *certificate_subject(const struct certificate *certificate)
{
    return certificate->subject;
}

const char *certificate_issuer(const struct certificate *certificate)
{
    return certificate->issuer;
}

const char *certificate_key_kind(const struct certificate *certificate)
{
    return certificate->key_kind;
}

const char *certificate_fingerprint(const struct certificate *certificate)
{
    return certificate->fingerprint;
}

const char *certificate_names(const struct certificate *certificate)
{
    return certificate->names;
}
