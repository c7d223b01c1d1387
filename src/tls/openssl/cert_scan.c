#include "tls/cert_scan.h"

#include <openssl/evp.h>
#include <string.h>

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_DNS_NAME = 0x82, /* [2] in GeneralName */
    DER_VERSION = 0xa0,  /* [0] in TBSCertificate */
    DER_EXTENSIONS = 0xa3
};

/* ---- PEM ---- */

bool cert_scan_pem(struct span pem, char *der, size_t size, struct span *certificate)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char end[] = "-----END CERTIFICATE-----";
    const char *from = memmem(pem.ptr, pem.len, begin, strlen(begin));
    const char *to;
    EVP_ENCODE_CTX *decoder;
    int len = 0;
    int rest = 0;
    bool ok;

    if (from == NULL) {
        return false;
    }
    from += strlen(begin);
    to = memmem(from, (size_t)(pem.ptr + pem.len - from), end, strlen(end));
    /* The decoder writes three bytes for four, and looks a block ahead. */
    if (to == NULL || (size_t)(to - from) / 4 * 3 + 80 > size || (size_t)(to - from) > INT32_MAX) {
        return false;
    }
    decoder = EVP_ENCODE_CTX_new();
    CHECK(decoder != NULL);
    EVP_DecodeInit(decoder);
    ok = EVP_DecodeUpdate(decoder, (unsigned char *)der, &len, (const unsigned char *)from,
                          (int)(to - from)) >= 0 &&
         EVP_DecodeFinal(decoder, (unsigned char *)der + len, &rest) == 1;
    EVP_ENCODE_CTX_free(decoder);
    *certificate = span_make(der, ok ? (size_t)(len + rest) : 0);
    return ok;
}

/* ---- DER ---- */

/* One element: its tag and its content (X.690 section 8.1; definite lengths up to 16 MiB). */
static bool next(struct cursor *in, uint8_t *tag, struct span *content)
{
    uint8_t first;
    uint8_t byte;
    size_t len;

    if (!cursor_u8(in, tag) || !cursor_u8(in, &first) || first == 0x80 || first > 0x83) {
        return false;
    }
    len = first < 0x80 ? first : 0;
    for (unsigned i = 0x80; i < first; i++) {
        if (!cursor_u8(in, &byte)) {
            return false;
        }
        len = len << 8 | byte;
    }
    return cursor_bytes(in, len, content);
}

static bool expect(struct cursor *in, enum der_tag wanted, struct span *content)
{
    uint8_t tag;

    return next(in, &tag, content) && tag == wanted;
}

static bool enter(struct cursor *in, enum der_tag wanted, struct cursor *content)
{
    struct span span;

    if (!expect(in, wanted, &span)) {
        return false;
    }
    *content = cursor_make(span);
    return true;
}

static bool two_digits(struct span *text, int *number)
{
    if (text->len < 2 || text->ptr[0] < '0' || text->ptr[0] > '9' || text->ptr[1] < '0' ||
        text->ptr[1] > '9') {
        return false;
    }
    *number = (text->ptr[0] - '0') * 10 + text->ptr[1] - '0';
    *text = span_skip(*text, 2);
    return true;
}

/* Days since 1970 of a day in the Gregorian calendar, counted in years that begin in March. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* YYMMDDhhmmssZ or YYYYMMDDhhmmssZ (RFC 5280 section 4.1.2.5). */
static bool read_time(struct cursor *in, int64_t *seconds)
{
    struct span text;
    uint8_t tag;
    int part[7] = {0}; /* century, year, month, day, hour, minute, second */

    if (!next(in, &tag, &text) || (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME)) {
        return false;
    }
    for (size_t i = tag == DER_UTC_TIME ? 1 : 0; i < ARRAY_LEN(part); i++) {
        if (!two_digits(&text, &part[i])) {
            return false;
        }
    }
    if (tag == DER_UTC_TIME) {
        part[0] = part[1] < 50 ? 20 : 19;
    }
    *seconds = days_since_1970(part[0] * 100 + part[1], part[2], part[3]) * 86400 + part[4] * 3600 +
               part[5] * 60 + part[6];
    return part[2] >= 1 && part[2] <= 12 && part[3] >= 1 && part[3] <= 31 && text.len == 1 &&
           text.ptr[0] == 'Z';
}

/* The named curves that TLS signs with (RFC 8446 section 4.2.3); false: another one. */
static bool find_curve(struct span oid, enum cert_kind *kind)
{
    static const struct {
        struct span oid;
        enum cert_kind kind;
    } curves[] = {
        {SPAN("\x2a\x86\x48\xce\x3d\x03\x01\x07"), CERT_KIND_P256},
        {SPAN("\x2b\x81\x04\x00\x22"), CERT_KIND_P384},
        {SPAN("\x2b\x81\x04\x00\x23"), CERT_KIND_P521},
    };

    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (span_eq(oid, curves[i].oid)) {
            *kind = curves[i].kind;
            return true;
        }
    }
    return false;
}

