/* One place that the access log is written to (a file, standard output, a socket of syslog or the
 * journal), and the thread that writes it, so that no worker ever waits for a disk or a collector.
 *
 * Opened by the process that has the rights (before privileges are dropped, before fork), started
 * in the process that logs. What waits to be written is bounded: beyond so many bytes new blocks
 * are dropped, counted and told about once a second. So are write errors (disk full, a reader
 * gone): they stop nothing. */
#ifndef TIDEGATE_OBSERVE_LOG_WRITER_H
#define TIDEGATE_OBSERVE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"

struct log_writer;

struct log_writer_counts {
    uint64_t written_bytes;
    uint64_t dropped_blocks; /* the queue was full */
    uint64_t failed_blocks;  /* the write failed, wholly or in part; of datagrams each by itself */
    uint64_t lost_lines;     /* in either way; of a write that failed in part, all of it */
    uint64_t waiting_bytes;
    uint64_t connections; /* of a stream: how often it was made */
};

/* "-" is standard output; otherwise the file is made (mode 0640) or appended to: a descriptor, or
 * -1 with *error filled. For processes that have the rights. */
int log_writer_open_file(const char *path, struct error *error) MUST_CHECK;
/* For those that log: a writer that owns it. queue: bytes that may wait. Freed by log_writer_stop.
 */
struct log_writer *log_writer_create(const char *path, int fd, size_t queue) MUST_CHECK;
/* For datagrams: what is put is frames then (log_writer_add_frame), not lines. `name`: as the
 * configuration has it. Nothing is opened before the first is sent; who is not there is looked for
 * again with each batch. */
struct log_place;
struct log_writer *log_writer_create_datagrams(const char *name, const struct log_place *place,
                                               size_t queue) MUST_CHECK;
/* The same for a stream, which is taken over: what has to wait for it waits, until the queue is
 * full. */
struct log_stream;
struct log_writer *log_writer_create_stream(const char *name, struct log_stream *stream,
                                            size_t queue) MUST_CHECK;
/* NULL: it has none. */
struct log_stream *log_writer_stream(const struct log_writer *writer);
/* Another bound for what waits, in bytes. From any thread. */
void log_writer_set_queue(struct log_writer *writer, size_t queue);
/* One more holder, who stops it too: it ends with the last. NULL is allowed. */
struct log_writer *log_writer_hold(struct log_writer *writer);
/* Whether it is the writer of that path or name. */
bool log_writer_is_of(const struct log_writer *writer, const char *path) MUST_CHECK;

/* Starts the thread, in the process that will log, unless it runs. Blocks put before are kept. */
bool log_writer_start(struct log_writer *writer, struct error *error) MUST_CHECK;

/* A frame is a datagram behind its length. `start`: where in `out` the datagram will begin; end it
 * once it is there. */
struct strbuf;
size_t log_writer_begin_frame(struct strbuf *out) MUST_CHECK;
void log_writer_end_frame(struct strbuf *out, size_t start);

/* Takes `lines` (whole lines, from malloc), frees it when done. From any thread; never blocks but
 * for a short lock. With writer NULL (log off) it only frees. */
void log_writer_put(struct log_writer *writer, char *lines, size_t len);

/* Log rotation, after the file was renamed and opened anew: the writer goes on with the descriptor,
 * soon, behind what was put before, and owns it. A writer of standard output, or NULL, has no file:
 * the descriptor is closed then. For any thread, and for a writer that is not started, too. */
void log_writer_use(struct log_writer *writer, int fd);

/* From any thread. */
void log_writer_counts(struct log_writer *writer, struct log_writer_counts *counts);
/* Where it writes, for people. */
const char *log_writer_name(const struct log_writer *writer);

/* The holder is about to stop it: if it is the last, the writer has limit_ms from now, and not from
 * log_writer_stop on. So those of several writers are the same. NULL is allowed. */
void log_writer_stop_soon(struct log_writer *writer, unsigned limit_ms);
/* Writes what waits, for at most limit_ms, stops the thread and frees the writer. False when
 * something was left unwritten. No other thread may use the writer any more. NULL is allowed. */
bool log_writer_stop(struct log_writer *writer, unsigned limit_ms);

#endif
