#include "observe/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/safe_open.h"
#include "base/strbuf.h"
#include "base/thread.h"
#include "observe/log_place.h"
#include "observe/log_stream.h"

/* How long lines wait for company, so that a busy gateway makes few writes and few wake-ups. */
#define GATHER_MS 20
/* So much is written without waiting for more. */
#define GATHERED_ENOUGH ((size_t)256 << 10)
#define BATCH_BYTES ((size_t)64 << 10)
#define POLL_SLICE_MS 100
/* What is sent again where a stream breaks. */
#define STREAM_PIECE_BYTES ((size_t)16 << 10)

struct log_block {
    struct log_block *next;
    char *bytes;
    size_t len;
    int fd; /* what the lines behind it are written to, from then on; -1: as before */
};

struct log_writer {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool is_started;
    unsigned holders;          /* under the lock */
    char *path;                /* NULL: standard output */
    struct log_socket *socket; /* of datagrams; the thread's own; NULL: none */
    struct log_stream *stream; /* the same of TCP and TLS. Without both it writes lines */

    /* Under the lock. */
    struct log_block *first;
    struct log_block **last;
    size_t queue_max;
    size_t queued_bytes; /* of the queue, and of what the thread is writing */
    struct log_writer_counts counts;
    bool is_gathering; /* the thread has seen the queue and comes by itself */
    bool wants_stop;
    uint64_t stop_at_ms;

    /* The thread's own. */
    int fd;
    bool is_file;   /* a regular file: writes to others may block, and are made in small pieces */
    bool is_torn;   /* the last write ended within a line */
    int last_error; /* errno of the last failure */
    uint64_t told_dropped;
    uint64_t told_failed;
    struct log_limiter drop_limiter;
    struct log_limiter fail_limiter;
    struct log_limiter away_limiter;
    char *batch; /* BATCH_BYTES */
    size_t batch_len;
    uint64_t batch_blocks;
};

/* NULL: standard output. */
static const char *file_of(const char *path)
{
    return strcmp(path, "-") == 0 ? NULL : path;
}

int log_writer_open_file(const char *path, struct error *error)
{
    if (file_of(path) != NULL) {
        return safe_open_append(path, 0640, "cannot open the access log", error);
    }
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        (void)error_set_errno(error, errno, "the access log cannot use standard output");
    }
    return fd;
}

