/* A certificate's facts from PEM or DER: what is found lies in the input, and what the library
 * accepts too has the names that the library sees. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "tls/cert_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct span der, struct cert_scan *scan)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    GENERAL_NAMES *names = certificate != NULL
                               ? X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL)
                               : NULL;
    struct span name;

    /* NULL too when the extension comes twice or is broken. */
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, i);
        if (general->type == GEN_DNS) {
            struct span theirs = span_make(ASN1_STRING_get0_data(general->d.dNSName),
                                           (size_t)ASN1_STRING_length(general->d.dNSName));
            CHECK(cert_scan_next_name(scan, &name));
            CHECK(span_eq(name, theirs));
        }
    }
    while (cert_scan_next_name(scan, &name)) {
        CHECK(name.ptr >= der.ptr && name.ptr + name.len <= der.ptr + der.len);
    }
    GENERAL_NAMES_free(names);
    X509_free(certificate);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_make((const char *)data, size);
    char *buffer = malloc(size + 128);
    struct cert_scan scan;
    struct span der;

    CHECK(buffer != NULL);
    if (cert_scan_pem(input, buffer, size + 128, &der)) {
        CHECK(der.len <= size);
        input = der;
    }
    if (cert_scan_der(input, &scan)) {
        compare(input, &scan);
    }
    free(buffer);
    return 0;
}
