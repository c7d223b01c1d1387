/* An arena: memory that is freed all at once. One belongs to each exchange (a request and its
 * response) and one to each settings tree and snapshot.
 *
 * arena_init takes no memory. Allocations are aligned for any type. What needs more than memory
 * freed (a file descriptor, a reference) registers a clean-up, run in reverse order by
 * arena_reset. Not for use by several threads. */
#ifndef TIDEGATE_BASE_ARENA_H
#define TIDEGATE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

struct arena_block;
struct arena_cleanup;

struct arena {
    char *at;
    char *end;
    struct arena_block *blocks;
    struct arena_cleanup *cleanups;
    size_t block_size;
};

/* block_size: the bytes fetched from the heap at a time; larger single requests get their own
 * block. */
void arena_init(struct arena *arena, size_t block_size);
/* Runs the clean-ups and frees everything but one block of the usual size, which is kept for the
 * next use. */
void arena_reset(struct arena *arena);
/* arena_reset, and the kept block goes too. */
void arena_destroy(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK;
void *arena_calloc(struct arena *arena, size_t size) MUST_CHECK;
/* Copies, with a NUL behind it that is not counted. */
struct span arena_copy(struct arena *arena, struct span s) MUST_CHECK;
char *arena_cstr(struct arena *arena, struct span s) MUST_CHECK;
/* Its decimal digits. */
struct span arena_u64(struct arena *arena, uint64_t n) MUST_CHECK;
char *arena_printf(struct arena *arena, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args) MUST_CHECK;
void arena_on_reset(struct arena *arena, void (*fn)(void *), void *arg);

#endif
