/* A connection: a stream of bytes both ways over a non-blocking socket, either plain or with TLS on
 * it (a layer, which tls/tls_conn.h puts there).
 *
 * Reading: conn_read hands out bytes in the thread's own receive buffer, so an idle connection owns
 * no memory; they stay valid until the next conn_read of any connection on this thread, or the end
 * of the callback. The caller uses or copies all of them. Events are edge-triggered: after
 * on_readable, read until CONN_AGAIN, or stop earlier and look at conn_can_read later.
 *
 * Writing: conn_queue gathers spans by reference in the thread's outbox; they go out in one send
 * when the callback ends, when another connection queues, or at conn_flush. What the socket does
 * not take is copied and waits in pooled chunks (conn_pending); on_writable tells when it has all
 * gone. Nothing is ever refused: a writer that respects conn_pending holds at most one receive
 * buffer's worth.
 *
 * A write error is remembered (conn_write_failed) and later output dropped; what the peer sent can
 * still be read.
 *
 * Owned by whoever embeds it, or made with conn_create. conn_close may be called twice, also from
 * the callbacks. */
#ifndef TIDEGATE_IO_CONN_H
#define TIDEGATE_IO_CONN_H

#include <sys/uio.h>

#include "base/span.h"
#include "io/conn_memory.h"
#include "io/loop.h"

enum conn_result { CONN_OK, CONN_AGAIN, CONN_EOF, CONN_ERROR };

struct conn;

struct conn_handler {
    /* There may be bytes, an end or an error to read. */
    void (*on_readable)(struct conn *conn);
    /* What was pending has gone out, or will never (conn_write_failed). */
    void (*on_writable)(struct conn *conn);
    /* Ends conn_connect: error is 0 or an errno. */
    void (*on_connected)(struct conn *conn, int error);
};

/* How bytes cross the socket. Plain is the default; TLS is another. */
struct conn_layer {
    enum conn_result (*read)(struct conn *conn, struct span *bytes);
    void (*send)(struct conn *conn, const struct iovec *iov, int count);
    /* No more output will come: says so to the peer (TLS: close_notify). */
    void (*finish)(struct conn *conn);
    void (*destroy)(struct conn *conn);
    /* Takes the socket's events while it has its own business (a handshake); NULL: none. True:
     * consumed. */
    bool (*on_events)(struct conn *conn);
};

struct conn {
    struct watch watch;
    struct loop *loop;
    const struct conn_layer *layer;
    void *layer_state;
    const struct conn_handler *handler;
    void *owner;                    /* for the handler */
    struct conn_chunk *first_chunk; /* output that waits */
    struct conn_chunk *last_chunk;
    uint32_t pending;
    int error; /* errno of a failed read or write; 0: none */
    bool is_connecting : 1;
    bool is_readable : 1; /* the socket may have more */
    bool has_hangup : 1;  /* an end or an error is to be read */
    bool is_at_eof : 1;   /* the peer's end was read */
    bool wants_write : 1; /* EPOLLOUT is on */
    bool write_failed : 1;
    bool is_finishing : 1; /* shut down the sending side once pending is out */
    bool is_write_shut : 1;
    bool finish_follows : 1;    /* the layer may send its goodbye with what is being flushed */
    bool close_follows : 1;     /* conn_close comes once all is out: it half-closes by itself */
    bool is_splice_blocked : 1; /* conn_splice_out met a full socket */
    bool is_reset : 1;          /* the socket is dead both ways (EPOLLHUP, EPOLLERR) */
    bool is_lost : 1;           /* the peer acknowledges nothing any more (io/conn_acks.h) */
    bool layer_has_bytes : 1;   /* the layer holds bytes that no socket event will announce */
    uint64_t bytes_in;          /* through the socket, TLS overhead included */
    uint64_t bytes_out;
};

void conn_init(struct conn *conn, struct loop *loop, const struct conn_handler *handler,
               void *owner);
/* One that goes from owner to owner; conn_init follows. */
struct conn *conn_create(struct loop *loop) MUST_CHECK;
/* Of such a one, closed: its memory goes at the end of the loop's turn, as it may be on the stack.
 */
void conn_free(struct conn *conn);
/* Takes the socket over. False when it cannot be watched (the fd is closed then). */
bool conn_open(struct conn *conn, int fd) MUST_CHECK;
/* Starts to connect; on_connected tells how it ended, also when it fails at once (never from inside
 * this call). False with an errno in *error when no socket could be had. */
