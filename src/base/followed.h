/* A file that is followed: parsed into an object, and parsed anew when it changes.
 *
 * Users of passwords, keys of an interface, sets of addresses: what is wrong with a newer version
 * is told, and the last good one is used on. The object is immutable and counted, so whoever has
 * got it reads it without a lock for as long as it likes; getting it takes one for a moment.
 *
 * The file is read by file_opener, so while a configuration is loaded it comes from the bundle. */
#ifndef TIDEGATE_BASE_FOLLOWED_H
#define TIDEGATE_BASE_FOLLOWED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

struct followed;
struct followed_object;

struct followed_type {
    const char *what; /* for messages: "a file of passwords" */
    /* Of a file with a secret, by whatever names it: where it cannot be had this is told in place
     * of the path, as that may be the secret itself, written where its file is wanted. NULL: the
     * path is told. */
    const char *unnamed;
    size_t max_bytes; /* a larger file is refused */
    /* NULL with an error, which names the line where there is one. */
    void *(*parse)(struct span bytes, struct error *error);
    void (*destroy)(void *object);
};

/* Reads it at once. NULL with an error: it cannot be read or parsed. `path` is copied. */
struct followed *followed_open(const char *path, const struct followed_type *type,
                               struct error *error) MUST_CHECK;
/* NULL is allowed. Objects that somebody has go with their last user. */
void followed_close(struct followed *followed);
const char *followed_path(const struct followed *followed);

enum followed_look { FOLLOWED_SAME, FOLLOWED_CHANGED, FOLLOWED_WRONG };
/* One thread at a time: whether the file has another version, which is taken up, or is told to be
 * wrong: once for each version. A change that is younger than 0.3 s is waited for, for as long, and
 * if it goes on left to the next look: it may be half of a file. */
enum followed_look followed_look(struct followed *followed, struct error *error);
/* The same, with what came of it in the log. Whether it has changed. */
bool followed_refresh(struct followed *followed);

/* From any thread. */
struct followed_object *followed_get(struct followed *followed) MUST_CHECK;
const void *followed_read(const struct followed_object *object);
void followed_put(struct followed_object *object);

#endif
