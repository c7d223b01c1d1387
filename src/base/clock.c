#include "base/clock.h"

#include <stdatomic.h>

#include "base/check.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000, LOOK_AGAIN_US = 1000 };

static struct {
    _Atomic uint64_t us;      /* 0: the system's clocks */
    _Atomic uint64_t wall_us; /* the wall clock's time when `us` was 0 */
} test;

static uint64_t read_us(clockid_t id)
{
    struct timespec now;

    CHECK(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US;
}

static uint64_t test_us(void)
{
    return atomic_load_explicit(&test.us, memory_order_relaxed);
}

static uint64_t test_wall_us(uint64_t us)
{
    return atomic_load_explicit(&test.wall_us, memory_order_relaxed) + us;
}

static uint64_t monotonic_us(clockid_t id)
{
    uint64_t us = test_us();

    return UNLIKELY(us != 0) ? us : read_us(id);
}

uint64_t clock_us(void)
{
    return monotonic_us(CLOCK_MONOTONIC);
}

uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

uint64_t clock_with_sleep_ms(void)
{
    return monotonic_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_s(void)
{
    uint64_t us = test_us();

    return UNLIKELY(us != 0) ? (int64_t)(test_wall_us(us) / US_PER_S) : (int64_t)time(NULL);
}

int64_t clock_wall_us(void)
{
    uint64_t us = test_us();

    return (int64_t)(UNLIKELY(us != 0) ? test_wall_us(us) : read_us(CLOCK_REALTIME));
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

struct timespec clock_wall(void)
{
    struct timespec now;
    uint64_t us = test_us();

    if (UNLIKELY(us != 0)) {
        us = test_wall_us(us);
        return (struct timespec){.tv_sec = (time_t)(us / US_PER_S),
                                 .tv_nsec = (long)(us % US_PER_S * NS_PER_US)};
    }
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return now;
}

uint64_t clock_thread_used_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_thread_used_ms(void)
{
    return clock_thread_used_us() / 1000;
}

uint64_t clock_wait_us(uint64_t wait_us)
{
    return UNLIKELY(test_us() != 0) && wait_us > LOOK_AGAIN_US ? LOOK_AGAIN_US : wait_us;
}

void clock_set_for_tests(uint64_t us)
{
    if (us != 0 && test_us() == 0) {
        atomic_store(&test.wall_us, read_us(CLOCK_REALTIME) - us);
    }
    atomic_store(&test.us, us);
}