struct sock_address;
bool conn_connect(struct conn *conn, const struct sock_address *to, int *error) MUST_CHECK;
/* Drops what is pending. */
void conn_close(struct conn *conn);
/* The same, with the goodbye that TLS wants from whoever ends its direction (RFC 8446 section 6.1):
 * a peer may take an end without one for an attack. */
void conn_close_in_order(struct conn *conn);
/* Closes with a RST, so that the peer learns at once and no TIME_WAIT stays. */
void conn_abort(struct conn *conn);

static inline bool conn_is_open(const struct conn *conn)
{
    return conn->watch.fd >= 0;
}

enum conn_result conn_read(struct conn *conn, struct span *bytes) MUST_CHECK;
/* Not more than `limit` bytes. Only for plain connections is the rest left in the socket: for
 * others limit must be UINT64_MAX, since a record comes whole. */
enum conn_result conn_read_some(struct conn *conn, uint64_t limit, struct span *bytes) MUST_CHECK;

static inline bool conn_can_read(const struct conn *conn)
{
    return conn->is_readable || conn->layer_has_bytes;
}

/* While a library parses what conn_read gave, nothing else may be read on this thread: that is an
 * error of ours, and aborts. */
void conn_hold_bytes(struct loop *loop, bool is_held);

/* Whether bytes, or the peer's end, are there to be read now. Unlike conn_can_read it asks the
 * socket where no event and no short read has told. */
bool conn_has_unread(struct conn *conn);

/* How many bytes wait to be read, at most: what the socket has, and what a layer may have of it. */
uint64_t conn_unread_max(const struct conn *conn);

/* Whether nothing has come, ended or broken that the owner has not been told of: what was at rest
 * may be used again. `surely`: asks the socket too, not only what the loop has fetched. */
bool conn_is_quiet(struct conn *conn, bool surely);

/* By reference: valid until the callback ends, or conn_flush or any conn_read. */
void conn_queue(struct conn *conn, struct span bytes);
void conn_queue_copy(struct conn *conn, struct span bytes);
/* Memory in the outbox to write into; conn_commit queues the first n bytes of it. */
char *conn_reserve(struct conn *conn, size_t size);
void conn_commit(struct conn *conn, size_t n);
void conn_flush(struct conn *conn);
/* What the thread's outbox holds, whoever queued it: before memory goes that it may point into. */
void conn_flush_all(struct loop *loop);
/* No more output: half-closes once all is out. */
void conn_finish(struct conn *conn);
/* The same for one that is closed as soon as conn_pending is 0: saves the half-close. */
void conn_finish_to_close(struct conn *conn);

/* Bytes that wait for the socket. */
static inline size_t conn_pending(const struct conn *conn)
{
    return conn->pending;
}

static inline bool conn_write_failed(const struct conn *conn)
{
    return conn->write_failed;
}

static inline bool conn_is_plain(const struct conn *conn)
{
    return conn->layer_state == NULL;
}

/* Only with plain layers and nothing pending: moves bytes between the socket and a pipe without a
 * copy, at most `limit`. Results as of conn_read; AGAIN of conn_splice_out means that on_writable
 * will tell. A short splice_in does not mean that the socket is empty (the pipe may be full). */
enum conn_result conn_splice_in(struct conn *conn, int pipe_fd, size_t limit,
                                size_t *moved) MUST_CHECK;
enum conn_result conn_splice_out(struct conn *conn, int pipe_fd, size_t limit,
                                 size_t *moved) MUST_CHECK;
/* The same from a file at *offset, which moves on. CONN_EOF: the file ends there. */
enum conn_result conn_send_file(struct conn *conn, int file_fd, uint64_t *offset, size_t limit,
                                size_t *moved) MUST_CHECK;

/* ---- for layers ---- */

/* From the socket into the receive buffer (memory.rx). */
enum conn_result conn_raw_read(struct conn *conn, size_t limit, struct span *bytes) MUST_CHECK;
/* To the socket; what it does not take is copied and waits. */
void conn_raw_send(struct conn *conn, const struct iovec *iov, int count);
void conn_raw_finish(struct conn *conn);
struct conn_memory *conn_memory(struct conn *conn);

#endif
