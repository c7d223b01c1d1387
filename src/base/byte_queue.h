/* Bytes that wait, in chunks: a stream's body that its reader does not take yet. Embedded; takes
 * memory only while it holds bytes. How much that may be is its owner's business. */
#ifndef TIDEGATE_BASE_BYTE_QUEUE_H
#define TIDEGATE_BASE_BYTE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/span.h"

struct byte_chunk;

struct byte_queue {
    struct byte_chunk *first;
    struct byte_chunk *last;
    struct byte_chunk *spent; /* taken, but perhaps still being read from */
    size_t bytes;
};

/* False: there is no memory, and nothing was added. Whose bytes they are ends, not the process. */
bool byte_queue_add(struct byte_queue *queue, struct span bytes) MUST_CHECK;
/* The next bytes, at most `limit` (not 0); the queue must not be empty. They stay valid until
 * byte_queue_release. */
struct span byte_queue_take(struct byte_queue *queue, size_t limit);
/* Gives back the memory of what was taken. */
void byte_queue_release(struct byte_queue *queue);
/* And of all the rest. */
void byte_queue_free(struct byte_queue *queue);

#endif
