#include "base/stack_switch.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

/* ---- the C library's way ---- */

static void library_begin(struct stack_point *point, void *memory, size_t len, void (*fn)(void))
{
    CHECK(getcontext(&point->context) == 0);
    point->top = NULL;
    point->context.uc_stack.ss_sp = memory;
    point->context.uc_stack.ss_size = len;
    point->context.uc_link = NULL;
    makecontext(&point->context, fn, 0);
}

static void library_switch(struct stack_point *from, struct stack_point *to)
{
    CHECK(swapcontext(&from->context, &to->context) == 0);
}

#if defined(__x86_64__)

/* ---- ours ---- */

/* Whether return addresses are on a second stack: where there is none, the instruction does
 * nothing, also on processors that do not know it. The same for all threads. */
static bool is_guarded(void)
{
    uint64_t place = 0;

    __asm__ volatile("rdsspq %0" : "+r"(place));
    return place != 0;
}

/* What the System V ABI has a function keep, as it lies on a stack that was left, from its top. */
struct kept {
    uint32_t vectors; /* MXCSR: how numbers are rounded, and what is trapped */
    uint16_t floats;  /* the same of the x87 */
    uint16_t unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    void (*goes_on)(void);
    void *caller; /* of a function that begins: none, where a backtrace ends */
};

void switch_stacks(void **from_top, void *const *to_top);

__asm__(".text\n"
        ".p2align 4\n"
        ".globl switch_stacks\n"
        ".hidden switch_stacks\n"
        ".type switch_stacks, @function\n"
        "switch_stacks:\n"
        "    .cfi_startproc\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq (%rsi), %rsp\n"
        "    .cfi_def_cfa_offset 64\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    .cfi_def_cfa_offset 8\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size switch_stacks, .-switch_stacks\n");

static void own_begin(struct stack_point *point, void *memory, size_t len, void (*fn)(void))
{
    uintptr_t end = ((uintptr_t)memory + len) & ~(uintptr_t)15;
    struct kept *kept = (struct kept *)(end - sizeof(struct kept));

    /* A function begins with its caller's address where a call has just put it. */
    _Static_assert(sizeof(struct kept) % 16 == 8, "the stack is not aligned when fn begins");
    CHECK(len > sizeof(struct kept));
    *kept = (struct kept){.goes_on = fn};
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(kept->vectors), "=m"(kept->floats));
    point->top = kept;
}

void stack_begin(struct stack_point *point, void *memory, size_t len, void (*fn)(void))
{
    if (is_guarded()) {
        library_begin(point, memory, len, fn);
    } else {
        own_begin(point, memory, len, fn);
    }
}

void stack_switch(struct stack_point *from, struct stack_point *to)
{
    /* Both are of one kind, as the processor does not change its way. */
    if (to->top == NULL) {
        library_switch(from, to);
    } else {
        switch_stacks(&from->top, &to->top);
    }
}

#else

void stack_begin(struct stack_point *point, void *memory, size_t len, void (*fn)(void))
{
    library_begin(point, memory, len, fn);
}

void stack_switch(struct stack_point *from, struct stack_point *to)
{
    library_switch(from, to);
}

#endif
