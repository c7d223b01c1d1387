/* How many requests of a key are in hand, and who waits for one of them to end: what `at_once` is
 * counted in, shared by all workers. Only keys that have requests in hand are in it, so it is as
 * large as these; in shards by the key's hash, each with a lock. A table lives as long as somebody
 * has it, and has a name, as a rate_table. */
#ifndef TIDEGATE_ACCESS_HOLD_TABLE_H
#define TIDEGATE_ACCESS_HOLD_TABLE_H

#include <stdint.h>

#include "base/list.h"
#include "base/span.h"

struct hold_table;

/* One that waits for its turn. The memory is whoever's that waits, and stays until hold_leave has
 * returned true, or `on_turn` has been called. */
struct hold_waiter {
    struct list node;
    uint64_t hash;
    bool is_waiting; /* under the shard's lock */
    /* It has one of the key's places now. From any thread, without a lock. */
    void (*on_turn)(struct hold_waiter *waiter);
};

enum hold_found { HOLD_TAKEN, HOLD_WAITS, HOLD_FULL };

struct hold_table *hold_table_get(const char *name) MUST_CHECK;
struct hold_table *hold_table_hold(struct hold_table *table);
void hold_table_release(struct hold_table *table); /* NULL is allowed */

uint64_t hold_hash(const struct hold_table *table, struct span key) MUST_CHECK;
/* One of `most` places of the key; where all are taken, `waiter` stands in its line, of at most
 * `queue`. waiter NULL: it does not wait. Where `most` is not what it was, those that wait and have
 * places are as many as it allows from now on. */
enum hold_found hold_take(struct hold_table *table, uint64_t hash, uint64_t most, uint64_t queue,
                          struct hold_waiter *waiter) MUST_CHECK;
/* A place is free: whoever has waited longest for one of the key gets it. */
void hold_give(struct hold_table *table, uint64_t hash);
/* False: it waits no more, as on_turn was called, or is being called. */
bool hold_leave(struct hold_table *table, struct hold_waiter *waiter) MUST_CHECK;

#endif
