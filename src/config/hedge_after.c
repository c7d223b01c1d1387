#include "config/hedge_after.h"

/* Digits at the beginning, up to six; how many there are. */
static size_t read_number(struct span text, uint64_t *number)
{
    size_t len = 0;

    *number = 0;
    while (len < text.len && len < 6 && text.ptr[len] >= '0' && text.ptr[len] <= '9') {
        *number = *number * 10 + (uint64_t)(text.ptr[len++] - '0');
    }
    return len;
}

/* "95", "99.9" */
static bool read_quantile(struct span text, unsigned *per_mille)
{
    uint64_t whole;
    uint64_t tenths = 0;
    struct span rest = span_skip(text, read_number(text, &whole));

    if (rest.len != 0) {
        if (rest.len != 2 || rest.ptr[0] != '.' || read_number(span_skip(rest, 1), &tenths) != 1) {
            return false;
        }
    }
    *per_mille = (unsigned)(whole * 10 + tenths);
    return text.len >= 2 && text.len <= 4 && whole >= 50 && whole <= 99;
}

bool hedge_after_parse(struct span text, unsigned *per_mille, uint64_t *ms)
{
    uint64_t number;
    struct span unit;

    *per_mille = 0;
    *ms = 0;
    if (text.len != 0 && text.ptr[0] == 'p') {
        return read_quantile(span_skip(text, 1), per_mille);
    }
    unit = span_skip(text, read_number(text, &number));
    if (span_eq(unit, SPAN_OF("ms"))) {
        *ms = number;
    } else if (span_eq(unit, SPAN_OF("s"))) {
        *ms = number * 1000;
    }
    return *ms >= 1 && *ms <= HEDGE_AFTER_MS_MAX;
}

bool rule_hedge_after(struct span text, struct complaint *complaint)
{
    unsigned per_mille;
    uint64_t ms;

    if (hedge_after_parse(text, &per_mille, &ms)) {
        return true;
    }
    complain(complaint, "%s says not after how long", quote(text).text);
    return complain_hint(complaint, "p50 to p99.9 of how long requests take, as in p95; or a time "
                                    "from 1ms to 60s");
}
