/* Tables that are found by their names, so that what they count outlives a reload: whoever asks for
 * a name and size that somebody has gets the same one. From any thread. */
#ifndef TIDEGATE_ACCESS_NAMED_H
#define TIDEGATE_ACCESS_NAMED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"

/* Embedded in the table. */
struct named {
    struct list node;
    char *name;
    uint64_t size;
    uint64_t references; /* under the lock of its tables */
};

struct named_tables {
    pthread_mutex_t lock;
    struct list all;
};
#define NAMED_TABLES(tables)                                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .all = { &(tables).all, &(tables).all }                 \
    }

/* One more reference to the one of that name and size, or to a new one, which `make` has filled but
 * for this. */
struct named *named_get(struct named_tables *tables, const char *name, uint64_t size,
                        struct named *(*make)(uint64_t size));
void named_hold(struct named_tables *tables, struct named *named);
/* True: it was the last one, and the table is the caller's to free. */
bool named_release(struct named_tables *tables, struct named *named) MUST_CHECK;

#endif
