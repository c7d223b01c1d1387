/* How certificates are listed: those in use, those of a folder, and what others are verified by. */
#ifndef TIDEGATE_TLS_LISTED_CERTIFICATE_H
#define TIDEGATE_TLS_LISTED_CERTIFICATE_H

#include <stdint.h>

enum tls_listed_kind {
    TLS_LISTED_CERTIFICATE,
    TLS_LISTED_AUTHORITY,
    TLS_LISTED_REVOCATIONS /* a list of revoked certificates */
};

/* A certificate in use, or of a folder, and what others are verified by, for lists: valid during
 * the call alone. */
struct tls_listed_certificate {
    const char *path;   /* without the folder for a store's */
    const char *names;  /* of some; or the subject; of a list its CA's */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;  /* of a list the time of the next one */
    enum tls_listed_kind kind;
};
typedef void tls_list_fn(void *arg, const struct tls_listed_certificate *certificate);

#endif
