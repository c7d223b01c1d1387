/* From one stack to another on the same thread: what fibers (base/fiber.h) stand on. The C
 * library's swapcontext asks the kernel for the signal mask each time, which costs more than the
 * rest of a switch; nothing here has a mask of its own, so that where the processor is known only
 * registers that a called function must keep are exchanged. Elsewhere, and where the processor
 * guards return addresses by a second stack of its own (CET), it is the C library's: whether it
 * does is asked when the program runs, as being built for it is not enough. */
#ifndef TIDEGATE_BASE_STACK_SWITCH_H
#define TIDEGATE_BASE_STACK_SWITCH_H

#include <stddef.h>
#include <ucontext.h>

struct stack_point {
    void *top;          /* below it lie the registers; NULL: as the library has it */
    ucontext_t context; /* the library's */
};

/* At `point`, fn begins on the memory, at its high end; it never returns. */
void stack_begin(struct stack_point *point, void *memory, size_t len, void (*fn)(void));
/* Leaves this stack, and returns when somebody goes to `from`; goes on at `to`. */
void stack_switch(struct stack_point *from, struct stack_point *to);

#endif
