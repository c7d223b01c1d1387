/* The phase of `delay`: the request waits before anything else is done with it. For scanners, which
 * it costs their time, and for seeing how clients take a slow service. */
#ifndef TIDEGATE_POLICY_PHASE_DELAY_H
#define TIDEGATE_POLICY_PHASE_DELAY_H

#include "policy/phase.h"

/* `settings` of the phase: a uint64_t, milliseconds. */
extern const struct phase_type phase_delay;

#endif
