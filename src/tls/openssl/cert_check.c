#include "tls/cert_check.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/cert_name.h"
#include "tls/openssl/chain_gap.h"
#include "tls/openssl/crl_internal.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/x509_words.h"

#define AUTHORITIES_MAX 4096
/* Findings of one kind in one file; more would be a wall of text. */
#define TOLD_MAX 5

__attribute__((format(printf, 3, 4))) static void warn(const struct cert_findings *findings,
                                                       const char *hint, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    findings->tell(findings->arg, false, text, hint);
}

/* ---- our own ---- */

static void check_purpose(const struct certificate *certificate, enum cert_audience audience,
                          const struct cert_findings *findings)
{
    X509 *leaf = certificate_x509(certificate, 0);
    uint32_t usage = X509_get_extended_key_usage(leaf);
    bool is_server = audience == CERT_FOR_CLIENTS;
    uint32_t wanted = is_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT;

    /* Without the extension it is for everything. */
    if (usage != UINT32_MAX && (usage & (wanted | XKU_ANYEKU)) == 0) {
        warn(findings,
             is_server ? "have one issued with extendedKeyUsage serverAuth"
                       : "have one issued with extendedKeyUsage clientAuth",
             "the certificate in '%s' is not meant for %s (its extendedKeyUsage says so): %s will "
             "refuse it",
             certificate_path(certificate), is_server ? "servers" : "clients",
             is_server ? "clients" : "servers");
    }
}

static X509_STORE *of_the_machine;
static pthread_once_t of_the_machine_once = PTHREAD_ONCE_INIT;

static void load_of_the_machine(void)
{
    of_the_machine = X509_STORE_new();
    CHECK(of_the_machine != NULL);
    (void)X509_STORE_set_default_paths(of_the_machine);
}

/* The machine's own trust store tells a root from a missing intermediate. It is read once, as it
 * has more than a hundred certificates, and there may be thousands to check. */
static void check_gap(const struct certificate *certificate, enum cert_audience audience,
                      const struct cert_findings *findings)
{
    size_t count = certificate_chain_length(certificate);
    STACK_OF(X509) * chain;
    char missing[CHAIN_GAP_TEXT_MAX];

    if (X509_self_signed(certificate_x509(certificate, count - 1), 0) == 1) {
        return;
    }
    (void)pthread_once(&of_the_machine_once, load_of_the_machine);
    chain = sk_X509_new_null();
    CHECK(chain != NULL);
    for (size_t i = 0; i < count; i++) {
        CHECK(sk_X509_push(chain, certificate_x509(certificate, i)) > 0);
    }
    if (chain_gap_find(chain, of_the_machine, missing)) {
        warn(findings,
             "append the intermediate certificate, which the CA has sent along or offers "
             "for download, to that file",
             "'%s' seems to lack an intermediate certificate (%s): many %s will refuse it",
             certificate_path(certificate), missing,
             audience == CERT_FOR_CLIENTS ? "clients" : "servers");
    }
    sk_X509_free(chain);
    ERR_clear_error();
}

static void check_names(const struct certificate *certificate, const struct cert_findings *findings)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate_x509(certificate, 0), NID_subject_alt_name, NULL, NULL);
    int told = 0;
    bool has_any = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        has_any |= name->type == GEN_DNS || name->type == GEN_IPADD;
        if (name->type != GEN_DNS || told == TOLD_MAX) {
            continue;
        }
        struct span text = span_make(ASN1_STRING_get0_data(name->d.dNSName),
                                     (size_t)ASN1_STRING_length(name->d.dNSName));
        const char *fault = cert_name_fault(text);
        if (fault != NULL) {
            char shown[260];
            x509_words_clean(text, shown, sizeof(shown));
            warn(findings, "have a certificate issued with a name that clients take",
                 "the name '%s' of the certificate in '%s' %s", shown,
                 certificate_path(certificate), fault);
            told++;
        }
    }
    GENERAL_NAMES_free(names);
    if (!has_any) {
        warn(findings, "have it issued again with its names in subjectAltName",
             "the certificate in '%s' has no names in subjectAltName, where alone clients look "
             "(RFC 9525); that of its subject (%s) does not count",
             certificate_path(certificate), certificate_subject(certificate));
    }
}

void cert_check_own(const struct certificate *certificate, enum cert_audience audience, int64_t now,
                    unsigned soon_days, const struct cert_findings *findings)
{
    struct error error;

    if (!certificate_check_strength(certificate, &error)) {
        findings->tell(findings->arg, true, error.text, NULL);
    }
    for (size_t i = 0; i < certificate_chain_length(certificate); i++) {
        if (!certificate_check_time_of(certificate, i, now, soon_days, &error)) {
            findings->tell(findings->arg, false, error.text, NULL);
        }
    }
    check_purpose(certificate, audience, findings);
    check_gap(certificate, audience, findings);
    if (audience == CERT_FOR_CLIENTS) {
        check_names(certificate, findings);
    }
}

/* ---- authorities ---- */

