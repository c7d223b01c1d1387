#include "policy/phase_delay.h"

static enum phase_verdict run(const struct phase *phase, struct phases *phases)
{
    const uint64_t *ms = phase->settings;

    return phases_wait(phases, *ms);
}

const struct phase_type phase_delay = {.name = "delay", .run = run};
