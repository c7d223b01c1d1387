#include "gateway/byte_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* Small bodies get small chunks; long ones those that the heap hands out cheaply. */
#define CHUNK_MIN 1024
#define CHUNK_MAX 16384

struct byte_chunk {
    struct byte_chunk *next;
    size_t at;
    size_t end;
    size_t size;
    char bytes[];
};

static struct byte_chunk *add_chunk(struct byte_queue *queue, size_t wanted)
{
    size_t size = wanted < CHUNK_MIN ? CHUNK_MIN : wanted > CHUNK_MAX ? CHUNK_MAX : wanted;
    struct byte_chunk *chunk = xmalloc(sizeof(*chunk) + size);

    chunk->next = NULL;
    chunk->at = chunk->end = 0;
    chunk->size = size;
    if (queue->last != NULL) {
        queue->last->next = chunk;
    } else {
        queue->first = chunk;
    }
    queue->last = chunk;
    return chunk;
}

void byte_queue_add(struct byte_queue *queue, struct span bytes)
{
    queue->bytes += bytes.len;
    while (bytes.len != 0) {
        struct byte_chunk *chunk = queue->last;
        if (chunk == NULL || chunk->end == chunk->size) {
            chunk = add_chunk(queue, bytes.len);
        }
        size_t room = chunk->size - chunk->end;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(chunk->bytes + chunk->end, bytes.ptr, part);
        chunk->end += part;
        bytes = span_skip(bytes, part);
    }
}

struct span byte_queue_take(struct byte_queue *queue, size_t limit)
{
    struct byte_chunk *chunk = queue->first;

    CHECK(queue->bytes != 0 && limit != 0);
    size_t part = chunk->end - chunk->at < limit ? chunk->end - chunk->at : limit;
    struct span bytes = span_make(chunk->bytes + chunk->at, part);
    chunk->at += part;
    queue->bytes -= part;
    if (chunk->at == chunk->end) {
        queue->first = chunk->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        chunk->next = queue->spent;
        queue->spent = chunk;
    }
    return bytes;
}

static void free_chain(struct byte_chunk *chunk)
{
    while (chunk != NULL) {
        struct byte_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void byte_queue_release(struct byte_queue *queue)
{
    free_chain(queue->spent);
    queue->spent = NULL;
}

void byte_queue_free(struct byte_queue *queue)
{
    byte_queue_release(queue);
    free_chain(queue->first);
    *queue = (struct byte_queue){0};
}
