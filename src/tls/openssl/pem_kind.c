#include "tls/pem_kind.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/strbuf.h"

static bool contains(struct span bytes, const char *text)
{
    return memmem(bytes.ptr, bytes.len, text, strlen(text)) != NULL;
}

static bool begins(struct span bytes, const char *start, size_t len)
{
    return bytes.len >= len && memcmp(bytes.ptr, start, len) == 0;
}

struct span pem_kind_skip_mark(struct span bytes)
{
    return begins(bytes, "\xef\xbb\xbf", 3) ? span_skip(bytes, 3) : bytes;
}

/* @ in the text stands for the path in quotes. Always false. */
static bool say(const char *path, const char *text, struct error *error)
{
    struct strbuf b;

    strbuf_init(&b);
    for (; *text != '\0'; text++) {
        if (*text == '@') {
            strbuf_printf(&b, "'%s'", path);
        } else {
            strbuf_add_char(&b, *text);
        }
    }
    (void)error_set(error, "%.*s", (int)b.len, b.ptr);
    strbuf_free(&b);
    return false;
}

/* ---- binary files ---- */

/* What a DER file holds, as its first elements tell. */
enum der_kind { DER_NONE, DER_PKCS12, DER_PKCS7, DER_OTHER };

/* A SEQUENCE that fills the bytes; *content is what it holds. */
static bool is_sequence(struct span bytes, struct cursor *content)
{
    struct cursor c = cursor_make(bytes);
    uint8_t tag, length, byte;
    size_t len = 0;

    if (!cursor_u8(&c, &tag) || tag != 0x30 || !cursor_u8(&c, &length)) {
        return false;
    }
    if (length == 0x80) {
        *content = c; /* of indefinite length, as some tools write PKCS#7 and PKCS#12 */
        return true;
    }
    if (length < 0x80) {
        len = length;
    }
    for (uint8_t i = 0x80; i < length; i++) {
        if (length > 0x84 || !cursor_u8(&c, &byte)) {
            return false;
        }
        len = len << 8 | byte;
    }
    *content = c;
    return len != 0 && cursor_left(&c) == len;
}

static enum der_kind der_kind_of(struct span bytes)
{
    static const struct span pkcs12_version = SPAN("\x02\x01\x03");
    static const struct span signed_data = SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
    struct cursor content;
    struct cursor again;
    struct span start;

    if (!is_sequence(bytes, &content)) {
        return DER_NONE;
    }
    again = content;
    if (cursor_bytes(&content, pkcs12_version.len, &start) && span_eq(start, pkcs12_version)) {
        return DER_PKCS12;
    }
    if (cursor_bytes(&again, signed_data.len, &start) && span_eq(start, signed_data)) {
        return DER_PKCS7;
    }
    return DER_OTHER;
}

static bool explain_der(const char *path, struct span bytes, enum pem_wanted wanted,
                        struct error *error)
{
    bool is_key = wanted == PEM_WANTS_KEY;

    switch (der_kind_of(bytes)) {
    case DER_PKCS12:
        (void)say(path,
                  is_key
                      ? "@ is no PEM file: it looks like PKCS#12; convert it with: openssl pkcs12 "
                        "-nocerts -noenc -in @ -out key.pem"
                      : "@ is no PEM file: it looks like PKCS#12; convert it with: openssl pkcs12 "
                        "-nokeys -in @ -out cert.pem",
                  error);
        return true;
    case DER_PKCS7:
        (void)say(path,
                  is_key ? "@ is PKCS#7 (.p7b), which holds certificates and no private key: name "
                           "the file of the key"
                         : "@ is PKCS#7 (.p7b) in DER: convert it with: openssl pkcs7 -inform DER "
                           "-print_certs -in @ -out cert.pem",
                  error);
        return true;
    case DER_OTHER:
        (void)say(path,
                  is_key ? "@ is no PEM file: it looks like DER; convert it with: openssl pkey "
                           "-inform DER -in @ -out key.pem"
                         : "@ is no PEM file: it looks like DER; convert it with: openssl x509 "
                           "-inform DER -in @ -out cert.pem",
                  error);
        return true;
    case DER_NONE:
        break;
    }
    return false;
}

/* A text in UTF-16 has a byte order mark, or a NUL beside each of its first letters. */
static bool is_utf16(struct span bytes)
{
    return begins(bytes, "\xff\xfe", 2) || begins(bytes, "\xfe\xff", 2) ||
           begins(bytes, "-\0-\0-\0", 6) || begins(bytes, "\0-\0-\0-", 6);
}

