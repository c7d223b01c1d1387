/* What a thread's connections share, so that an idle one owns no memory: the buffers that are read
 * into, the outbox that gathers spans for one send, and the chunks in which output waits.
 *
 * Owned by the loop (io/loop.h), filled by connections (io/conn.h); it knows neither. */
#ifndef TIDEGATE_IO_CONN_MEMORY_H
#define TIDEGATE_IO_CONN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/check.h"

/* Sizes of a thread's buffers, in bytes. PLAIN holds what RX's worth of TLS records can decrypt to,
 * with a record that an earlier read had left incomplete. */
#define CONN_RX_BYTES 65536
#define CONN_PLAIN_BYTES (65536 + 17408)
#define CONN_TX_BYTES (65536 + 4096)
/* What conn_reserve gives without growing: the heads of ordinary messages, several of them. */
#define CONN_SCRATCH_BYTES 65536
#define CONN_OUTBOX_SPANS 64

#define CONN_CHUNK_BYTES 16384

struct conn;

/* A piece of output that waits for its socket: bytes[at..end). */
struct conn_chunk {
    struct conn_chunk *next;
    uint32_t at;
    uint32_t end;
    char bytes[CONN_CHUNK_BYTES];
};

struct conn_memory {
    char *rx;    /* CONN_RX_BYTES */
    char *plain; /* CONN_PLAIN_BYTES, for layers */
    char *tx;    /* CONN_TX_BYTES, for layers */
    struct conn_chunk *free_chunks;
    unsigned free_count;
    struct conn *current;  /* whose event is being handled; NULL once it was closed */
    struct conn *out_conn; /* whose output the outbox gathers; NULL: empty */
    void (*send)(struct conn *conn, const struct iovec *iov, int count); /* of out_conn */
    bool are_bytes_held;                                                 /* conn_hold_bytes */
    int out_count;
    size_t out_bytes;
    size_t scratch_size;
    size_t scratch_used;
    size_t scratch_reserved;
    char *scratch;
    struct iovec out[CONN_OUTBOX_SPANS];
};

void conn_memory_init(struct conn_memory *memory);
void conn_memory_free(struct conn_memory *memory);
/* Sends what the outbox holds. */
void conn_memory_flush_now(struct conn_memory *memory);

static inline void conn_memory_flush(struct conn_memory *memory)
{
    if (memory->out_conn != NULL) {
        conn_memory_flush_now(memory);
    }
}

/* An empty chunk; NULL: there is no memory. */
struct conn_chunk *conn_chunk_take(struct conn_memory *memory) MUST_CHECK;
void conn_chunk_give_back(struct conn_memory *memory, struct conn_chunk *chunk);

#endif
