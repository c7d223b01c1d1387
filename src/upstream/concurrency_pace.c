#include "upstream/concurrency_pace.h"

/* Newton's, from above; the C library's is in another one. */
static double root(double x)
{
    double guess = x > 1 ? x : 1;

    for (unsigned i = 0; i < 20; i++) {
        guess = (guess + x / guess) / 2;
    }
    return guess;
}

static double within(double limit, const struct concurrency_terms *terms)
{
    return limit < terms->min ? terms->min : limit > terms->max ? terms->max : limit;
}

void concurrency_pace_init(struct concurrency_pace *pace, const struct concurrency_terms *terms)
{
    *pace = (struct concurrency_pace){.phase = CONCURRENCY_STEADY,
                                      .limit = within(terms->start, terms)};
}

uint32_t concurrency_pace_limit(const struct concurrency_pace *pace,
                                const struct concurrency_terms *terms)
{
    return (uint32_t)within(pace->limit, terms);
}

static bool is_failing(const struct concurrency_window *window)
{
    return window->failed * 100 >= (window->count + window->failed) * CONCURRENCY_FAILED_PERCENT;
}

static double mean_of(const struct concurrency_window *window)
{
    return window->count != 0 ? (double)window->sum_us / (double)window->count : 0;
}

/* Half of what is needed makes no line: what is seen then is the base. */
static bool is_used(const struct concurrency_pace *pace)
{
    return (double)pace->window.peak * 2 >= pace->limit;
}

/* Where it is about the same, a bit of both: a window's mean is not exact. */
static void learn_base(struct concurrency_pace *pace, double mean)
{
    double base = (double)pace->base_us;

    if (mean < 1) {
        return;
    }
    pace->base_us = (uint64_t)(mean < base * 2 && mean > base / 2 ? (mean + base) / 2 : mean);
}

/* By how much it may rise, of which `left` says how far it is from too high. */
static double step_of(const struct concurrency_pace *pace, double left)
{
    double step = root(pace->limit) / 2;

    step = !pace->has_been_above ? pace->limit : step < 1 ? 1 : step;
    return step * (left < 1 ? left : 1);
}

static void move(struct concurrency_pace *pace, const struct concurrency_terms *terms, double mean)
{
    double base = (double)pace->base_us;
    double ceiling = base * terms->tolerance / 100;

    if (is_failing(&pace->window) || mean > ceiling) {
        double factor = mean > ceiling ? ceiling / mean : 0.75;

        pace->limit *= factor < 0.5 ? 0.5 : factor;
        pace->has_been_above = true;
    } else if (is_used(pace)) {
        pace->limit += step_of(pace, (ceiling - mean) / (ceiling - base));
    }
    pace->limit = within(pace->limit, terms);
}

static void begin_look(struct concurrency_pace *pace, const struct concurrency_terms *terms)
{
    pace->limit_before = pace->limit;
    pace->limit = within(pace->limit / 2, terms);
    pace->phase = CONCURRENCY_DRAINING;
}

/* With a base that is lower by much, the limit was found wrong by as much; and that base may not be
 * the lowest: another look follows. */
static void end_look(struct concurrency_pace *pace, const struct concurrency_terms *terms,
                     double mean, uint64_t now_us)
{
    double ratio = mean < 1 ? 1 : mean / (double)pace->base_us;

    learn_base(pace, mean);
    pace->phase = CONCURRENCY_STEADY;
    pace->limit = pace->limit_before;
    pace->probed_us = now_us;
    if (ratio < 0.8) {
        pace->limit = within(pace->limit * (ratio < 0.5 ? 0.5 : ratio), terms);
        pace->probed_us = 0;
    }
}

static void end_window(struct concurrency_pace *pace, const struct concurrency_terms *terms,
                       uint64_t now_us)
{
    double mean = mean_of(&pace->window);

    if (pace->phase == CONCURRENCY_DRAINING) {
        pace->phase = CONCURRENCY_LOOKING;
    } else if (pace->phase == CONCURRENCY_LOOKING) {
        end_look(pace, terms, mean, now_us);
    } else if (pace->base_us == 0 || !is_used(pace)) {
        learn_base(pace, mean);
        pace->probed_us = is_used(pace) ? pace->probed_us : now_us;
    } else {
        move(pace, terms, mean);
        if (pace->probed_us == 0 || now_us - pace->probed_us >= terms->probe_us) {
            begin_look(pace, terms);
        }
    }
}

static bool is_over(const struct concurrency_pace *pace, uint64_t now_us)
{
    const struct concurrency_window *window = &pace->window;
    uint64_t least_us = 2 * pace->base_us;

    least_us = least_us < CONCURRENCY_WINDOW_US ? CONCURRENCY_WINDOW_US : least_us;
    return window->count + window->failed >= CONCURRENCY_SAMPLES_MIN &&
           now_us - window->began_us >= least_us;
}

bool concurrency_pace_note(struct concurrency_pace *pace, const struct concurrency_terms *terms,
                           uint64_t us, uint32_t in_use, uint64_t now_us)
{
    struct concurrency_window *window = &pace->window;
    uint64_t most_us = pace->base_us * CONCURRENCY_CLIP;

    if (window->began_us == 0 || now_us < window->began_us) {
        window->began_us = now_us;
    }
    if (us == 0) {
        window->failed++;
    } else {
        window->count++;
        window->sum_us += most_us != 0 && us > most_us ? most_us : us;
    }
    window->peak = in_use > window->peak ? in_use : window->peak;
    if (!is_over(pace, now_us)) {
        return false;
    }
    end_window(pace, terms, now_us);
    *window = (struct concurrency_window){.began_us = now_us};
    return true;
}
