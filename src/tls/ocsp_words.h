/* What is wrong with an OCSP response, for a person: in a file that somebody keeps fresh, and from
 * a responder, which is asked again anyhow. */
#ifndef TIDEGATE_TLS_OCSP_WORDS_H
#define TIDEGATE_TLS_OCSP_WORDS_H

#include "base/error.h"
#include "tls/ocsp_check.h"

/* Always returns false. Not for OCSP_VERDICT_GOOD. */
bool ocsp_words_of_file(const struct ocsp_finding *finding, const char *path,
                        const char *certificate_path, struct error *error);
/* What came and what to do, without the responder's name. */
void ocsp_words_fetched(const struct ocsp_finding *finding, struct error *error);
/* "2026-01-31 12:00:00 UTC". Returns text. */
const char *ocsp_date_text(int64_t seconds, char text[32]);

#endif
