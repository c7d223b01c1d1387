/* What is wrong with a certificate, or with a file of authorities or of revocation lists, before
 * anybody meets it: for `tidegate check`, for each start, and for files that are renewed. One
 * function for the certificates of sites, of folders, and those shown to servers. */
#ifndef TIDEGATE_TLS_CERT_CHECK_H
#define TIDEGATE_TLS_CERT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tls/certificate.h"

struct crl_file;

/* Told of each finding: one sentence, and how to mend it (NULL: the sentence says it). An error: it
 * cannot be used; else a warning. */
struct cert_findings {
    void (*tell)(void *arg, bool is_error, const char *text, const char *hint);
    void *arg;
};

/* Who looks at it. */
enum cert_audience { CERT_FOR_CLIENTS, CERT_FOR_SERVERS };

/* Strength and curves (errors), dates of the whole chain, purpose, a missing intermediate, names.
 * soon_days: also what ends within so many days. now: seconds since 1970. */
void cert_check_own(const struct certificate *certificate, enum cert_audience audience, int64_t now,
                    unsigned soon_days, const struct cert_findings *findings);
/* A file of authorities that was, or will be, loaded: dates, and what is no authority. Does not
 * tell that the file cannot be read. */
void cert_check_authorities(const char *path, int64_t now, unsigned soon_days,
                            const struct cert_findings *findings);
/* Revocation lists against the authorities that they are for: lists that are forged, past their
 * next update, or of nobody known; authorities without a list. */
void cert_check_crl(struct crl_file *crl, const char *authorities, int64_t now,
                    const struct cert_findings *findings);

#endif
