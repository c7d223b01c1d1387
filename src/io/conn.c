#include "io/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop_internal.h"
#include "io/sock.h"

static const struct conn_layer plain_layer;

struct conn_memory *conn_memory(struct conn *conn)
{
    return &conn->loop->memory;
}

void conn_flush_all(struct loop *loop)
{
    conn_memory_flush(&loop->memory);
}

static void drop_pending(struct conn *conn)
{
    while (conn->first_chunk != NULL) {
        struct conn_chunk *chunk = conn->first_chunk;
        conn->first_chunk = chunk->next;
        conn_chunk_give_back(conn_memory(conn), chunk);
    }
    conn->last_chunk = NULL;
    conn->pending = 0;
}

/* ---- writing ---- */

static void fail_write(struct conn *conn, int number)
{
    conn->write_failed = true;
    conn->is_lost |= number == ETIMEDOUT;
    if (conn->error == 0) {
        conn->error = number;
    }
    drop_pending(conn);
}

static void add_pending(struct conn *conn, const char *bytes, size_t len)
{
    while (len != 0) {
        struct conn_chunk *chunk = conn->last_chunk;
        if (chunk == NULL || chunk->end == CONN_CHUNK_BYTES) {
            chunk = conn_chunk_take(conn_memory(conn));
            if (chunk == NULL) {
                fail_write(conn, ENOMEM); /* this connection ends, not the process */
                return;
            }
            if (conn->last_chunk != NULL) {
                conn->last_chunk->next = chunk;
            } else {
                conn->first_chunk = chunk;
            }
            conn->last_chunk = chunk;
        }
        size_t room = CONN_CHUNK_BYTES - chunk->end;
        size_t part = len < room ? len : room;
        memcpy(chunk->bytes + chunk->end, bytes, part);
        chunk->end += (uint32_t)part;
        conn->pending += (uint32_t)part;
        bytes += part;
        len -= part;
    }
}

