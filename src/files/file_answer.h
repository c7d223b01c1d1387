/* What is asked of files, and what is answered (files/static_files.h). Everything in an answer
 * lives in the request's arena. */
#ifndef TIDEGATE_FILES_FILE_ANSWER_H
#define TIDEGATE_FILES_FILE_ANSWER_H

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
struct files_settings;

struct file_question {
    int root_fd; /* an open folder, or -1 with errno where there is none now */
    const struct files_settings *settings;
    const struct http_request *request;
    struct span path;  /* what is looked for: path.match of edge/path.h */
    struct span asked; /* the same as the client knows it, where a folder is to get its '/' */
};

struct file_answer {
    unsigned status;              /* 200, 206, 304, 308, 403, 404, 405, 412, 416, 500, 501, 503 */
    struct http_fields fields;    /* all but Content-Length, Date and Server; none with an error */
    struct refusal_facts refusal; /* with an error */
    bool has_file;           /* 200 and 206: the parts are the body. Otherwise the caller writes a
                                body of its own where the status has one. */
    struct span text;        /* without has_file: a body that is made here; empty: none */
    uint64_t content_length; /* with has_file: of the whole body, on HEAD too */
    bool is_body_sent;       /* with has_file: false on HEAD, where parts are not to be sent */
    int fd;                  /* -1 without has_file */
    struct file_part parts[RANGE_MAX + 1];
    size_t part_count;
    struct file_identity *identity; /* with has_file: to open it again by */
    const char *detail; /* why, for the log, where there is no file to send; else NULL */
};

#endif
