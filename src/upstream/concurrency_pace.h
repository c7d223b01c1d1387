/* How many requests a backend should have at once, found from how long they take. Pure: a window of
 * requests and the time are told.
 *
 * Little's law says that the number of requests in a backend is their rate times the mean time each
 * takes. Up to what the backend can do at once, more of them make a higher rate; beyond it they
 * make each take longer, and nothing else. So the limit rises while the mean time is about what it
 * is without a line at the servers (the base), and falls in proportion to how far it is above:
 *
 *   time <= base * tolerance: limit += max(1, sqrt(limit) / 2) * what is left to that
 *   time >  base * tolerance: limit *= base * tolerance / time
 *
 * and rests where time = base * tolerance: with servers for N at once, at N * tolerance. Since the
 * tolerance is below two, half of that is less than N; so every now and then the limit is halved
 * for two windows, in the second of which no line is left, and what is measured there is the base
 * from then on. Without that a base that is too high (it was busy at the start) would stay, and one
 * that follows slowly would be drawn up by the very lines that it should tell of.
 *
 *   STEADY --probe--> DRAINING --a window--> LOOKING --a window--> STEADY
 *
 * Until it has been too high once it doubles, as far as there is something left. */
#ifndef TIDEGATE_UPSTREAM_CONCURRENCY_PACE_H
#define TIDEGATE_UPSTREAM_CONCURRENCY_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* A window lasts as long, or twice the base, so that what it sees is of the limit that it has; */
#define CONCURRENCY_WINDOW_US (UINT64_C(100) * 1000)
/* and until it has as many requests: fewer say little of a mean. */
#define CONCURRENCY_SAMPLES_MIN 50
/* A request counts as no more than so many times the base: one of a minute is not a minute of all.
 */
#define CONCURRENCY_CLIP 10
/* With more percent of failures (a server that does not answer, 503, 504) the limit falls. */
#define CONCURRENCY_FAILED_PERCENT 10

struct concurrency_terms {
    uint32_t min;
    uint32_t max;
    uint32_t start;
    unsigned tolerance; /* percent of the base; below 200 */
    uint64_t probe_us;  /* between two looks at the base */
};

enum concurrency_phase { CONCURRENCY_STEADY, CONCURRENCY_DRAINING, CONCURRENCY_LOOKING };

struct concurrency_window {
    uint64_t began_us; /* 0: not yet */
    uint64_t count;    /* whose time was seen */
    uint64_t failed;
    uint64_t sum_us;
    uint32_t peak; /* in use at once */
};

struct concurrency_pace {
    enum concurrency_phase phase;
    bool has_been_above; /* it, or its servers have failed */
    double limit;
    double limit_before; /* in DRAINING and LOOKING: goes on from there */
    uint64_t base_us;    /* 0: not known */
    uint64_t probed_us;  /* when the last look ended; 0: never */
    struct concurrency_window window;
};

void concurrency_pace_init(struct concurrency_pace *pace, const struct concurrency_terms *terms);
/* A request has got its answer after so long (0: it failed), while in_use others were there.
 * Returns whether the limit may have changed. */
bool concurrency_pace_note(struct concurrency_pace *pace, const struct concurrency_terms *terms,
                           uint64_t us, uint32_t in_use, uint64_t now_us);
/* What counts now: terms->min to terms->max. */
uint32_t concurrency_pace_limit(const struct concurrency_pace *pace,
                                const struct concurrency_terms *terms);

#endif
