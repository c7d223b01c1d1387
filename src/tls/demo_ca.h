/* The demo's certificate authority: lives in memory for as long as certificates are made, and its
 * key is never written anywhere. Keys are ECDSA P-256; certificates are good for 90 days, so that
 * nothing warns that they end soon. */
#ifndef TIDEGATE_TLS_DEMO_CA_H
#define TIDEGATE_TLS_DEMO_CA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"

struct demo_ca;
struct x509_st; /* OpenSSL's X509 */

/* SHA-256 over the certificate's DER, as "AB:CD:...". */
enum { DEMO_FINGERPRINT_SIZE = 32 * 3 };

enum demo_certificate_use { DEMO_FOR_SERVER, DEMO_FOR_CLIENT };

struct demo_certificate {
    const char *file;         /* FOLDER/file.crt and FOLDER/file.key are written */
    const char *common_name;  /* with DEMO_FOR_SERVER also the DNS name it is good for */
    const char *other_name;   /* a second DNS name, or NULL */
    const char *organisation; /* tells a reader whose certificate it is */
    enum demo_certificate_use use;
};

/* Makes the authority and writes FOLDER/ca.crt. NULL with the error filled. */
struct demo_ca *demo_ca_create(const char *folder, struct error *error) MUST_CHECK;
/* NULL is allowed. */
void demo_ca_destroy(struct demo_ca *ca);
/* Makes a key and its certificate and writes both; the key's file is readable by its owner only.
 * The fingerprint is what a client must see when it talks to the holder. */
bool demo_ca_issue(struct demo_ca *ca, const char *folder, const struct demo_certificate *wanted,
                   char fingerprint[DEMO_FINGERPRINT_SIZE], struct error *error) MUST_CHECK;

/* Of any certificate. */
void demo_fingerprint(const struct x509_st *certificate, char text[DEMO_FINGERPRINT_SIZE]);

#endif
