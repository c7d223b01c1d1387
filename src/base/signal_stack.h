/* Another stack for this thread's handlers of signals (sigaltstack): one whose own stack is used
 * up, a fiber's (base/fiber.h) or the thread's, could tell nobody why it ends. Handlers have
 * SA_ONSTACK.
 *
 * One that is there already, as sanitizers have it, stays. Without memory there is none. */
#ifndef TIDEGATE_BASE_SIGNAL_STACK_H
#define TIDEGATE_BASE_SIGNAL_STACK_H

/* A thread's first act and its last one; threads of thread_start need neither. */
void signal_stack_begin(void);
void signal_stack_end(void);

#endif
