#include "io/conn_memory.h"

#include <stdlib.h>

#define FREE_CHUNKS_MAX 64

void conn_memory_init(struct conn_memory *memory)
{
    *memory = (struct conn_memory){0};
    memory->rx = xmalloc(CONN_RX_BYTES);
    memory->plain = xmalloc(CONN_PLAIN_BYTES);
    memory->tx = xmalloc(CONN_TX_BYTES);
    memory->scratch = xmalloc(CONN_SCRATCH_BYTES);
    memory->scratch_size = CONN_SCRATCH_BYTES;
}

void conn_memory_free(struct conn_memory *memory)
{
    while (memory->free_chunks != NULL) {
        struct conn_chunk *chunk = memory->free_chunks;
        memory->free_chunks = chunk->next;
        free(chunk);
    }
    free(memory->rx);
    free(memory->plain);
    free(memory->tx);
    free(memory->scratch);
}

void conn_memory_flush_now(struct conn_memory *memory)
{
    struct conn *conn = memory->out_conn;
    int count = memory->out_count;

    memory->out_conn = NULL;
    memory->out_count = 0;
    memory->out_bytes = 0;
    memory->scratch_used = 0;
    if (count != 0) {
        memory->send(conn, memory->out, count);
    }
}

struct conn_chunk *conn_chunk_take(struct conn_memory *memory)
{
    struct conn_chunk *chunk = memory->free_chunks;

    if (chunk != NULL) {
        memory->free_chunks = chunk->next;
        memory->free_count--;
    } else {
        chunk = malloc(sizeof(*chunk));
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk->next = NULL;
    chunk->at = chunk->end = 0;
    return chunk;
}

void conn_chunk_give_back(struct conn_memory *memory, struct conn_chunk *chunk)
{
    if (memory->free_count >= FREE_CHUNKS_MAX) {
        free(chunk);
        return;
    }
    chunk->next = memory->free_chunks;
    memory->free_chunks = chunk;
    memory->free_count++;
}
