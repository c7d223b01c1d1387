#include "http/h2_bdp.h"

void h2_bdp_init(struct h2_bdp *bdp, uint32_t window, uint32_t max)
{
    *bdp = (struct h2_bdp){.window = window, .max = max, .rare_bytes = window / 2};
}

bool h2_bdp_data(struct h2_bdp *bdp, uint64_t bytes)
{
    if (bdp->is_asked) {
        bdp->sample += bytes;
        return false;
    }
    bdp->since += bytes;
    if (bdp->window >= bdp->max || bdp->since < bdp->rare_bytes) {
        return false;
    }
    bdp->is_asked = true;
    bdp->sample = 0;
    return true;
}

void h2_bdp_answer(struct h2_bdp *bdp)
{
    if (!bdp->is_asked) {
        return;
    }
    bdp->is_asked = false;
    bdp->since = 0;
    if (bdp->sample < bdp->window / 8 * 3) {
        bdp->rare_bytes += bdp->rare_bytes < H2_BDP_RARE_BYTES ? bdp->rare_bytes / 4 : 0;
        return;
    }
    bdp->window = bdp->window < bdp->max / 2 ? bdp->window * 2 : bdp->max;
    bdp->rare_bytes = bdp->window / 2;
}

uint32_t h2_window_growth(const struct h2_window *window, uint32_t pipe, uint64_t left)
{
    bool is_first = window->size < window->soon;
    uint32_t step = is_first ? window->soon - window->size : window->size;

    if (window->size >= pipe || window->waiting > window->size / 4 ||
        window->taken < (is_first ? window->size / 4 : window->size)) {
        return 0;
    }
    step = step < pipe - window->size ? step : pipe - window->size;
    return step < left ? step : (uint32_t)left;
}
