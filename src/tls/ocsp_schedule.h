/* When an OCSP response is fetched again. Times of responders are theirs to choose: what comes out
 * is bounded whatever they say. */
#ifndef TIDEGATE_TLS_OCSP_SCHEDULE_H
#define TIDEGATE_TLS_OCSP_SCHEDULE_H

#include <stdint.h>

/* Between two fetches after success: half of what is left of the response's life, within these. A
 * day, so that a revocation, or a responder that is gone, is noticed while a response of a week
 * still holds. */
#define OCSP_REFRESH_MIN_MS 2000
#define OCSP_REFRESH_MAX_MS (24 * 3600 * 1000)
/* A response that does not say when it ends is used for a day, and fetched every hour. */
#define OCSP_ENDLESS_S (24 * 3600)
#define OCSP_ENDLESS_REFRESH_MS (3600 * 1000)
/* After failures: doubled each time. */
#define OCSP_RETRY_MIN_MS 2000
#define OCSP_RETRY_MAX_MS (3600 * 1000)

/* until_s: seconds since 1970, INT64_MAX: it does not say. random: any; spreads the certificates of
 * one start. */
int64_t ocsp_refresh_wait_ms(int64_t until_s, int64_t now_ms, uint32_t random);
/* failures: in a row, at least 1. until_s: the end of the response that is in use meanwhile, before
 * which it is tried more often; 0: there is none. */
int64_t ocsp_retry_wait_ms(unsigned failures, int64_t until_s, int64_t now_ms, uint32_t random);

#endif
