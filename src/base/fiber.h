/* A function that can stop in the middle and go on later, on a stack of its own: for a library that
 * calls us where an answer is not there yet, and knows no way to come back. Everything else that
 * waits is a state of an object.
 *
 *   fiber_run --> fn runs --fiber_pause--> fiber_run returns; fiber_resume goes on behind the pause
 *                   `--returns--> the fiber can run again
 *
 * All of it on the thread that made it. Whoever made it destroys it, and not while it is paused. */
#ifndef TIDEGATE_BASE_FIBER_H
#define TIDEGATE_BASE_FIBER_H

#include <stdbool.h>

#include "base/check.h"

struct fiber;

/* NULL when memory is out. Of its stack (FIBER_STACK_BYTES of address space) only what is touched
 * takes memory; below lies a page that stops whoever goes too deep. */
struct fiber *fiber_create(void) MUST_CHECK;
/* Only when it is not paused; NULL is allowed. */
void fiber_destroy(struct fiber *fiber);

/* Calls fn(arg) on the fiber; returns when that has returned, or has paused. Not from a fiber. */
void fiber_run(struct fiber *fiber, void (*fn)(void *arg), void *arg);
/* Goes on behind the pause; returns as fiber_run does. Not from a fiber. */
void fiber_resume(struct fiber *fiber);
bool fiber_is_paused(const struct fiber *fiber);

/* Back to whoever ran or resumed it. Only inside fn. */
void fiber_pause(struct fiber *fiber);

#endif
