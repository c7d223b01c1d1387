#include "tls/tls_peer.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/base64.h"
#include "tls/openssl/peer_verify.h"
#include "tls/openssl/tls_conn_internal.h"
#include "tls/tls_conn.h"

#define SUBJECT_MAX 2048
/* A chain above this is not passed on: no server takes such a field. */
#define CHAIN_FIELD_MAX 32768

/* ---- names ---- */

/* A name with other bytes could say one thing to a rule and another to whoever reads it. */
static bool is_plain_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] >= 0x7F) {
            return false;
        }
    }
    return text.len != 0;
}

static void add_names(GENERAL_NAMES *names, int type, struct arena *arena, struct span **items,
                      size_t *count)
{
    int total = names != NULL ? sk_GENERAL_NAME_num(names) : 0;

    *count = 0;
    *items = arena_alloc(arena, TLS_PEER_NAMES_MAX * sizeof(**items));
    for (int i = 0; i < total && *count < TLS_PEER_NAMES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != type) {
            continue;
        }
        struct span text = span_make((const char *)ASN1_STRING_get0_data(name->d.ia5),
                                     (size_t)ASN1_STRING_length(name->d.ia5));
        if (is_plain_text(text)) {
            (*items)[(*count)++] = arena_copy(arena, text);
        }
    }
}

static void add_ips(GENERAL_NAMES *names, struct arena *arena, struct tls_peer *peer)
{
    int total = names != NULL ? sk_GENERAL_NAME_num(names) : 0;

    peer->ips = arena_alloc(arena, TLS_PEER_NAMES_MAX * sizeof(*peer->ips));
    for (int i = 0; i < total && peer->ip_count < TLS_PEER_NAMES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[INET6_ADDRSTRLEN];
        int len = name->type == GEN_IPADD ? ASN1_STRING_length(name->d.iPAddress) : 0;
        if ((len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
                      sizeof(text)) != NULL) {
            peer->ips[peer->ip_count++] = arena_copy(arena, span_from_cstr(text));
        }
    }
}

static int64_t end_of(const X509 *certificate)
{
    struct tm end;

    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? (int64_t)timegm(&end) : 0;
}

static struct span serial_of(const X509 *certificate, struct arena *arena)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    struct span text = arena_copy(arena, span_from_cstr(hex));

    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

bool tls_peer_read(const struct conn *conn, struct arena *arena, struct tls_peer *peer)
{
    const X509 *certificate = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    char subject[SUBJECT_MAX];
    GENERAL_NAMES *names;
    size_t len;

    *peer = (struct tls_peer){0};
    if (certificate == NULL) {
        return false;
    }
    len = tls_conn_peer_subject(conn, subject, sizeof(subject));
    if (len < sizeof(subject) - 1 && is_plain_text(span_make(subject, len))) {
        peer->subject = arena_copy(arena, span_make(subject, len));
    }
    len = tls_conn_peer_issuer(conn, subject, sizeof(subject));
    if (len < sizeof(subject) - 1 && is_plain_text(span_make(subject, len))) {
        peer->issuer = arena_copy(arena, span_make(subject, len));
    }
    names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    add_names(names, GEN_DNS, arena, &peer->dns, &peer->dns_count);
    add_names(names, GEN_URI, arena, &peer->uris, &peer->uri_count);
    add_names(names, GEN_EMAIL, arena, &peer->emails, &peer->email_count);
    add_ips(names, arena, peer);
    peer->serial = serial_of(certificate, arena);
    peer->expires = end_of(certificate);
    GENERAL_NAMES_free(names);
    (void)tls_conn_peer_fingerprint(conn, peer->fingerprint);
    return true;
}

/* ---- certificates as fields ---- */

static size_t field_size(const X509 *certificate)
{
    int der_len = i2d_X509(certificate, NULL);

    return der_len > 0 ? BASE64_LEN((size_t)der_len) + 2 : 0;
}

/* ":base64:"; returns its length. There is room for field_size(). */
static size_t write_field(const X509 *certificate, char *at)
{
    unsigned char *der = NULL;
    int der_len = i2d_X509(certificate, &der);
    size_t len = 0;

    if (der_len > 0) {
        at[0] = ':';
        len = base64_encode(BASE64, span_make(der, (size_t)der_len), at + 1) + 2;
        at[len - 1] = ':';
    }
    OPENSSL_free(der);
    return len;
}

struct span tls_peer_certificate_field(const struct conn *conn, struct arena *arena)
{
    const X509 *certificate = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    size_t size = certificate != NULL ? field_size(certificate) : 0;
    char *text;

    if (size == 0 || size > CHAIN_FIELD_MAX) {
        return span_make(NULL, 0);
    }
    text = arena_alloc(arena, size + 1);
    return span_make(text, write_field(certificate, text));
}

/* Unreserved (RFC 3986 section 2.3). */
static bool is_plain_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static struct span percent_encoded(const char *text, size_t len, struct arena *arena)
{
    static const char hex[] = "0123456789ABCDEF";
    char *bytes = arena_alloc(arena, 3 * len + 1);
    char *to = bytes;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_plain_byte(text[i])) {
            *to++ = text[i];
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    return span_make(bytes, (size_t)(to - bytes));
}

struct span tls_peer_certificate_text(const struct conn *conn, struct arena *arena)
{
    X509 *certificate = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    BIO *bio = certificate != NULL ? BIO_new(BIO_s_mem()) : NULL;
    struct span value = {NULL, 0};
    char *text;
    long len;

    if (bio == NULL) {
        return value;
    }
    if (PEM_write_bio_X509(bio, certificate) == 1) {
        len = BIO_get_mem_data(bio, &text);
        if (len > 0 && len <= CHAIN_FIELD_MAX) {
            value = percent_encoded(text, (size_t)len, arena);
        }
    }
    BIO_free(bio);
    return value;
}

struct span tls_peer_chain_field(const struct conn *conn, struct arena *arena)
{
    STACK_OF(X509) *chain = peer_verify_chain(tls_of(conn)->ssl);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    size_t size = 0;
    size_t len = 0;
    char *text = NULL;

    for (int i = 0; i < count; i++) {
        size += field_size(sk_X509_value(chain, i)) + 2;
    }
    if (size != 0 && size <= CHAIN_FIELD_MAX) {
        text = arena_alloc(arena, size + 1);
        for (int i = 0; i < count; i++) {
            if (len != 0) {
                text[len++] = ',';
                text[len++] = ' ';
            }
            len += write_field(sk_X509_value(chain, i), text + len);
        }
    }
    sk_X509_pop_free(chain, X509_free);
    return span_make(text, len);
}
