/* A number that is another one each time something has changed by which a server is a choice or
 * not: the state of its health, that it has addresses, what people have ordered of it. Whoever has
 * looked at all servers need not look again while it is the same. From any thread. */
#ifndef TIDEGATE_UPSTREAM_SERVER_CHANGES_H
#define TIDEGATE_UPSTREAM_SERVER_CHANGES_H

#include <stdatomic.h>
#include <stdint.h>

extern _Atomic uint64_t server_changes_count; /* from 1 on */

/* Before the look. */
static inline uint64_t server_changes(void)
{
    return atomic_load_explicit(&server_changes_count, memory_order_acquire);
}
/* Behind the change. */
static inline void server_changes_note(void)
{
    (void)atomic_fetch_add_explicit(&server_changes_count, 1, memory_order_release);
}

#endif
