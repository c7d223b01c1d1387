/* The clocks: the one place that asks the system for the time.
 *
 * What lasts (deadlines, ages, rates) is measured by the monotonic clock, which nobody sets; what
 * is told to others or compared with their dates (logs, certificates, HTTP dates) is the wall
 * clock's. Safe from any thread. */
#ifndef TIDEGATE_BASE_CLOCK_H
#define TIDEGATE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic: since some moment before the process began; never 0. */
uint64_t clock_us(void);
uint64_t clock_ms(void);
/* The same, but the time in which the machine slept counts too. */
uint64_t clock_with_sleep_ms(void);

/* The wall clock: since 1970, UTC. Seconds cost less than the others and may be a tick behind. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
struct timespec clock_wall(void);

/* The processor's time that the calling thread has used: a busy machine does not make it longer. */
uint64_t clock_thread_used_us(void);
uint64_t clock_thread_used_ms(void);

/* How long to wait, by the system's clock, for `wait_us` of the monotonic clock to pass: as long,
 * but for a test's clock, which moves only when it is set, and so is looked at again soon. */
uint64_t clock_wait_us(uint64_t wait_us);

/* For unit tests and fuzz targets, whose time passes when they say so: from now on the monotonic
 * clocks stand at `us`, and the wall clock stands too and goes on by as much as they are moved. 0:
 * the system's clocks again. */
void clock_set_for_tests(uint64_t us);

#endif