static bool is_regular(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

struct log_writer *log_writer_create(const char *path, int fd, size_t queue)
{
    const char *name = file_of(path);
    struct log_writer *w = xcalloc(1, sizeof(*w));

    w->holders = 1;
    w->queue_max = queue;
    w->fd = fd;
    w->is_file = is_regular(fd);
    w->path = name != NULL ? xstrdup(name) : NULL;
    w->last = &w->first;
    w->batch = xmalloc(BATCH_BYTES);
    CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
    condition_init(&w->wake);
    return w;
}

struct log_writer *log_writer_create_datagrams(const char *name, const struct log_place *place,
                                               size_t queue)
{
    struct log_writer *w = log_writer_create(name, -1, queue);

    w->socket = xcalloc(1, sizeof(*w->socket));
    log_socket_init(w->socket, name, place);
    return w;
}

struct log_writer *log_writer_create_stream(const char *name, struct log_stream *stream,
                                            size_t queue)
{
    struct log_writer *w = log_writer_create(name, -1, queue);

    w->stream = stream;
    return w;
}

struct log_stream *log_writer_stream(const struct log_writer *w)
{
    return w->stream;
}

static bool has_frames(const struct log_writer *w)
{
    return w->socket != NULL || w->stream != NULL;
}

size_t log_writer_begin_frame(struct strbuf *out)
{
    (void)strbuf_reserve(out, sizeof(uint32_t));
    out->len += sizeof(uint32_t);
    return out->len;
}

void log_writer_end_frame(struct strbuf *out, size_t start)
{
    uint32_t len = (uint32_t)(out->len - start);

    memcpy(out->ptr + start - sizeof(len), &len, sizeof(len));
}

void log_writer_set_queue(struct log_writer *w, size_t queue)
{
    (void)pthread_mutex_lock(&w->lock);
    w->queue_max = queue;
    (void)pthread_mutex_unlock(&w->lock);
}

struct log_writer *log_writer_hold(struct log_writer *w)
{
    if (w != NULL) {
        (void)pthread_mutex_lock(&w->lock);
        w->holders++;
        (void)pthread_mutex_unlock(&w->lock);
    }
    return w;
}

bool log_writer_is_of(const struct log_writer *w, const char *path)
{
    const char *name = file_of(path);

    return name == NULL || w->path == NULL ? name == w->path : strcmp(name, w->path) == 0;
}

static const char *name_of(const struct log_writer *w)
{
    return w->path != NULL ? w->path : "on standard output";
}

const char *log_writer_name(const struct log_writer *w)
{
    return w->path != NULL ? w->path : "standard output";
}

/* Or frames. */
static uint64_t count_lines(const struct log_writer *w, const char *bytes, size_t len)
{
    uint64_t count = 0;
    uint32_t frame;

    for (size_t at = 0; has_frames(w) && at < len; at += sizeof(frame) + frame) {
        memcpy(&frame, bytes + at, sizeof(frame));
        count++;
    }
    for (size_t at = 0; !has_frames(w) && at < len; at++) {
        count += bytes[at] == '\n';
    }
    return count;
}

static const char *last_error_text(const struct log_writer *w)
{
    if (w->socket != NULL) {
        return strerror(w->socket->last_error);
    }
    if (w->stream != NULL && log_stream_trouble(w->stream) != NULL) {
        return log_stream_trouble(w->stream);
    }
    return w->stream != NULL || w->last_error == ETIMEDOUT ? "nobody took it before the stop"
                                                           : strerror(w->last_error);
}

/* Says what was lost since the last time. Called by the thread (and by stop, when it has ended). */
static void tell_losses(struct log_writer *w)
{
    struct log_writer_counts counts;

    log_writer_counts(w, &counts);
    if (counts.dropped_blocks != w->told_dropped) {
        w->told_dropped = counts.dropped_blocks;
        log_limited(&w->drop_limiter, LOG_LEVEL_WARN,
                    "the access log %s is written too slowly: %llu blocks of lines dropped so far; "
                    "use a faster disk or reader",
                    name_of(w), (unsigned long long)counts.dropped_blocks);
    }
    if (counts.failed_blocks != w->told_failed) {
        w->told_failed = counts.failed_blocks;
        log_limited(&w->fail_limiter, LOG_LEVEL_ERROR,
                    "cannot write the access log %s: %s; %llu %s lost so far; traffic goes on",
                    name_of(w), last_error_text(w), (unsigned long long)counts.failed_blocks,
                    has_frames(w) ? "lines" : "blocks of lines");
    }
    if (w->stream != NULL && log_stream_trouble(w->stream) != NULL) {
        log_limited(&w->away_limiter, LOG_LEVEL_WARN,
                    "the access log %s waits for its collector: %s; it is tried again and again, "
                    "and lines wait as long as there is room",
                    name_of(w), log_stream_trouble(w->stream));
    }
}

static bool is_past_stop(struct log_writer *w)
{
    (void)pthread_mutex_lock(&w->lock);
    bool is_past = w->wants_stop && clock_ms() >= w->stop_at_ms;
    (void)pthread_mutex_unlock(&w->lock);
    return is_past;
}

/* Waits for room in what is no regular file. False when the thread is to stop first. */
static bool wait_writable(struct log_writer *w)
{
    struct pollfd pfd = {.fd = w->fd, .events = POLLOUT};

    while (!is_past_stop(w)) {
        if (poll(&pfd, 1, POLL_SLICE_MS) > 0) {
            return true;
        }
        tell_losses(w);
    }
    w->last_error = ETIMEDOUT;
    return false;
}

/* How much of `len` to write at once. Standard output may be shared, so it cannot be made
 * non-blocking; but a pipe with room takes PIPE_BUF bytes without blocking, and keeps them together
 * (pipe(7)), so whole lines are taken where they fit. */
static size_t piece_len(const struct log_writer *w, const char *bytes, size_t len)
{
    if (w->is_file || len <= PIPE_BUF) {
        return len;
    }
    const char *line_end = memrchr(bytes, '\n', PIPE_BUF);
    return line_end != NULL ? (size_t)(line_end - bytes) + 1 : PIPE_BUF;
}

static bool write_all(struct log_writer *w, const char *bytes, size_t len)
{
    while (len != 0) {
        if (!w->is_file && !wait_writable(w)) {
            return false;
        }
        ssize_t n = write(w->fd, bytes, piece_len(w, bytes, len));
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && !w->is_file))) {
            continue;
        }
        if (n <= 0) {
            w->last_error = n < 0 ? errno : EIO;
            return false;
        }
        w->is_torn = bytes[n - 1] != '\n';
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Waits for whoever listens there, but not for ever where all is to end. */
static bool send_frame(struct log_writer *w, const char *bytes, size_t len)
{
    enum log_socket_result result = log_socket_send(w->socket, bytes, len);

    while (result == LOG_SOCKET_FULL) {
        struct pollfd pfd = {.fd = w->socket->fd, .events = POLLOUT};

        if (is_past_stop(w)) {
            w->socket->last_error = ETIMEDOUT;
            return false;
        }
        (void)poll(&pfd, 1, POLL_SLICE_MS);
        tell_losses(w);
        result = log_socket_send(w->socket, bytes, len);
    }
    return result == LOG_SOCKET_SENT;
}

