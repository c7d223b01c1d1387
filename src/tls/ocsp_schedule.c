#include "tls/ocsp_schedule.h"

/* Takes off up to an eighth, so that what was fetched together does not stay together. */
static int64_t jittered(int64_t wait_ms, uint32_t random, int64_t least_ms)
{
    int64_t wait = wait_ms - wait_ms / 8 * (int64_t)(random & 0xffff) / 0xffff;

    return wait > least_ms ? wait : least_ms;
}

static int64_t half_of_life(int64_t until_s, int64_t now_ms)
{
    int64_t now_s = now_ms / 1000;

    /* In seconds first: the year 9999 in milliseconds fits, INT64_MAX seconds do not. */
    if (until_s - now_s >= 2 * (OCSP_REFRESH_MAX_MS / 1000)) {
        return OCSP_REFRESH_MAX_MS;
    }
    return until_s > now_s ? (until_s * 1000 - now_ms) / 2 : 0;
}

int64_t ocsp_refresh_wait_ms(int64_t until_s, int64_t now_ms, uint32_t random)
{
    int64_t wait = until_s == INT64_MAX ? OCSP_ENDLESS_REFRESH_MS : half_of_life(until_s, now_ms);

    return jittered(wait, random, OCSP_REFRESH_MIN_MS);
}

int64_t ocsp_retry_wait_ms(unsigned failures, int64_t until_s, int64_t now_ms, uint32_t random)
{
    unsigned doublings = failures > 20 ? 20 : failures - 1;
    int64_t wait = (int64_t)OCSP_RETRY_MIN_MS << doublings;

    wait = wait < OCSP_RETRY_MAX_MS ? wait : OCSP_RETRY_MAX_MS;
    if (until_s > now_ms / 1000) {
        int64_t half = half_of_life(until_s, now_ms);
        wait = wait < half ? wait : half;
    }
    return jittered(wait, random, OCSP_RETRY_MIN_MS / 2);
}