static bool explain_binary(const char *path, struct span bytes, enum pem_wanted wanted,
                           struct error *error)
{
    if (is_utf16(bytes)) {
        (void)error_set(error,
                        "'%s' is text in UTF-16, as some editors and PowerShell write it: convert "
                        "it with: iconv -f UTF-16 -t UTF-8 '%s' > new.pem",
                        path, path);
        return true;
    }
    if (begins(bytes, "\xfe\xed\xfe\xed", 4) || begins(bytes, "\xce\xce\xce\xce", 4)) {
        (void)error_set(
            error,
            "'%s' is a Java key store (JKS): convert it with: keytool -importkeystore "
            "-srckeystore '%s' -destkeystore store.p12 -deststoretype PKCS12, and then: "
            "openssl pkcs12 %s -in store.p12 -out %s",
            path, path, wanted == PEM_WANTS_KEY ? "-nocerts -noenc" : "-nokeys",
            wanted == PEM_WANTS_KEY ? "key.pem" : "cert.pem");
        return true;
    }
    return explain_der(path, bytes, wanted, error);
}

/* ---- texts ---- */

#define FOR_CERTIFICATE (1U << PEM_WANTS_CERTIFICATE)
#define FOR_KEY (1U << PEM_WANTS_KEY)
#define FOR_CRL (1U << PEM_WANTS_CRL)
#define FOR_ALL (FOR_CERTIFICATE | FOR_KEY | FOR_CRL)
#define LOST_LINE_BREAKS                                                                           \
    "@ has lost its line breaks: mend it with: sed 's/-----BEGIN [A-Z0-9 ]*-----/&\\n/g; "         \
    "s/-----END /\\n&/g' @ | fold -w 64 > new.pem"

/* The first that fits tells; @ stands for the path in quotes. */
static const struct {
    unsigned wanted;
    const char *text;
    const char *says;
} texts[] = {
    {FOR_KEY, "-----BEGIN OPENSSH PRIVATE KEY-----",
     "@ is a private key in OpenSSH's own format: convert a copy of it with: ssh-keygen -p -N "
     "'' -m PEM -f @ (the certificate must have been requested with this very key)"},
    {FOR_CERTIFICATE | FOR_CRL, "-----BEGIN OPENSSH PRIVATE KEY-----",
     "@ is a private key of OpenSSH, and no certificate: name the file that the CA sent"},
    {FOR_KEY, "BEGIN ENCRYPTED PRIVATE KEY-----",
     "the private key in @ is encrypted with a passphrase, and nobody is there to type it: "
     "decrypt it with: openssl pkey -in @ -out key.pem, and let only tidegate's user read the "
     "result"},
    {FOR_KEY, "Proc-Type: 4,ENCRYPTED",
     "the private key in @ is encrypted with a passphrase, and nobody is there to type it: "
     "decrypt it with: openssl pkey -in @ -out key.pem, and let only tidegate's user read the "
     "result"},
    {FOR_KEY, "PRIVATE KEY-----M", LOST_LINE_BREAKS},
    {FOR_KEY, "PRIVATE KEY-----", "the private key in @ is damaged: copy the file anew"},
    {FOR_KEY, "PUBLIC KEY-----", "@ holds a public key; the private one is needed"},
    {FOR_CERTIFICATE | FOR_CRL, "PUBLIC KEY-----",
     "@ holds a public key and no certificate: name the file that the CA sent"},
    {FOR_KEY | FOR_CRL, "CERTIFICATE REQUEST-----",
     "@ holds a signing request, which is for a CA: name the file that is wanted here"},
    {FOR_CERTIFICATE, "CERTIFICATE REQUEST-----",
     "@ holds a signing request, not a certificate: send it to a CA and use what comes back"},
    {FOR_KEY, "-----BEGIN EC PARAMETERS-----",
     "@ holds the parameters of a curve and no private key: make one with: openssl genpkey "
     "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"},
    {FOR_KEY, "CERTIFICATE-----",
     "@ holds a certificate and no private key: were 'certificate' and 'key' swapped?"},
    {FOR_CERTIFICATE, "PRIVATE KEY-----",
     "@ holds a private key and no certificate: were 'certificate' and 'key' swapped?"},
    {FOR_CERTIFICATE, "-----BEGIN PKCS7-----",
     "@ is PKCS#7 (.p7b): convert it with: openssl pkcs7 -print_certs -in @ -out "
     "cert.pem"},
    {FOR_CERTIFICATE, "-----BEGIN CMS-----",
     "@ is a CMS message: convert it with: openssl cms -inform PEM -in @ -cmsout -certsout "
     "cert.pem"},
    {FOR_CERTIFICATE, "-----BEGIN X509 CRL-----",
     "@ holds a list of revoked certificates, and no certificate"},
    {FOR_CRL, "BEGIN CERTIFICATE-----",
     "@ holds a certificate, and no list of revoked certificates (-----BEGIN X509 CRL-----)"},
    {FOR_ALL, "-----BEGIN PGP ",
     "@ is a file of PGP, which TLS does not use: name the file that the CA sent"},
    {FOR_ALL, "ssh-rsa AAAA", "@ is a public key of SSH, which TLS does not use"},
    {FOR_ALL, "ssh-ed25519 AAAA", "@ is a public key of SSH, which TLS does not use"},
    {FOR_ALL, "ecdsa-sha2-nistp", "@ is a public key of SSH, which TLS does not use"},
    {FOR_ALL, "<html", "@ is a web page: the download brought something else than the file"},
    {FOR_ALL, "<!DOCTYPE", "@ is a web page: the download brought something else than the file"},
    {FOR_CERTIFICATE, "-----BEGIN CERTIFICATE-----MII", LOST_LINE_BREAKS},
    {FOR_CRL, "-----BEGIN X509 CRL-----MI", LOST_LINE_BREAKS},
    {FOR_CERTIFICATE, "MII",
     "@ holds no PEM certificate: it looks like the base64 of one without its first and last "
     "line; add them: -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----"},
    {FOR_CERTIFICATE, "", "@ holds no PEM certificate (-----BEGIN CERTIFICATE-----)"},
    {FOR_KEY, "", "@ holds no PEM private key (-----BEGIN PRIVATE KEY-----)"},
    {FOR_CRL, "", "@ holds no list of revoked certificates (-----BEGIN X509 CRL-----)"},
};

