#include "fake_clock.h"

#include "base/clock.h"

static uint64_t now_us;

static void set(uint64_t us)
{
    now_us = us;
    clock_set_for_tests(us);
}

void fake_clock_start(void)
{
    if (now_us == 0) {
        set(clock_us());
    }
}

uint64_t fake_clock_now_us(void)
{
    return now_us;
}

void fake_clock_move_us(uint64_t us)
{
    set(now_us + us);
}