static bool gives_up(void *arg)
{
    struct log_writer *w = arg;

    tell_losses(w);
    return is_past_stop(w);
}

/* Returns how many were lost: what is left when the thread is to stop. */
static uint64_t stream_frames(struct log_writer *w, const char *bytes, size_t len)
{
    struct strbuf piece;
    uint64_t lost = 0;
    uint64_t in_piece = 0;
    uint32_t frame;

    strbuf_init(&piece);
    for (size_t at = 0; at < len; at += sizeof(frame) + frame) {
        memcpy(&frame, bytes + at, sizeof(frame));
        CHECK(frame <= len - at - sizeof(frame));
        log_stream_frame(span_make(bytes + at + sizeof(frame), frame), &piece);
        in_piece++;
        if (piece.len >= STREAM_PIECE_BYTES || at + sizeof(frame) + frame == len) {
            lost += log_stream_send(w->stream, strbuf_span(&piece), gives_up, w) ? 0 : in_piece;
            strbuf_clear(&piece);
            in_piece = 0;
        }
    }
    strbuf_free(&piece);
    return lost;
}

/* Returns how many were lost. */
static uint64_t send_frames(struct log_writer *w, const char *bytes, size_t len)
{
    uint64_t lost = 0;
    uint32_t frame;

    log_socket_begin(w->socket);
    for (size_t at = 0; at < len; at += sizeof(frame) + frame) {
        memcpy(&frame, bytes + at, sizeof(frame));
        CHECK(frame <= len - at - sizeof(frame));
        lost += send_frame(w, bytes + at + sizeof(frame), frame) ? 0 : 1;
    }
    return lost;
}

static void write_frames(struct log_writer *w, const char *bytes, size_t len)
{
    uint64_t lost = w->stream != NULL ? stream_frames(w, bytes, len) : send_frames(w, bytes, len);

    (void)pthread_mutex_lock(&w->lock);
    w->queued_bytes -= len;
    w->counts.written_bytes += lost == 0 ? len : 0;
    w->counts.failed_blocks += lost;
    w->counts.lost_lines += lost;
    w->counts.connections = w->stream != NULL ? log_stream_connections(w->stream) : 0;
    (void)pthread_mutex_unlock(&w->lock);
}

