/* Regular expressions (Perl's, by PCRE2), compiled once and then read by any thread.
 *
 * Whoever is searched in is a stranger, so a search is bounded by what it does, not by its result:
 * each step of it is counted, with the bytes that it looked at (PATTERN_STEPS_MAX, about half a
 * millisecond), and so are the memory and the subject. A search that comes to such a bound is
 * PATTERN_EXCEEDED: a plain condition takes it for "not found", a rule that guards something for
 * what is safe. It is counted, and told in the log.
 *
 * There is no JIT: it writes code while the gateway runs, and the gateway's memory is written or
 * run, never both (sandbox/sandbox_calls.c). Subjects are bytes: no character of more than one
 * byte, no case but ASCII's. '.' fits every byte, and '$' the very end alone.
 *
 * Patterns live in the arena that they are compiled into. No I/O but that line of the log. */
#ifndef TIDEGATE_BASE_PATTERN_H
#define TIDEGATE_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

#define PATTERN_BYTES_MAX 1024
#define PATTERN_SUBJECT_MAX 16384
#define PATTERN_STEPS_MAX 20000
#define PATTERN_CAPTURES_MAX 16
#define PATTERN_NESTING_MAX 32 /* of parentheses */

enum {
    PATTERN_CASELESS = 1, /* ASCII's letters */
    PATTERN_WHOLE = 2     /* fits the subject from its first byte to its last, or not at all */
};

struct pattern;

/* NULL, with *error filled, and *offset the byte of `text` at which it was noticed (at most its
 * length). Texts that hold a NUL are refused. `text` is copied. */
const struct pattern *pattern_compile(struct span text, unsigned flags, struct arena *arena,
                                      struct error *error, size_t *offset) MUST_CHECK;

/* With a NUL behind it. */
struct span pattern_text(const struct pattern *pattern);

/* ---- captures ---- */

/* The number of the capture called `name`, from 1; 0: there is none. A name of digits is a number.
 */
unsigned pattern_capture_number(const struct pattern *pattern, struct span name) MUST_CHECK;

struct pattern_captures {
    /* The first is the whole of what was found. Those that took no part, and those that the pattern
     * does not have, are absent. */
    struct span items[PATTERN_CAPTURES_MAX + 1];
};

/* ---- searching ---- */

enum pattern_result { PATTERN_NOT_FOUND, PATTERN_FOUND, PATTERN_EXCEEDED };

/* Where something of the subject fits the pattern first. captures: may be NULL; they point into the
 * subject, and all are absent where nothing was found. Each thread has memory of its own for it,
 * which goes with the thread. */
enum pattern_result pattern_search(const struct pattern *pattern, struct span subject,
                                   struct pattern_captures *captures) MUST_CHECK;
/* The same for one of several searches that together have *steps, which it takes from. */
enum pattern_result pattern_search_within(const struct pattern *pattern, struct span subject,
                                          struct pattern_captures *captures,
                                          int64_t *steps) MUST_CHECK;

#endif