static void check_authority(const char *path, X509 *authority, int64_t now, unsigned soon_days,
                            const struct cert_findings *findings)
{
    int64_t from = x509_words_seconds(X509_get0_notBefore(authority));
    int64_t until = x509_words_seconds(X509_get0_notAfter(authority));
    char *name = x509_words_name(X509_get_subject_name(authority));
    char date[32];

    if (until < now) {
        warn(findings, "certificates that it issued are refused: take the CA's new certificate",
             "the authority '%s' in '%s' expired on %s", name, path, x509_words_date(until, date));
    } else if (from > now) {
        warn(findings,
             "certificates that it issued are refused until then; look at this machine's "
             "clock too",
             "the authority '%s' in '%s' is not valid before %s", name, path,
             x509_words_date(from, date));
    } else if (certificate_ends_soon(from, until, now, soon_days)) {
        warn(findings, "take the CA's new certificate into the file soon",
             "the authority '%s' in '%s' expires on %s", name, path, x509_words_date(until, date));
    }
    if (X509_check_ca(authority) == 0) {
        warn(findings, "name the CA that issued it, if its other certificates are meant too",
             "'%s' in '%s' is no authority (CA:TRUE): this very certificate is trusted, and none "
             "that it issued",
             name, path);
    }
    free(name);
}

void cert_check_authorities(const char *path, int64_t now, unsigned soon_days,
                            const struct cert_findings *findings)
{
    struct error ignored;
    STACK_OF(X509) *authorities = pem_file_certificates(path, AUTHORITIES_MAX, &ignored);

    for (int i = 0; i < sk_X509_num(authorities); i++) {
        check_authority(path, sk_X509_value(authorities, i), now, soon_days, findings);
    }
    sk_X509_pop_free(authorities, X509_free);
    ERR_clear_error();
}

/* ---- revocation lists ---- */

static X509 *find_issuer(STACK_OF(X509) * authorities, const X509_CRL *crl, bool *has_signed)
{
    X509 *named = NULL;

    *has_signed = false;
    for (int i = 0; !*has_signed && i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        if (X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(crl)) == 0) {
            named = authority;
            *has_signed = X509_CRL_verify((X509_CRL *)crl, X509_get0_pubkey(authority)) == 1;
        }
    }
    ERR_clear_error();
    return named;
}

static void check_list(const char *path, const char *ca_path, STACK_OF(X509) * authorities,
                       const X509_CRL *crl, int64_t now, const struct cert_findings *findings)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    int64_t until = next != NULL ? x509_words_seconds(next) : INT64_MAX;
    char *name = x509_words_name(X509_CRL_get_issuer(crl));
    bool has_signed;
    X509 *issuer = find_issuer(authorities, crl, &has_signed);
    char date[32];

    if (issuer == NULL) {
        warn(findings,
             "it counts only for clients that send that authority's certificate along; if "
             "it is the wrong file, take the list of the CA in 'ca'",
             "the revocation list of '%s' in '%s' is of no authority in '%s'", name, path, ca_path);
    } else if (!has_signed) {
        warn(findings, "every certificate of that CA is refused: fetch the list anew from the CA",
             "the revocation list of '%s' in '%s' was not signed by the authority of that name in "
             "'%s': it is forged, damaged, or of another key of the CA",
             name, path, ca_path);
    }
    if (until <= now) {
        warn(findings, "certificates of that CA are refused until it is renewed",
             "the revocation list of '%s' in '%s' is past its next update, %s", name, path,
             x509_words_date(until, date));
    }
    free(name);
}

static bool has_list(const struct crl_lists *lists, const X509 *authority)
{
    for (int i = 0; i < sk_X509_CRL_num(lists->crls); i++) {
        if (X509_NAME_cmp(X509_get_subject_name(authority),
                          X509_CRL_get_issuer(sk_X509_CRL_value(lists->crls, i))) == 0) {
            return true;
        }
    }
    return false;
}

void cert_check_crl(struct crl_file *crl, const char *authorities_path, int64_t now,
                    const struct cert_findings *findings)
{
    struct error ignored;
    STACK_OF(X509) *authorities =
        authorities_path != NULL
            ? pem_file_certificates(authorities_path, AUTHORITIES_MAX, &ignored)
            : NULL;
    struct crl_lists *lists = crl_file_lists(crl);
    const char *path = crl_file_path(crl);
    int told = 0;

    for (int i = 0; authorities != NULL && i < sk_X509_CRL_num(lists->crls); i++) {
        check_list(path, authorities_path, authorities, sk_X509_CRL_value(lists->crls, i), now,
                   findings);
    }
    for (int i = 0; i < sk_X509_num(authorities) && told < TOLD_MAX; i++) {
        X509 *authority = sk_X509_value(authorities, i);
        if (X509_check_ca(authority) != 0 && !has_list(lists, authority)) {
            char *name = x509_words_name(X509_get_subject_name(authority));
            warn(findings,
                 "add that CA's list to the file: without it all its certificates are "
                 "refused",
                 "'%s' has no revocation list of the authority '%s' in '%s'", path, name,
                 authorities_path);
            free(name);
            told++;
        }
    }
    crl_lists_release(lists);
    sk_X509_pop_free(authorities, X509_free);
    ERR_clear_error();
}
