#include "base/signal_stack.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

/* A handler makes a backtrace, and the kernel saves registers of some kilobytes. Only what is
 * touched takes memory. */
#define STACK_BYTES ((size_t)128 << 10)

static _Thread_local void *own; /* with a page below that stops whoever goes too deep */

static size_t guard_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void signal_stack_begin(void)
{
    size_t guard = guard_bytes();
    stack_t stack = {.ss_size = STACK_BYTES};
    stack_t present;
    char *memory;

    if (sigaltstack(NULL, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    memory = mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return;
    }
    stack.ss_sp = memory + guard;
    if (mprotect(memory, guard, PROT_NONE) != 0 || sigaltstack(&stack, NULL) != 0) {
        (void)munmap(memory, guard + STACK_BYTES);
        return;
    }
    own = memory;
}

void signal_stack_end(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    if (own != NULL) {
        CHECK(sigaltstack(&none, NULL) == 0);
        (void)munmap(own, guard_bytes() + STACK_BYTES);
        own = NULL;
    }
}