/* A line that broke off is ended first, so that the next one is not spoilt too. */
static void write_lines(struct log_writer *w, const char *bytes, size_t len, uint64_t blocks)
{
    if (has_frames(w)) {
        write_frames(w, bytes, len);
        return;
    }
    bool is_written = (!w->is_torn || write_all(w, "\n", 1)) && write_all(w, bytes, len);
    uint64_t lost = is_written ? 0 : count_lines(w, bytes, len);

    (void)pthread_mutex_lock(&w->lock);
    w->queued_bytes -= len;
    w->counts.written_bytes += is_written ? len : 0;
    w->counts.failed_blocks += is_written ? 0 : blocks;
    w->counts.lost_lines += lost;
    (void)pthread_mutex_unlock(&w->lock);
}

static void flush_batch(struct log_writer *w)
{
    if (w->batch_len != 0) {
        write_lines(w, w->batch, w->batch_len, w->batch_blocks);
    }
    w->batch_len = 0;
    w->batch_blocks = 0;
}

static void go_on_with(struct log_writer *w, int fd)
{
    (void)close(w->fd);
    w->fd = fd;
    w->is_file = is_regular(fd);
    w->is_torn = false;
}

static void write_block(struct log_writer *w, const struct log_block *block)
{
    if (block->fd >= 0) {
        flush_batch(w);
        go_on_with(w, block->fd);
        return;
    }
    if (block->len > BATCH_BYTES - w->batch_len) {
        flush_batch(w);
    }
    if (block->len > BATCH_BYTES) {
        write_lines(w, block->bytes, block->len, 1);
        return;
    }
    memcpy(w->batch + w->batch_len, block->bytes, block->len);
    w->batch_len += block->len;
    w->batch_blocks++;
}

static void write_blocks(struct log_writer *w, struct log_block *block)
{
    struct log_block *next;

    for (; block != NULL; block = next) {
        next = block->next;
        write_block(w, block);
        free(block->bytes);
        free(block);
    }
    flush_batch(w);
    tell_losses(w);
}

/* Waits until there is something to do, and a little longer for more of it. With the lock held. */
static void wait_for_work(struct log_writer *w)
{
    while (w->first == NULL && !w->wants_stop) {
        (void)pthread_cond_wait(&w->wake, &w->lock);
    }
    uint64_t until_us = clock_us() + GATHER_MS * 1000;
    w->is_gathering = true;
    while (w->queued_bytes < GATHERED_ENOUGH && !w->wants_stop) {
        if (!condition_wait_until(&w->wake, &w->lock, until_us)) {
            break;
        }
    }
    w->is_gathering = false;
}

static void *run(void *arg)
{
    struct log_writer *w = arg;
    bool is_last = false;

    while (!is_last) {
        (void)pthread_mutex_lock(&w->lock);
        wait_for_work(w);
        struct log_block *blocks = w->first;
        is_last = w->wants_stop;
        w->first = NULL;
        w->last = &w->first;
        (void)pthread_mutex_unlock(&w->lock);
        write_blocks(w, blocks);
    }
    if (w->stream != NULL) {
        log_stream_close(w->stream);
    }
    return NULL;
}

bool log_writer_start(struct log_writer *w, struct error *error)
{
    if (w->is_started) {
        return true; /* it was the configuration's before, too */
    }
    int number = thread_start(&w->thread, "access-log", run, w);
    if (number != 0) {
        return error_set_errno(error, number, "cannot start the access log's thread");
    }
    w->is_started = true;
    return true;
}