static void want_write(struct conn *conn)
{
    if (!conn->wants_write) {
        /* It stays on: edge-triggered, it costs nothing while no send is blocked. */
        conn->wants_write = true;
        watch_modify(conn->loop, &conn->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

static ssize_t send_many(int fd, const struct iovec *iov, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)count};

    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ssize_t send_some(struct conn *conn, const struct iovec *iov, int count)
{
    ssize_t n;

    do {
        n = count == 1 ? send(conn->watch.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                       : send_many(conn->watch.fd, iov, count);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        conn->bytes_out += (uint64_t)n;
    }
    return n;
}

void conn_raw_send(struct conn *conn, const struct iovec *iov, int count)
{
    size_t sent = 0;

    if (conn->write_failed || conn->is_write_shut) {
        return;
    }
    if (conn->pending == 0 && !conn->is_connecting) {
        ssize_t n = send_some(conn, iov, count);
        if (n < 0 && errno != EAGAIN) {
            fail_write(conn, errno);
            return;
        }
        sent = n > 0 ? (size_t)n : 0;
    }
    for (int i = 0; i < count; i++) {
        if (LIKELY(sent >= iov[i].iov_len)) {
            sent -= iov[i].iov_len;
            continue;
        }
        add_pending(conn, (const char *)iov[i].iov_base + sent, iov[i].iov_len - sent);
        sent = 0;
    }
    if (conn->pending != 0) {
        want_write(conn);
    }
}

/* Sends what waits, as far as the socket takes it. */
static void send_pending(struct conn *conn)
{
    while (conn->first_chunk != NULL) {
        struct iovec iov[16];
        int count = 0;
        size_t total = 0;
        for (struct conn_chunk *c = conn->first_chunk; c != NULL && count < 16; c = c->next) {
            iov[count++] = (struct iovec){c->bytes + c->at, c->end - c->at};
            total += c->end - c->at;
        }
        ssize_t n = send_some(conn, iov, count);
        if (n < 0) {
            if (errno != EAGAIN) {
                fail_write(conn, errno);
            }
            return;
        }
        conn->pending -= (uint32_t)n;
        size_t left = (size_t)n;
        while (left != 0 && conn->first_chunk != NULL) {
            struct conn_chunk *c = conn->first_chunk;
            size_t part = left < c->end - c->at ? left : c->end - c->at;
            c->at += (uint32_t)part;
            left -= part;
            if (c->at == c->end) {
                conn->first_chunk = c->next;
                conn_chunk_give_back(conn_memory(conn), c);
            }
        }
        if (conn->first_chunk == NULL) {
            conn->last_chunk = NULL;
        }
        if ((size_t)n < total) {
            return;
        }
    }
}

static void send_outbox(struct conn *conn, const struct iovec *iov, int count)
{
    if (conn_is_open(conn) && !conn->write_failed) {
        conn->layer->send(conn, iov, count);
    }
}

static bool outbox_bind(struct conn *conn)
{
    struct conn_memory *memory = conn_memory(conn);

    if (!conn_is_open(conn) || conn->write_failed) {
        return false;
    }
    if (memory->out_conn != conn || memory->out_count == CONN_OUTBOX_SPANS) {
        conn_memory_flush(memory);
        memory->out_conn = conn;
        memory->send = send_outbox;
    }
    return true;
}

static void outbox_add(struct conn_memory *memory, char *ptr, size_t len)
{
    if (memory->out_count != 0) {
        struct iovec *last = &memory->out[memory->out_count - 1];
        if ((char *)last->iov_base + last->iov_len == ptr) {
            last->iov_len += len; /* two neighbours, as head and head fields in the scratch are */
            memory->out_bytes += len;
            return;
        }
    }
    memory->out[memory->out_count++] = (struct iovec){ptr, len};
    memory->out_bytes += len;
}

void conn_queue(struct conn *conn, struct span bytes)
{
    if (bytes.len != 0 && outbox_bind(conn)) {
        outbox_add(conn_memory(conn), (char *)(uintptr_t)bytes.ptr, bytes.len);
    }
}

void conn_queue_copy(struct conn *conn, struct span bytes)
{
    while (bytes.len != 0) {
        size_t part = bytes.len < CONN_SCRATCH_BYTES ? bytes.len : CONN_SCRATCH_BYTES;
        memcpy(conn_reserve(conn, part), bytes.ptr, part);
        conn_commit(conn, part);
        bytes = span_skip(bytes, part);
    }
}

char *conn_reserve(struct conn *conn, size_t size)
{
    struct conn_memory *memory = conn_memory(conn);

    (void)outbox_bind(conn);
    if (memory->scratch_size - memory->scratch_used < size) {
        conn_memory_flush(memory);
        if (memory->scratch_size < size) {
            free(memory->scratch);
            memory->scratch = xmalloc(size);
            memory->scratch_size = size;
        }
        (void)outbox_bind(conn);
    }
    memory->scratch_reserved = size;
    return memory->scratch + memory->scratch_used;
}

void conn_commit(struct conn *conn, size_t n)
{
    struct conn_memory *memory = conn_memory(conn);

    CHECK(n <= memory->scratch_reserved);
    memory->scratch_reserved = 0;
    if (n == 0 || memory->out_conn != conn) {
        return; /* the connection is gone: nobody wants the bytes */
    }
    outbox_add(memory, memory->scratch + memory->scratch_used, n);
    memory->scratch_used += n;
}

void conn_flush(struct conn *conn)
{
    if (conn_memory(conn)->out_conn == conn) {
        conn_memory_flush_now(conn_memory(conn));
    }
}

void conn_raw_finish(struct conn *conn)
{
    if (conn->is_write_shut || !conn_is_open(conn)) {
        return;
    }
    if (conn->pending != 0) {
        conn->is_finishing = true;
        return;
    }
    conn->is_finishing = false;
    conn->is_write_shut = true;
    if (!conn->close_follows) {
        (void)shutdown(conn->watch.fd, SHUT_WR);
    }
}

void conn_finish(struct conn *conn)
{
    conn->finish_follows = true;
    conn_flush(conn);
    if (conn_is_open(conn) && !conn->is_finishing && !conn->is_write_shut) {
        conn->layer->finish(conn);
    }
}

void conn_finish_to_close(struct conn *conn)
{
    conn->close_follows = true;
    conn_finish(conn);
}

static void plain_send(struct conn *conn, const struct iovec *iov, int count)
{
    conn_raw_send(conn, iov, count);
}

/* ---- reading ---- */

/* What a receiving call that returned n <= 0 (and its errno) says about the connection. */
static enum conn_result nothing_received(struct conn *conn, ssize_t n)
{
    conn->is_readable = false;
    if (n == 0) {
        conn->is_at_eof = true;
        return CONN_EOF;
    }
    if (errno == EAGAIN) {
        return CONN_AGAIN;
    }
    conn->error = errno;
    conn->is_lost |= errno == ETIMEDOUT;
    return CONN_ERROR;
}

enum conn_result conn_raw_read(struct conn *conn, size_t limit, struct span *bytes)
{
    char *rx = conn_memory(conn)->rx;
    ssize_t n;

    *bytes = span_make(NULL, 0);
    if (conn->is_at_eof) {
        conn->is_readable = false;
        return CONN_EOF;
    }
    do {
        n = recv(conn->watch.fd, rx, limit, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        /* A short read has emptied the socket, and an edge will tell of more; only an end or an
         * error that was announced already must still be fetched. */
        if ((size_t)n < limit && !conn->has_hangup) {
            conn->is_readable = false;
        }
        conn->bytes_in += (uint64_t)n;
        *bytes = span_make(rx, (size_t)n);
        return CONN_OK;
    }
    return nothing_received(conn, n);
}

static enum conn_result plain_read(struct conn *conn, struct span *bytes)
{
    return conn_raw_read(conn, CONN_RX_BYTES, bytes);
}

void conn_hold_bytes(struct loop *loop, bool is_held)
{
    loop->memory.are_bytes_held = is_held;
}

enum conn_result conn_read(struct conn *conn, struct span *bytes)
{
    if (!conn_is_open(conn)) {
        *bytes = span_make(NULL, 0);
        return CONN_EOF;
    }
    CHECK(!conn_memory(conn)->are_bytes_held);
    conn_memory_flush(conn_memory(conn)); /* what was queued may point into the buffer */
    return conn->layer->read(conn, bytes);
}

enum conn_result conn_read_some(struct conn *conn, uint64_t limit, struct span *bytes)
{
    if (limit >= CONN_RX_BYTES || !conn_is_open(conn)) {
        return conn_read(conn, bytes);
    }
    CHECK(conn_is_plain(conn) && !conn_memory(conn)->are_bytes_held);
    conn_memory_flush(conn_memory(conn));
    return conn_raw_read(conn, (size_t)limit, bytes);
}

bool conn_has_unread(struct conn *conn)
{
    char byte;
    ssize_t n;

    if (conn->layer_has_bytes || conn->is_at_eof) {
        return true;
    }
    if (!conn->is_readable) {
        return false;
    }
    do {
        n = recv(conn->watch.fd, &byte, 1, MSG_PEEK);
    } while (n < 0 && errno == EINTR);
    conn->is_readable = n >= 0 || errno != EAGAIN;
    return conn->is_readable;
}

/* A layer has what one conn_raw_read gave it, at most, and a record begun before. */
#define LAYER_BYTES_MAX (2 * CONN_RX_BYTES)

uint64_t conn_unread_max(const struct conn *conn)
{
    int bytes = 0;

    if (!conn_is_open(conn) || ioctl(conn->watch.fd, FIONREAD, &bytes) != 0) {
        return UINT64_MAX; /* who knows */
    }
    return (uint64_t)bytes + (conn_is_plain(conn) ? 0 : LAYER_BYTES_MAX);
}

bool conn_is_quiet(struct conn *conn, bool surely)
{
    bool is_sure;

    if (conn->has_hangup || conn->write_failed ||
        watch_is_due(conn->loop, &conn->watch, &is_sure)) {
        return false;
    }
    if (surely || !is_sure) {
        conn->is_readable = true;
    }
    return !conn_has_unread(conn);
}

static void plain_finish(struct conn *conn)
{
    conn_raw_finish(conn);
}

static void plain_destroy(struct conn *conn)
{
    (void)conn;
}

static const struct conn_layer plain_layer = {
    .read = plain_read,
    .send = plain_send,
    .finish = plain_finish,
    .destroy = plain_destroy,
};

/* ---- moving bytes without touching them ---- */

enum conn_result conn_splice_in(struct conn *conn, int pipe_fd, size_t limit, size_t *moved)
{
    ssize_t n;

    *moved = 0;
    if (conn->is_at_eof) {
        return CONN_EOF;
    }
    do {
        n = splice(conn->watch.fd, NULL, pipe_fd, NULL, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        conn->bytes_in += (uint64_t)n;
        *moved = (size_t)n;
        return CONN_OK;
    }
    return nothing_received(conn, n);
}

static enum conn_result after_moving_out(struct conn *conn, ssize_t n, size_t *moved)
{
    *moved = 0;
    if (n > 0) {
        conn->bytes_out += (uint64_t)n;
        *moved = (size_t)n;
        return CONN_OK;
    }
    if (n == 0) {
        return CONN_EOF;
    }
    if (errno == EAGAIN) {
        conn->is_splice_blocked = true;
        want_write(conn);
        return CONN_AGAIN;
    }
    fail_write(conn, errno);
    return CONN_ERROR;
}

enum conn_result conn_splice_out(struct conn *conn, int pipe_fd, size_t limit, size_t *moved)
{
    ssize_t n;

    do {
        n = splice(pipe_fd, NULL, conn->watch.fd, NULL, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (n < 0 && errno == EINTR);
    return after_moving_out(conn, n, moved);
}

enum conn_result conn_send_file(struct conn *conn, int file_fd, uint64_t *offset, size_t limit,
                                size_t *moved)
{
    off_t at = (off_t)*offset;
    ssize_t n;

    do {
        n = sendfile(conn->watch.fd, file_fd, &at, limit);
    } while (n < 0 && errno == EINTR);
    *offset = (uint64_t)at;
    return after_moving_out(conn, n, moved);
}

/* ---- events ---- */

static void end_connecting(struct conn *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);

    conn->is_connecting = false;
    if (getsockopt(conn->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        conn->error = error;
    }
    conn->handler->on_connected(conn, error);
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct conn *conn = CONTAINER_OF(watch, struct conn, watch);
    struct conn_memory *memory = conn_memory(conn);

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->is_readable = true;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->has_hangup = true;
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        conn->is_reset = true;
    }
    memory->current = conn; /* conn_close clears it, so that a callback may end the connection */
    if (conn->is_connecting) {
        end_connecting(conn);
    } else {
        bool had_pending = conn->pending != 0 || conn->is_splice_blocked;
        if (had_pending && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
            conn->is_splice_blocked = false;
            send_pending(conn);
        }
        if (conn->pending == 0 && conn->is_finishing) {
            conn_raw_finish(conn);
        }
        if (conn->layer->on_events != NULL && conn->layer->on_events(conn)) {
            return;
        }
        if (memory->current == conn && had_pending && conn->pending == 0 &&
            !conn->is_splice_blocked) {
            conn->handler->on_writable(conn);
        }
    }
    if (memory->current == conn && conn_can_read(conn)) {
        conn->handler->on_readable(conn);
    }
}

/* ---- opening and closing ---- */

struct heap_conn {
    struct conn conn;
    struct deferred freeing;
};

static void on_free(struct deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct heap_conn, freeing));
}

struct conn *conn_create(struct loop *loop)
{
    struct heap_conn *heap = xcalloc(1, sizeof(*heap));

    conn_init(&heap->conn, loop, NULL, NULL);
    deferred_init(&heap->freeing, on_free);
    return &heap->conn;
}

void conn_free(struct conn *conn)
{
    struct heap_conn *heap = CONTAINER_OF(conn, struct heap_conn, conn);

    CHECK(!conn_is_open(conn));
    loop_defer(conn->loop, &heap->freeing);
}

void conn_init(struct conn *conn, struct loop *loop, const struct conn_handler *handler,
               void *owner)
{
    *conn = (struct conn){.loop = loop, .handler = handler, .owner = owner, .layer = &plain_layer};
    watch_init(&conn->watch, on_events);
}

bool conn_open(struct conn *conn, int fd)
{
    if (!watch_add(conn->loop, &conn->watch, fd, EPOLLIN | EPOLLRDHUP | EPOLLET)) {
        close(fd);
        return false;
    }
    return true;
}

bool conn_connect(struct conn *conn, const struct sock_address *to, int *error)
{
    bool is_connected;
    int fd = sock_connect(to, &is_connected);

    if (fd < 0) {
        *error = errno;
        return false;
    }
    /* Connected already or not, epoll reports it as writable, and so on_connected is always called
     * from the loop. */
    if (!watch_add(conn->loop, &conn->watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
        *error = errno;
        close(fd);
        return false;
    }
    conn->is_connecting = true;
    conn->wants_write = true;
    return true;
}

void conn_close(struct conn *conn)
{
    struct conn_memory *memory = conn_memory(conn);
    int fd = conn->watch.fd;

    if (fd < 0) {
        return;
    }
    conn_flush(conn);
    if (memory->current == conn) {
        memory->current = NULL;
    }
    conn->layer->destroy(conn);
    conn->layer = &plain_layer;
    conn->layer_state = NULL;
    conn->is_readable = conn->layer_has_bytes = false;
    watch_forget(conn->loop, &conn->watch);
    drop_pending(conn);
    close(fd);
}

void conn_close_in_order(struct conn *conn)
{
    if (!conn_is_plain(conn) && conn_is_open(conn) && !conn->is_reset && !conn_write_failed(conn)) {
        conn_finish_to_close(conn);
    }
    conn_close(conn);
}

void conn_abort(struct conn *conn)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (conn_is_open(conn)) {
        (void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        conn_close(conn);
    }
}
