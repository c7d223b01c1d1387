/* An OCSP response as a responder sends it, for the certificate that the corpus was made for: what
 * counts as good was signed, so only one that was in the corpus can be. */
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "tls/ocsp_words.h"
#include "tls/openssl/ocsp_check_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the corpus: tests/fuzz/corpus/ocsp_response was made once, for number 1 of this issuer. */
static const char issuer_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBLjCB1qADAgECAgFjMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC0Z1enogSXNz\n"
    "dWVyMCAXDTIwMDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjAWMRQwEgYDVQQD\n"
    "DAtGdXp6IElzc3VlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAD9XY6HLKyi\n"
    "FQ8qNPNhMhsSah3mrLCHoBOzSAbbooxPqYzjQ3gRf0tryrVjMeHw9JXXlz4jbyWT\n"
    "ptrsCR7mWsSjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIg\n"
    "TsP9/vHtZycCZZFVWiKCOeN37ReuB2pf/8MYQk2YWoACIAOEVN70agNXQ8fDTl08\n"
    "I+rvGpWBI1aa329F+gIukw4Z\n"
    "-----END CERTIFICATE-----\n";

#define NOW 1800000000

static X509 *load_issuer(void)
{
    BIO *bio = BIO_new_mem_buf(issuer_pem, -1);
    X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    CHECK(issuer != NULL);
    BIO_free(bio);
    return issuer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509 *issuer;
    static ASN1_INTEGER *serial;
    struct span bytes = span_make(data, size);
    struct ocsp_finding finding;
    struct ocsp_finding alone;
    struct error error;

    if (issuer == NULL) {
        issuer = load_issuer();
        serial = ASN1_INTEGER_new();
        CHECK(serial != NULL && ASN1_INTEGER_set(serial, 1) == 1);
    }
    finding = ocsp_check(bytes, issuer, serial, NOW);
    alone = ocsp_check(bytes, NULL, serial, NOW);
    CHECK(finding.verdict != OCSP_VERDICT_GOOD ||
          (alone.verdict == OCSP_VERDICT_GOOD && finding.until > NOW &&
           finding.from <= finding.until));
    CHECK(alone.verdict != OCSP_VERDICT_UNSIGNED);
    if (finding.verdict != OCSP_VERDICT_GOOD) {
        CHECK(!ocsp_words_of_file(&finding, "a", "b", &error) && error.text[0] != '\0');
        ocsp_words_fetched(&finding, &error);
    }
    return 0;
}
