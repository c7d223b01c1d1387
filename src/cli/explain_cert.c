#include "cli/explain_cert.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "tls/openssl/chain_gap.h"

enum { NAMES_SHOWN = 10, CHAIN_SHOWN = 6, SECONDS_PER_DAY = 86400 };

STACK_OF(X509) * explain_parse_chain(struct span message, bool is_tls13)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct cursor c = cursor_make(message);
    struct cursor context;
    uint32_t len;

    if (chain == NULL || (is_tls13 && !cursor_vector8(&c, &context)) || !cursor_u24(&c, &len)) {
        return chain;
    }
    while (cursor_u24(&c, &len)) {
        struct span der;
        struct cursor extensions;
        if (!cursor_bytes(&c, len, &der) || (is_tls13 && !cursor_vector16(&c, &extensions))) {
            break;
        }
        const unsigned char *at = (const unsigned char *)der.ptr;
        X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
        if (certificate == NULL || sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            break;
        }
    }
    ERR_clear_error();
    return chain;
}

static const char *name_text(struct explain *ex, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len = 0;
    const char *text;

    CHECK(bio != NULL);
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
        0) {
        len = BIO_get_mem_data(bio, &bytes);
    }
    text = len > 0 ? arena_cstr(&ex->arena, span_make(bytes, (size_t)len)) : "(no name)";
    BIO_free(bio);
    return text;
}

static void add_name(struct strbuf *names, const GENERAL_NAME *name)
{
    char text[INET6_ADDRSTRLEN];
    int kind = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);

    if (kind != GEN_DNS && kind != GEN_IPADD && kind != GEN_URI && kind != GEN_EMAIL) {
        return;
    }
    if (names->len != 0) {
        strbuf_add_cstr(names, ", ");
    }
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    int len = ASN1_STRING_length(value);
    if (kind != GEN_IPADD) {
        strbuf_add(names, span_make(bytes, (size_t)len));
    } else if (inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) != NULL &&
               (len == 4 || len == 16)) {
        strbuf_add_cstr(names, text);
    }
}

static void note_names(struct explain *ex, X509 *leaf)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(all);
    struct strbuf names;

    strbuf_init(&names);
    for (int i = 0; i < count && i < NAMES_SHOWN; i++) {
        add_name(&names, sk_GENERAL_NAME_value(all, i));
    }
    if (count > NAMES_SHOWN) {
        strbuf_printf(&names, " and %d more", count - NAMES_SHOWN);
    }
    if (names.len != 0) {
        explain_note(ex, "names", "%.*s", SPAN_ARG(strbuf_span(&names)));
    }
    strbuf_free(&names);
    GENERAL_NAMES_free(all);
}

static void note_key(struct explain *ex, X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    char group[64] = "";
    int digest = NID_undef;
    int kind = NID_undef;

    if (key == NULL) {
        return;
    }
    (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
    ERR_clear_error();
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        explain_note(ex, "key", "RSA, %d bits", EVP_PKEY_get_bits(key));
    } else {
        explain_note(ex, "key", "%s%s%s", EVP_PKEY_get0_type_name(key), group[0] != '\0' ? " " : "",
                     strcmp(group, "prime256v1") == 0  ? "P-256"
                     : strcmp(group, "secp384r1") == 0 ? "P-384"
                                                       : group);
    }
    if (OBJ_find_sigid_algs(X509_get_signature_nid(leaf), &digest, &kind) == 1) {
        explain_note(ex, "signed with", "%s", OBJ_nid2ln(X509_get_signature_nid(leaf)));
    }
}

static void day_text(const ASN1_TIME *when, char *text, size_t size)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(when, &parts) != 1 || strftime(text, size, "%Y-%m-%d", &parts) == 0) {
        (void)snprintf(text, size, "?");
    }
}

static void note_validity(struct explain *ex, X509 *leaf)
{
    char from[32];
    char until[32];
    int days = 0;
    int seconds = 0;

    day_text(X509_get0_notBefore(leaf), from, sizeof(from));
    day_text(X509_get0_notAfter(leaf), until, sizeof(until));
    (void)ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf));
    if (X509_cmp_time(X509_get0_notBefore(leaf), NULL) > 0) {
        explain_note(ex, "valid", "%s to %s: NOT YET VALID", from, until);
    } else if (days < 0 || seconds < 0) {
        explain_note(ex, "valid", "%s to %s: EXPIRED", from, until);
    } else {
        explain_note(ex, "valid", "%s to %s (%d days left)", from, until, days);
    }
}

void explain_describe_chain(struct explain *ex, STACK_OF(X509) * chain)
{
    int count = sk_X509_num(chain);

    if (count <= 0) {
        explain_note(ex, "certificate", "none");
        return;
    }
    X509 *leaf = sk_X509_value(chain, 0);
    explain_note(ex, "subject", "%s", name_text(ex, X509_get_subject_name(leaf)));
    note_names(ex, leaf);
    explain_note(ex, "issuer", "%s", name_text(ex, X509_get_issuer_name(leaf)));
    note_key(ex, leaf);
    note_validity(ex, leaf);
    for (int i = 1; i < count && i < CHAIN_SHOWN; i++) {
        explain_note(ex, "intermediate", "%s",
                     name_text(ex, X509_get_subject_name(sk_X509_value(chain, i))));
    }
    if (count > CHAIN_SHOWN) {
        explain_note(ex, "intermediate", "and %d more", count - CHAIN_SHOWN);
    }
}

static bool covers(X509 *leaf, const char *host)
{
    struct sock_address address;

    return sock_address_from_ip(&address, host, 0) ? X509_check_ip_asc(leaf, host, 0) == 1
                                                   : X509_check_host(leaf, host, 0, 0, NULL) == 1;
}

void explain_describe_trust(struct explain *ex, size_t step, X509_STORE_CTX *verified, bool ok)
{
    const char *host = explain_name(ex);
    X509 *leaf = X509_STORE_CTX_get0_cert(verified);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(verified);
    int depth = X509_STORE_CTX_get_error_depth(verified);

    if (leaf != NULL) {
        explain_note_at(ex, step, "covers host", "%s: %s", host, covers(leaf, host) ? "yes" : "NO");
    }
    if (ok && sk_X509_num(chain) > 0) {
        X509 *root = sk_X509_value(chain, sk_X509_num(chain) - 1);
        explain_note_at(ex, step, "trusted", "yes, up to the root %s",
                        name_text(ex, X509_get_subject_name(root)));
        return;
    }
    ex->steps[step].is_bad = true;
    explain_note_at(ex, step, "trusted", "NO: %s",
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(verified)));
    X509 *bad = sk_X509_value(chain, depth);
    if (bad != NULL) {
        explain_note_at(ex, step, depth == 0 ? "fails at" : "fails above", "%s",
                        name_text(ex, X509_get_subject_name(bad)));
    }
}
