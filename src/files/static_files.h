/* Serving files: from a request to a status, fields, and the parts of an open file to send.
 *
 * Only GET and HEAD, only regular files, no listings; types, index files, conditional requests and
 * ranges (RFC 9110 sections 13 and 14). Another registered method is answered 405, and one that is
 * not 501 (section 15.6.2). Opening and stat'ing block the worker: acceptable for local disks,
 * which is what this is for; the caller reads the body (pread or sendfile) by turns.
 *
 * Everything in the answer lives in the arena, which also closes the file when it is reset. */
#ifndef TIDEGATE_FILES_STATIC_FILES_H
#define TIDEGATE_FILES_STATIC_FILES_H

#include "edge/range.h"
#include "http/message.h"
#include "http/own_answer.h"

/* A run of body bytes: text first, then bytes of the file. */
struct file_part {
    struct span header; /* of a multipart/byteranges part; empty for the others */
    uint64_t offset;
    uint64_t length; /* may be 0: an empty file, or the closing delimiter of a multipart body */
};

struct file_identity;

struct file_answer {
    unsigned status;              /* 200, 206, 304, 308, 403, 404, 405, 412, 416, 500, 501, 503 */
    struct http_fields fields;    /* all but Content-Length, Date and Server; none with an error */
    struct refusal_facts refusal; /* with an error */
    bool has_file;           /* 200 and 206: the parts are the body. Otherwise the caller writes a
                                body of its own where the status has one. */
    uint64_t content_length; /* with has_file: of the whole body, on HEAD too */
    bool is_body_sent;       /* with has_file: false on HEAD, where parts are not to be sent */
    int fd;                  /* -1 without has_file */
    struct file_part parts[RANGE_MAX + 1];
    size_t part_count;
    struct file_identity *identity; /* with has_file: to open it again by */
    const char *detail; /* why, for the log, where there is no file to send; else NULL */
};

/* `path` is path.match of edge/path.h; root_fd an open folder, or -1 with errno where there is none
 * now; index a file name. A file that
 * shrinks while it is sent is the caller's to notice (a short read): it must then close the
 * connection rather than send fewer bytes than announced. */
void static_files_open(int root_fd, const char *index, const struct http_request *request,
                       struct span path, struct arena *arena, struct file_answer *answer);

/* Closes the file for a while, and opens it again: false when it is not there any more, or not the
 * same. In between `fd` is -1. */
void static_files_park(struct file_answer *answer);
bool static_files_unpark(int root_fd, struct file_answer *answer) MUST_CHECK;

#endif
