"""Waiting for conditions, always with a bound. Nothing in these tests sleeps for a guessed time."""

import time

STEP_SECONDS = 0.01


def wait_until(condition, seconds=10.0, what="the condition"):
    """Returns the first true value of condition(); fails when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(STEP_SECONDS)


def wait_stable(measure, seconds=30.0, stable_for=0.7):
    """Waits until measure() has kept its value for a while (a stalled transfer), and returns it."""
    end = time.monotonic() + seconds
    value = measure()
    since = time.monotonic()
    while time.monotonic() - since < stable_for:
        if time.monotonic() > end:
            raise AssertionError(f"still changing after {seconds} s, now {measure()}")
        time.sleep(STEP_SECONDS)
        now = measure()
        if now != value:
            value = now
            since = time.monotonic()
    return value
