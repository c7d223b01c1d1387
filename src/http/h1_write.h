/* Writes HTTP/1.1 heads from the parsed form. The caller supplies the memory; overflow is sticky
 * and told at the end, so that the calls need no check each. Names and values come from the strict
 * parser or from our own tables; a CR, LF or NUL in one is our own mistake (CHECK), so what an
 * operator or an HTTP/2 peer wrote must have been checked before it comes here. h1_write_fields
 * takes its fields as the parser left them and does not look again. */
#ifndef TIDEGATE_HTTP_H1_WRITE_H
#define TIDEGATE_HTTP_H1_WRITE_H

#include "http/message.h"

struct h1_writer {
    char *start;
    char *at;
    char *end;
    bool is_full;
};

static inline void h1_writer_init(struct h1_writer *w, char *memory, size_t size)
{
    *w = (struct h1_writer){memory, memory, memory + size, false};
}

static inline struct span h1_writer_span(const struct h1_writer *w)
{
    return span_make(w->start, (size_t)(w->at - w->start));
}

static inline void h1_write_bytes(struct h1_writer *w, struct span s)
{
    if (UNLIKELY(w->is_full || (size_t)(w->end - w->at) < s.len)) {
        w->is_full = true;
        return;
    }
    if (s.len != 0) {
        memcpy(w->at, s.ptr, s.len);
        w->at += s.len;
    }
}

void h1_write_u64(struct h1_writer *w, uint64_t n);
/* "METHOD target HTTP/1.1\r\n" */
void h1_write_request_line(struct h1_writer *w, struct span method, struct span target);
/* "HTTP/1.1 200 OK\r\n"; an empty reason gets the registered one. */
void h1_write_status_line(struct h1_writer *w, unsigned status, struct span reason);
/* "name: value\r\n" */
void h1_write_field(struct h1_writer *w, struct span name, struct span value);
void h1_write_field_u64(struct h1_writer *w, struct span name, uint64_t value);
/* Each field that is not hop-by-hop and whose id's bit is not set in `skip_ids`, in order. The bit
 * of FIELD_OTHER means nothing there. */
void h1_write_fields(struct h1_writer *w, const struct http_fields *fields, uint64_t skip_ids);
/* The bytes that h1_write_fields writes at most. */
size_t h1_fields_size(const struct http_fields *fields);
/* "\r\n" */
void h1_write_end(struct h1_writer *w);
/* "1f40\r\n": the line in front of a chunk of n bytes, n > 0. At most H1_CHUNK_LINE_MAX bytes. */
#define H1_CHUNK_LINE_MAX 18
size_t h1_chunk_line(char line[H1_CHUNK_LINE_MAX], uint64_t n);

#endif
