#include "http/least_rate.h"

bool least_rate_is_missed(struct least_rate *rate, uint64_t now_us, uint64_t period_ms,
                          uint64_t per_second)
{
    uint64_t share = per_second * period_ms / 1000;

    if (rate->since_us == 0 || now_us < rate->since_us + period_ms * 1000) {
        return false;
    }
    if (rate->bytes < (share != 0 ? share : 1)) {
        return true;
    }
    rate->since_us = now_us;
    rate->bytes = 0;
    return false;
}
