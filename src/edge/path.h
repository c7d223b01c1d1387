/* Path normalisation: one reading of a request's path, shared by routes, files and the backend.
 *
 * A gateway that reads "/public/%2e%2e/admin" differently from the server behind it lets requests
 * through to what a route was meant to guard. So routes match the normalised form (RFC 3986 section
 * 6.2.2), a path with dot segments is forwarded in its normalised form, and what some servers would
 * take for a separator or a dot segment, and others would not, is refused. No I/O; results are
 * spans into the path given or into the arena, never longer than the path given. */
#ifndef TIDEGATE_EDGE_PATH_H
#define TIDEGATE_EDGE_PATH_H

#include "base/arena.h"
#include "base/span.h"

/* What is refused (status 400). */
enum path_error {
    PATH_OK,
    PATH_BAD_START,     /* neither "/..." nor "*" nor empty */
    PATH_BAD_BYTE,      /* control, space, '?', '#', or above 0x7e */
    PATH_BAD_PERCENT,   /* '%' without two hex digits */
    PATH_BAD_NUL,       /* %00 */
    PATH_BAD_BACKSLASH, /* as such or as %5C: a separator to some servers */
    PATH_BAD_DOTS,      /* a dot segment only to some: "..%2F", "..;x" */
    PATH_ERROR_COUNT
};

struct path {
    /* For routes and files: unreserved characters decoded, other triplets with upper-case digits
     * ("%2F" stays, and is never a separator), dot segments removed (RFC 3986 section 5.2.4; those
     * above the root are dropped), runs of slashes merged. */
    struct span match;
    /* For the backend: the path as received, byte for byte, unless it had dot segments: then
     * normalised as above, but with its runs of slashes. An empty path becomes "/". */
    struct span forward;
    bool is_rewritten; /* forward differs from the path received */
};

/* `raw` is the path without query. One that holds no '%', "//", "/." and ";" trouble is returned as
 * it is, without a copy. */
enum path_error path_normalise(struct span raw, struct arena *arena, struct path *path) MUST_CHECK;

/* "path_hidden_dots": stable, for logs and counters. */
const char *path_error_word(enum path_error error);
/* A sentence for the person who reads the log. */
const char *path_error_text(enum path_error error);

/* Only the percent triplets of `match`'s form: for the patterns of routes. Malformed ones stay. */
struct span path_fold_percent(struct span pattern, struct arena *arena) MUST_CHECK;

/* From a match path to a file name relative to a root: all triplets decoded, without the first '/',
 * "." for the root itself. False (not found) when a decoded byte is '/' or a control, and for
 * hidden names: a segment that begins with a dot, but for a first one ".well-known" (RFC 8615). */
bool path_to_file(struct span match, struct arena *arena, const char **relative) MUST_CHECK;

#endif
