/* Serving files: from a request to a status, fields, and the parts of an open file to send.
 *
 * Only GET and HEAD, only regular files, and lists of folders where the settings say so; types,
 * index files, files that were compressed beforehand, conditional requests and ranges (RFC 9110
 * sections 13 and 14). Another registered method is answered 405, and one that is not 501
 * (section 15.6.2). Opening and stat'ing block the worker: acceptable for local disks, which is
 * what this is for; the caller reads the body (pread or sendfile) by turns.
 *
 * Everything in the answer lives in the arena, which also closes the file when it is reset. */
#ifndef TIDEGATE_FILES_STATIC_FILES_H
#define TIDEGATE_FILES_STATIC_FILES_H

#include "files/file_answer.h"

/* A file that shrinks while it is sent is the caller's to notice (a short read): it must then close
 * the connection rather than send fewer bytes than announced. */
void static_files_open(const struct file_question *question, struct arena *arena,
                       struct file_answer *answer);

/* Closes the file for a while, and opens it again: false when it is not there any more, or not the
 * same. In between `fd` is -1. */
void static_files_park(struct file_answer *answer);
bool static_files_unpark(int root_fd, struct file_answer *answer) MUST_CHECK;

#endif
