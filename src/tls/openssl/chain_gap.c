#include "tls/openssl/chain_gap.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* Follows the issuers as far as what was sent goes. */
static X509 *last_of(STACK_OF(X509) * sent)
{
    X509 *at = sk_X509_value(sent, 0);

    /* At most one step for each: a circle of certificates must not keep us. */
    for (int steps = 0; steps < sk_X509_num(sent); steps++) {
        X509 *next = NULL;
        for (int i = 0; i < sk_X509_num(sent) && next == NULL; i++) {
            X509 *other = sk_X509_value(sent, i);
            if (other != at && X509_check_issued(other, at) == X509_V_OK) {
                next = other;
            }
        }
        if (next == NULL) {
            break;
        }
        at = next;
    }
    return at;
}

static bool says_where_issuer_is(X509 *certificate)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(certificate, NID_info_access, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        found |= OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, i)->method) == NID_ad_ca_issuers;
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return found;
}

static bool organisation(const X509_NAME *name, char text[128])
{
    return X509_NAME_get_text_by_NID((X509_NAME *)name, NID_organizationName, text, 128) > 0;
}

/* Whether a trusted certificate is the issuer, or seems to be of the same house. */
static void look_among_trusted(X509_STORE *trusted, X509 *last, bool *is_issuer, bool *is_related)
{
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trusted);
    const X509_NAME *issuer = X509_get_issuer_name(last);
    char wanted[128];
    char text[128];
    bool has_wanted = organisation(issuer, wanted);

    for (int i = 0; i < sk_X509_num(roots); i++) {
        const X509 *root = sk_X509_value(roots, i);
        const X509_NAME *subject = X509_get_subject_name(root);
        *is_issuer |= X509_NAME_cmp(subject, issuer) == 0;
        *is_related |= has_wanted && organisation(subject, text) && strcmp(text, wanted) == 0;
    }
    sk_X509_pop_free(roots, X509_free);
}

bool chain_gap_find(STACK_OF(X509) * sent, X509_STORE *trusted, char name[CHAIN_GAP_TEXT_MAX])
{
    bool is_issuer = false;
    bool is_related = false;
    bool found = false;
    X509 *last;

    name[0] = '\0';
    if (sent == NULL || sk_X509_num(sent) == 0) {
        return false;
    }
    last = last_of(sent);
    if (X509_self_signed(last, 0) != 1) {
        look_among_trusted(trusted, last, &is_issuer, &is_related);
        found = !is_issuer && (is_related || says_where_issuer_is(last));
    }
    if (found) {
        BIO *bio = BIO_new(BIO_s_mem());
        int len = 0;
        if (bio != NULL &&
            X509_NAME_print_ex(bio, X509_get_issuer_name(last), 0, XN_FLAG_RFC2253) >= 0) {
            len = BIO_read(bio, name, CHAIN_GAP_TEXT_MAX - 1);
        }
        name[len > 0 ? len : 0] = '\0';
        BIO_free(bio);
    }
    ERR_clear_error();
    return found;
}
