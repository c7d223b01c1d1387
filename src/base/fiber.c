#include "base/fiber.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/stack_switch.h"

/* Several times what a handshake needs, sanitizers' frames included. */
#define FIBER_STACK_BYTES ((size_t)256 * 1024)

enum fiber_state { FIBER_IDLE, FIBER_RUNNING, FIBER_PAUSED };

struct fiber {
    struct fiber *next; /* while it is a spare one */
    enum fiber_state state;
    struct stack_point inside;
    struct stack_point outside; /* of whoever ran or resumed it */
    void (*fn)(void *arg);
    void *arg;
    char *memory; /* the page that may not be touched, then the stack */
    size_t memory_len;
    size_t guard_len;
    /* For sanitizers: the stack outside, and what they keep of each side while the other runs. */
    const void *outside_stack;
    size_t outside_stack_len;
    void *outside_marks;
    void *inside_marks;
};

/* What begins on a stack is handed nothing. */
static __thread struct fiber *starting;

/* ---- sanitizers are told which stack is in use ---- */

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

/* ThreadSanitizer keeps the calls of each fiber: a function that is entered on one must not be left
 * on the other. */
#define SWITCHES __attribute__((no_sanitize("thread")))
#define SWITCHES_INLINE SWITCHES __attribute__((always_inline)) inline

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/common_interface_defs.h>

static SWITCHES_INLINE void going_in(struct fiber *fiber)
{
    __sanitizer_start_switch_fiber(&fiber->outside_marks, fiber->memory + fiber->guard_len,
                                   fiber->memory_len - fiber->guard_len);
}

static SWITCHES_INLINE void came_in(struct fiber *fiber)
{
    __sanitizer_finish_switch_fiber(fiber->inside_marks, &fiber->outside_stack,
                                    &fiber->outside_stack_len);
}

static SWITCHES_INLINE void going_out(struct fiber *fiber, bool for_good)
{
    __sanitizer_start_switch_fiber(for_good ? NULL : &fiber->inside_marks, fiber->outside_stack,
                                   fiber->outside_stack_len);
}

static SWITCHES_INLINE void came_out(struct fiber *fiber)
{
    __sanitizer_finish_switch_fiber(fiber->outside_marks, NULL, NULL);
}
#elif defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#include <sanitizer/tsan_interface.h>

static SWITCHES_INLINE void going_in(struct fiber *fiber)
{
    fiber->outside_marks = __tsan_get_current_fiber();
    if (fiber->inside_marks == NULL) {
        fiber->inside_marks = __tsan_create_fiber(0);
    }
    __tsan_switch_to_fiber(fiber->inside_marks, 0);
}

static SWITCHES_INLINE void came_in(struct fiber *fiber)
{
    (void)fiber;
}

static SWITCHES_INLINE void going_out(struct fiber *fiber, bool for_good)
{
    (void)for_good;
    __tsan_switch_to_fiber(fiber->outside_marks, 0);
}

static SWITCHES_INLINE void came_out(struct fiber *fiber)
{
    if (fiber->state == FIBER_IDLE) {
        __tsan_destroy_fiber(fiber->inside_marks);
        fiber->inside_marks = NULL;
    }
}
#else
static SWITCHES_INLINE void going_in(struct fiber *fiber)
{
    (void)fiber;
}

static SWITCHES_INLINE void came_in(struct fiber *fiber)
{
    (void)fiber;
}

static SWITCHES_INLINE void going_out(struct fiber *fiber, bool for_good)
{
    (void)fiber;
    (void)for_good;
}

static SWITCHES_INLINE void came_out(struct fiber *fiber)
{
    (void)fiber;
}
#endif

/* ---- switching ---- */

static SWITCHES void enter(struct fiber *fiber)
{
    fiber->state = FIBER_RUNNING;
    going_in(fiber);
    stack_switch(&fiber->outside, &fiber->inside);
    came_out(fiber);
}

static SWITCHES void run_on_fiber(void)
{
    struct fiber *fiber = starting;

    came_in(fiber);
    fiber->fn(fiber->arg);
    fiber->state = FIBER_IDLE;
    going_out(fiber, true);
    stack_switch(&fiber->inside, &fiber->outside);
}

void fiber_run(struct fiber *fiber, void (*fn)(void *arg), void *arg)
{
    CHECK(fiber->state == FIBER_IDLE);
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->inside_marks = NULL;
    stack_begin(&fiber->inside, fiber->memory + fiber->guard_len,
                fiber->memory_len - fiber->guard_len, run_on_fiber);
    starting = fiber;
    enter(fiber);
}

void fiber_resume(struct fiber *fiber)
{
    CHECK(fiber->state == FIBER_PAUSED);
    enter(fiber);
}

SWITCHES void fiber_pause(struct fiber *fiber)
{
    CHECK(fiber->state == FIBER_RUNNING);
    fiber->state = FIBER_PAUSED;
    going_out(fiber, false);
    stack_switch(&fiber->inside, &fiber->outside);
    came_in(fiber);
}

bool fiber_is_paused(const struct fiber *fiber)
{
    return fiber->state == FIBER_PAUSED;
}

/* ---- memory ---- */

/* A thread keeps some for the next ones, whose stacks have the pages that are needed: mapping them
 * anew costs more than what most fibers do. Twice as many as a ring of questions has slots
 * (keys/key_ring.h), some 20 KiB each. */
#define SPARES_MAX 128

static __thread struct spares {
    struct fiber *first;
    unsigned count;
} spares;

static pthread_once_t spares_once = PTHREAD_ONCE_INIT;
static pthread_key_t spares_key; /* whose destructor frees them at a thread's end */

static void unmap(struct fiber *fiber)
{
    (void)munmap(fiber->memory, fiber->memory_len);
    free(fiber);
}

static void free_spares(void *arg)
{
    struct spares *own = arg;

    while (own->first != NULL) {
        struct fiber *next = own->first->next;
        unmap(own->first);
        own->first = next;
    }
    own->count = 0;
}

static void make_spares_key(void)
{
    CHECK(pthread_key_create(&spares_key, free_spares) == 0);
}

static struct fiber *take_spare(void)
{
    struct fiber *fiber = spares.first;

    if (fiber != NULL) {
        spares.first = fiber->next;
        spares.count--;
    }
    return fiber;
}

/* False: there are enough. */
static bool keep_spare(struct fiber *fiber)
{
    if (spares.count == SPARES_MAX) {
        return false;
    }
    (void)pthread_once(&spares_once, make_spares_key);
    if (pthread_setspecific(spares_key, &spares) != 0) {
        return false;
    }
    fiber->next = spares.first;
    spares.first = fiber;
    spares.count++;
    return true;
}

struct fiber *fiber_create(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t len = FIBER_STACK_BYTES + page;
    struct fiber *fiber = take_spare();
    char *memory;

    if (fiber != NULL) {
        return fiber;
    }
    memory = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(memory + page, FIBER_STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(memory, len);
        return NULL;
    }
    fiber = xcalloc(1, sizeof(*fiber));
    fiber->memory = memory;
    fiber->memory_len = len;
    fiber->guard_len = page;
    return fiber;
}

void fiber_destroy(struct fiber *fiber)
{
    if (fiber != NULL) {
        CHECK(fiber->state == FIBER_IDLE);
        if (!keep_spare(fiber)) {
            unmap(fiber);
        }
    }
}
