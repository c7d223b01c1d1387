/* The clocks of the code under test, which stand still until the test moves them (base/clock.h). */
#ifndef TIDEGATE_TESTS_HARNESS_FAKE_CLOCK_H
#define TIDEGATE_TESTS_HARNESS_FAKE_CLOCK_H

#include <stdint.h>

/* At the system's time; called again it changes nothing. */
void fake_clock_start(void);
uint64_t fake_clock_now_us(void);
void fake_clock_move_us(uint64_t us);

#endif
