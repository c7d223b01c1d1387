#include "tls/openssl/x509_words.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/strbuf.h"

char *x509_words_name(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    char *text;
    long len;

    CHECK(bio != NULL);
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(bio, &bytes);
    text = xstrndup(bytes != NULL ? bytes : "", len > 0 ? (size_t)len : 0);
    BIO_free(bio);
    return text;
}

int64_t x509_words_seconds(const ASN1_TIME *at)
{
    struct tm tm;

    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

const char *x509_words_date(int64_t seconds, char text[32])
{
    time_t at = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        (void)snprintf(text, 32, "an unknown date");
    }
    return text;
}

void x509_words_clean(struct span from, char *text, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < from.len && len + 1 < size; i++) {
        bool is_plain = from.ptr[i] > ' ' && from.ptr[i] < 0x7f;
        text[len++] = is_plain ? from.ptr[i] : '?';
    }
    text[len] = '\0';
}

/* A name that somebody else chose: bounded. */
#define NAME_SHOWN 200

char *x509_words_whose(X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char *subject = x509_words_name(X509_get_subject_name(certificate));
    char *issuer = x509_words_name(X509_get_issuer_name(certificate));
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *serial = number != NULL ? BN_bn2hex(number) : NULL;
    struct strbuf text;
    char *result;

    strbuf_init(&text);
    strbuf_printf(&text, "subject \"%.*s\", issuer \"%.*s\", serial %.42s, sha256 ", NAME_SHOWN,
                  subject, NAME_SHOWN, issuer, serial != NULL ? serial : "?");
    if (X509_digest(certificate, EVP_sha256(), digest, &len) == 1) {
        hex_encode(span_make(digest, len), hex);
        strbuf_add(&text, span_make(hex, 2 * (size_t)len));
    }
    result = xstrndup(text.ptr, text.len);
    strbuf_free(&text);
    OPENSSL_free(serial);
    BN_free(number);
    free(subject);
    free(issuer);
    return result;
}
