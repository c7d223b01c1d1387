/* Checks that stay on in production, and the attributes the rest of the tree uses.
 *
 * CHECK is for our own mistakes only: no byte from a peer, no configuration and no full disk may
 * make one fail. It prints file, line and the expression and aborts. */
#ifndef TIDEGATE_BASE_CHECK_H
#define TIDEGATE_BASE_CHECK_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* From a pointer to a member to the struct that holds it. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__, __func__))

_Noreturn void check_failed(const char *expression, const char *file, int line,
                            const char *function);

/* malloc, calloc, realloc and strdup that abort when memory is out: an allocation that is bounded,
 * as all of ours are, fails only when the machine has none left. */
void *xmalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *old, size_t size) MUST_CHECK;
char *xstrdup(const char *s) MUST_CHECK;
char *xstrndup(const char *s, size_t len) MUST_CHECK;

#endif
