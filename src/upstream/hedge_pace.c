#include "upstream/hedge_pace.h"

#include <string.h>

static void clear(struct hedge_pace *pace, unsigned window)
{
    memset(&pace->windows[window], 0, sizeof(pace->windows[window]));
    pace->counts[window] = 0;
}

static void turn(struct hedge_pace *pace, uint64_t now_us)
{
    uint64_t age_us = now_us - pace->began_us;

    if (pace->began_us != 0 && age_us < HEDGE_PACE_WINDOW_US) {
        return;
    }
    pace->present ^= 1;
    clear(pace, pace->present);
    if (age_us >= 2 * HEDGE_PACE_WINDOW_US) {
        clear(pace, pace->present ^ 1);
    }
    pace->began_us = now_us;
}

void hedge_pace_note(struct hedge_pace *pace, uint64_t us, uint64_t now_us)
{
    turn(pace, now_us);
    latency_count(&pace->windows[pace->present], us);
    pace->counts[pace->present]++;
}

uint64_t hedge_pace_quantile_us(struct hedge_pace *pace, unsigned per_mille, uint64_t now_us)
{
    struct latency_sum sum = {0};

    turn(pace, now_us);
    if (pace->looked_us != 0 && pace->per_mille == per_mille &&
        now_us - pace->looked_us < HEDGE_PACE_LOOK_US) {
        return pace->found_us;
    }
    pace->per_mille = per_mille;
    pace->looked_us = now_us;
    pace->found_us = HEDGE_PACE_UNKNOWN;
    if (pace->counts[0] + pace->counts[1] >= HEDGE_PACE_SAMPLES_MIN) {
        latency_add(&sum, &pace->windows[0]);
        latency_add(&sum, &pace->windows[1]);
        pace->found_us = latency_quantile_us(&sum, per_mille);
    }
    return pace->found_us;
}
