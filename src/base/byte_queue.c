#include "base/byte_queue.h"

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

static struct byte_chunk *make_chunk(size_t wanted)
{
    size_t size = wanted < CHUNK_MIN ? CHUNK_MIN : wanted > CHUNK_MAX ? CHUNK_MAX : wanted;
    struct byte_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->at = chunk->end = 0;
        chunk->size = size;
    }
    return chunk;
}

static void free_chain(struct byte_chunk *chunk)
{
    while (chunk != NULL) {
        struct byte_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static size_t room_of(const struct byte_chunk *chunk)
{
    return chunk != NULL ? chunk->size - chunk->end : 0;
}

/* Chunks for what the last one has no room for; all or none. */
static bool make_chain(size_t bytes, struct byte_chunk **first, struct byte_chunk **last)
{
    *first = *last = NULL;
    while (bytes != 0) {
        struct byte_chunk *chunk = make_chunk(bytes);
        if (chunk == NULL) {
            free_chain(*first);
            return false;
        }
        if (*last != NULL) {
            (*last)->next = chunk;
        } else {
            *first = chunk;
        }
        *last = chunk;
        bytes -= bytes < chunk->size ? bytes : chunk->size;
    }
    return true;
}

bool byte_queue_add(struct byte_queue *queue, struct span bytes)
{
    size_t room = room_of(queue->last);
    struct byte_chunk *chunk = queue->last;
    struct byte_chunk *first;
    struct byte_chunk *last;

    if (bytes.len > room) {
        if (!make_chain(bytes.len - room, &first, &last)) {
            return false;
        }
        if (queue->last != NULL) {
            queue->last->next = first;
        } else {
            queue->first = chunk = first;
        }
        queue->last = last;
    }
    queue->bytes += bytes.len;
    while (bytes.len != 0) {
        size_t part = bytes.len < room_of(chunk) ? bytes.len : room_of(chunk);
        memcpy(chunk->bytes + chunk->end, bytes.ptr, part);
        chunk->end += part;
        bytes = span_skip(bytes, part);
        chunk = chunk->next;
    }
    return true;
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