void log_writer_put(struct log_writer *w, char *lines, size_t len)
{
    if (w == NULL || len == 0) {
        free(lines);
        return;
    }
    struct log_block *block = xmalloc(sizeof(*block));
    *block = (struct log_block){NULL, lines, len, -1};
    (void)pthread_mutex_lock(&w->lock);
    bool is_full = w->queued_bytes > w->queue_max || len > w->queue_max - w->queued_bytes;
    bool wakes = false;
    if (is_full) {
        w->counts.dropped_blocks++;
        w->counts.lost_lines += count_lines(w, block->bytes, len);
    } else {
        /* The thread is woken by the first block, and by the one that makes it enough. */
        bool was_enough = w->queued_bytes >= GATHERED_ENOUGH;
        w->queued_bytes += len;
        bool is_enough = w->queued_bytes >= GATHERED_ENOUGH;
        wakes = w->is_gathering ? is_enough && !was_enough : w->first == NULL;
        *w->last = block;
        w->last = &block->next;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (wakes) {
        (void)pthread_cond_signal(&w->wake);
    }
    if (is_full) {
        free(block->bytes);
        free(block);
    }
}

static bool has_file(const struct log_writer *w)
{
    return w != NULL && w->path != NULL && !has_frames(w);
}

void log_writer_use(struct log_writer *w, int fd)
{
    if (!has_file(w)) {
        (void)close(fd);
        return;
    }
    if (!w->is_started) {
        go_on_with(w, fd);
        return;
    }
    struct log_block *block = xcalloc(1, sizeof(*block));
    block->fd = fd;
    (void)pthread_mutex_lock(&w->lock);
    *w->last = block;
    w->last = &block->next;
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_signal(&w->wake);
}

void log_writer_counts(struct log_writer *w, struct log_writer_counts *counts)
{
    (void)pthread_mutex_lock(&w->lock);
    *counts = w->counts;
    counts->waiting_bytes = w->queued_bytes;
    (void)pthread_mutex_unlock(&w->lock);
}

static void destroy(struct log_writer *w)
{
    struct log_block *next;

    for (struct log_block *block = w->first; block != NULL; block = next) {
        next = block->next;
        if (block->fd >= 0) {
            (void)close(block->fd);
        }
        free(block->bytes);
        free(block);
    }
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    if (w->socket != NULL) {
        log_socket_close(w->socket);
        free(w->socket);
    } else if (w->stream != NULL) {
        log_stream_destroy(w->stream);
    } else {
        (void)close(w->fd);
    }
    free(w->batch);
    free(w->path);
    free(w);
}

/* True when the thread has ended in time. A write that the kernel holds on to (a dead network disk)
 * cannot be taken back: the thread is then left to itself, with its memory. */
static bool join_thread(struct log_writer *w, unsigned limit_ms)
{
    if (thread_join_within(w->thread, limit_ms + 3 * POLL_SLICE_MS)) {
        return true;
    }
    (void)pthread_detach(w->thread);
    log_warn("the access log %s does not take what is left to write; giving up", name_of(w));
    return false;
}

/* With the lock held. */
static void want_stop(struct log_writer *w, unsigned limit_ms)
{
    if (!w->wants_stop) {
        w->wants_stop = true;
        w->stop_at_ms = clock_ms() + limit_ms;
    }
}

void log_writer_stop_soon(struct log_writer *w, unsigned limit_ms)
{
    if (w == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&w->lock);
    if (w->holders == 1) {
        want_stop(w, limit_ms);
    }
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_signal(&w->wake);
}

bool log_writer_stop(struct log_writer *w, unsigned limit_ms)
{
    if (w == NULL) {
        return true;
    }
    (void)pthread_mutex_lock(&w->lock);
    if (--w->holders != 0) {
        (void)pthread_mutex_unlock(&w->lock);
        return true;
    }
    uint64_t failed_before = w->counts.failed_blocks;
    want_stop(w, limit_ms);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_signal(&w->wake);
    if (w->is_started && !join_thread(w, limit_ms)) {
        return false;
    }
    bool is_all_written = w->first == NULL && w->counts.failed_blocks == failed_before;
    destroy(w);
    return is_all_written;
}