static bool read_kind(struct cursor *in, enum cert_kind *kind, bool *is_odd_curve)
{
    static const struct {
        struct span oid;
        enum cert_kind kind;
    } kinds[] = {
        {SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), CERT_KIND_RSA},     /* rsaEncryption */
        {SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), CERT_KIND_RSA_PSS}, /* rsassaPss */
        {SPAN("\x2a\x86\x48\xce\x3d\x02\x01"), CERT_KIND_P256},
        {SPAN("\x2b\x65\x70"), CERT_KIND_ED25519},
        {SPAN("\x2b\x65\x71"), CERT_KIND_ED448},
    };
    struct cursor key;
    struct cursor algorithm;
    struct span oid;

    if (!enter(in, DER_SEQUENCE, &key) || !enter(&key, DER_SEQUENCE, &algorithm) ||
        !expect(&algorithm, DER_OID, &oid)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (span_eq(oid, kinds[i].oid)) {
            *kind = kinds[i].kind;
            *is_odd_curve = cert_kind_is_ecdsa(*kind) &&
                            !(expect(&algorithm, DER_OID, &oid) && find_curve(oid, kind));
            return true;
        }
    }
    return false;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue } */
static bool read_extension(struct cursor *in, struct cert_scan *scan)
{
    static const struct span subject_alt_name = SPAN("\x55\x1d\x11");
    struct cursor extension;
    struct cursor value;
    struct span oid;
    struct span content;
    uint8_t tag;

    if (!enter(in, DER_SEQUENCE, &extension) || !expect(&extension, DER_OID, &oid)) {
        return false;
    }
    if (!span_eq(oid, subject_alt_name)) {
        return true;
    }
    if (!next(&extension, &tag, &content) ||
        (tag == DER_BOOLEAN && !next(&extension, &tag, &content)) || tag != DER_OCTET_STRING) {
        return false;
    }
    value = cursor_make(content);
    return expect(&value, DER_SEQUENCE, &scan->alternative_names);
}

static bool read_extensions(struct cursor *tbs, struct cert_scan *scan)
{
    struct cursor outer;
    struct cursor list;
    struct span content;
    uint8_t tag = 0;

    while (cursor_left(tbs) != 0 && tag != DER_EXTENSIONS) {
        if (!next(tbs, &tag, &content)) {
            return false;
        }
    }
    if (tag != DER_EXTENSIONS) {
        return true; /* a certificate of version 1 */
    }
    outer = cursor_make(content);
    if (!enter(&outer, DER_SEQUENCE, &list)) {
        return false;
    }
    while (cursor_left(&list) != 0) {
        if (!read_extension(&list, scan)) {
            return false;
        }
    }
    return true;
}

bool cert_scan_der(struct span der, struct cert_scan *scan)
{
    struct cursor in = cursor_make(der);
    struct cursor outer;
    struct cursor tbs;
    struct cursor validity;
    struct span skipped;
    uint8_t tag;

    *scan = (struct cert_scan){0};
    if (!enter(&in, DER_SEQUENCE, &outer) || !enter(&outer, DER_SEQUENCE, &tbs) ||
        !next(&tbs, &tag, &skipped)) {
        return false;
    }
    /* The version may be missing; then that was the serial number. */
    return (tag != DER_VERSION || next(&tbs, &tag, &skipped)) &&
           expect(&tbs, DER_SEQUENCE, &skipped) && /* signature */
           expect(&tbs, DER_SEQUENCE, &skipped) && /* issuer */
           enter(&tbs, DER_SEQUENCE, &validity) && read_time(&validity, &scan->not_before) &&
           read_time(&validity, &scan->not_after) &&
           expect(&tbs, DER_SEQUENCE, &skipped) && /* subject */
           read_kind(&tbs, &scan->kind, &scan->is_odd_curve) && read_extensions(&tbs, scan);
}

bool cert_scan_next_name(struct cert_scan *scan, struct span *name)
{
    struct cursor in = cursor_make(scan->alternative_names);
    uint8_t tag;

    while (next(&in, &tag, name)) {
        if (tag == DER_DNS_NAME) {
            scan->alternative_names =
                span_skip(scan->alternative_names, scan->alternative_names.len - cursor_left(&in));
            return true;
        }
    }
    scan->alternative_names = span_make(NULL, 0);
    return false;
}