/* ---- blocks that are there and not read ---- */

static size_t count(struct span bytes, const char *text)
{
    size_t found = 0;
    size_t len = strlen(text);

    for (const char *at; (at = memmem(bytes.ptr, bytes.len, text, len)) != NULL; found++) {
        bytes = span_skip(bytes, (size_t)(at - bytes.ptr) + len);
    }
    return found;
}

/* Whether the first block under a certificate's name is PKCS#7 in truth. */
static bool is_pkcs7_inside(struct span bytes)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *from = memmem(bytes.ptr, bytes.len, begin, sizeof(begin) - 1);
    unsigned char der[48];
    char base64[64];
    size_t used = 0;
    size_t len;
    struct span start;

    if (from == NULL) {
        return false;
    }
    start = span_skip(bytes, (size_t)(from - bytes.ptr) + sizeof(begin) - 1);
    for (size_t i = 0; i < start.len && used < 40; i++) {
        if (start.ptr[i] > ' ') {
            base64[used++] = start.ptr[i];
        }
    }
    if (used < 40 || !base64_decode(BASE64, span_make(base64, 40), der, sizeof(der), &len) ||
        len < 24) {
        return false;
    }
    return contains(span_make(der, 24), "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
}

static bool has_indented(struct span bytes)
{
    static const char begin[] = "-----BEGIN ";
    const char *first = bytes.ptr;
    const char *at;

    while ((at = memmem(bytes.ptr, bytes.len, begin, sizeof(begin) - 1)) != NULL) {
        if (at != first && (at[-1] == ' ' || at[-1] == '\t')) {
            return true;
        }
        bytes = span_skip(bytes, (size_t)(at - bytes.ptr) + 1);
    }
    return false;
}

bool pem_kind_check_lines(const char *path, struct span bytes, const char *label,
                          struct error *error)
{
    char begin[64];
    char end[64];

    if (contains(bytes, "----------BEGIN ")) {
        return say(path,
                   "in @ a line break is missing between two blocks (END and BEGIN are on one "
                   "line): mend it with: sed -i 's/-----END [A-Z0-9 ]*-----/&\\n/' @",
                   error);
    }
    if (has_indented(bytes)) {
        return say(
            path,
            "in @ lines begin with blanks, so that not all blocks can be read: mend it with: "
            "sed -i 's/^[ \\t]*//' @",
            error);
    }
    (void)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
    (void)snprintf(end, sizeof(end), "-----END %s-----", label);
    if (count(bytes, begin) != count(bytes, end)) {
        return error_set(error,
                         "'%s' is damaged: it has %zu lines '%s' and %zu '%s'; copy the file "
                         "anew",
                         path, count(bytes, begin), begin, count(bytes, end), end);
    }
    return true;
}

bool pem_kind_check_blocks(const char *path, struct span bytes, struct error *error)
{
    if (contains(bytes, "-----BEGIN TRUSTED CERTIFICATE-----")) {
        return error_set(error,
                         "'%s' holds a certificate in OpenSSL's own format (BEGIN TRUSTED "
                         "CERTIFICATE): convert it with: openssl x509 -in '%s' -out cert.pem",
                         path, path);
    }
    if (is_pkcs7_inside(bytes)) {
        return error_set(error,
                         "'%s' says BEGIN CERTIFICATE and holds PKCS#7 (.p7b): convert it with: "
                         "sed 's/ CERTIFICATE/ PKCS7/' '%s' | openssl pkcs7 -print_certs -out "
                         "cert.pem",
                         path, path);
    }
    return pem_kind_check_lines(path, bytes, "CERTIFICATE", error);
}

bool pem_kind_explain(const char *path, struct span bytes, enum pem_wanted wanted,
                      struct error *error)
{
    if (explain_binary(path, bytes, wanted, error)) {
        return false;
    }
    if (wanted == PEM_WANTS_CERTIFICATE && !pem_kind_check_blocks(path, bytes, error)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if ((texts[i].wanted & 1U << wanted) != 0 && contains(bytes, texts[i].text)) {
            return say(path, texts[i].says, error);
        }
    }
    CHECK(false); /* the last rows have no condition */
    return false;
}
