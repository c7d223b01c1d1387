/* Path normalisation: one reading of a request's path, shared by routes, files and the backend.
 *
 * A gateway that reads "/public/%2e%2e/admin" differently from the server behind it lets requests
 * through to what a route was meant to guard. So routes match the normalised form (RFC 3986 section
 * 6.2.2), and a path with dot segments is forwarded in its normalised form. What is left are bytes
 * that servers read in different ways ("%2F", ';', '\\', double encodings): a site that has rules
 * about paths refuses them (path_check_strict), or asks its rules about every reading there is
 * (edge/path_reading.h). No I/O; results are spans into the path given or into the arena, at most
 * three times as long. */
#ifndef TIDEGATE_EDGE_PATH_H
#define TIDEGATE_EDGE_PATH_H

#include "base/arena.h"
#include "base/span.h"

/* What is refused (status 400). The first ones are so everywhere, the others where
 * path_check_strict is asked. */
enum path_error {
    PATH_OK,
    PATH_BAD_START,     /* neither "/..." nor "*" nor empty */
    PATH_BAD_BYTE,      /* control, space, '?', '#', or above 0x7e */
    PATH_BAD_BACKSLASH, /* as such; no URL may have it, and browsers send '/' in its place */
    PATH_BAD_PERCENT,   /* '%' without two hex digits */
    PATH_BAD_NUL,       /* %00 */
    PATH_BAD_DOTS,      /* a dot segment only to some: "..%2F", "..%5C", "..;x" */
    PATH_BAD_UTF8,      /* a character in more bytes than it takes: "%C0%AF" for '/' */
    PATH_ENCODED_SLASH,
    PATH_ENCODED_BACKSLASH, /* a separator to some servers */
    PATH_PARAMETER, /* ';' or %3B, from which on some servers drop the rest of the segment */
    PATH_DOUBLE,    /* "%25" before two hex digits: another character where it is decoded twice */
    PATH_READINGS,  /* there are too many readings of so long a path: edge/path_reading.h */
    PATH_ERROR_COUNT
};

struct path {
    struct span raw; /* as received */
    /* For routes and files: each character in one spelling. Printable ones are decoded but for '/',
     * '\\', '?', '#', '%' and ';', which stay triplets where they came as such ("%2F" is never a
     * separator); all others are triplets with upper-case digits, also where they came without. Dot
     * segments are removed (RFC 3986 section 5.2.4; those above the root are dropped), runs of
     * slashes merged. */
    struct span match;
    /* For the backend: the path as received, byte for byte, but for two things. Bytes that RFC 3986
     * does not allow are percent-encoded. A path with dot segments loses them, and has its triplets
     * normalised (RFC 3986 section 6.2.2). Runs of slashes stay. An empty path becomes "/". */
    struct span forward;
    struct span bad;   /* what is wrong: a part of raw; absent where nothing is */
    bool is_rewritten; /* forward differs from the path received */
    bool is_ambiguous; /* holds something that path_check_strict refuses */
};

/* `raw` is the path without query. One that holds no '%', "//", "/." and other trouble is returned
 * as it is, without a copy. */
enum path_error path_normalise(struct span raw, struct arena *arena, struct path *path) MUST_CHECK;
/* For a path that was normalised: whether another server could read it as another path. */
enum path_error path_check_strict(struct path *path) MUST_CHECK;

/* "path_hidden_dots": stable, for logs and counters. */
const char *path_error_word(enum path_error error);
/* A sentence for the person who reads the log. */
const char *path_error_text(enum path_error error);
/* The same with the bytes that were found, escaped, and where: for log and client. */
const char *path_error_detail(enum path_error error, const struct path *path,
                              struct arena *arena) MUST_CHECK;
/* What to do about it; NULL: nothing here. */
const char *path_error_mend(enum path_error error);

/* The value of the two hex digits behind the '%' at s[at], or -1. */
int path_triplet(struct span s, size_t at);
/* Writes a character that came percent-encoded as `match` has it; returns what follows it. */
char *path_write_decoded(char *to, int value);
/* Whether there is a byte that UTF-8 never has, or a character in more bytes than it takes. */
bool path_has_bad_utf8(struct span text);
/* Removes dot segments, then merges slashes, of a path that begins with '/'. */
struct span path_remove_dots(struct span path, struct arena *arena) MUST_CHECK;
struct span path_merge_slashes(struct span path, struct arena *arena) MUST_CHECK;
/* With what a URL's path (or query) may not hold percent-encoded; what is encoded stays. */
struct span path_encode(struct span text, struct arena *arena) MUST_CHECK;

/* Only the spelling of characters as in `match`: for the patterns of routes. Malformed triplets
 * stay. */
struct span path_fold_percent(struct span pattern, struct arena *arena) MUST_CHECK;

/* From a match path to a file name relative to a root: all triplets decoded, without the first '/',
 * "." for the root itself. False (not found) when a decoded byte is '/' or a control, and for
 * hidden names: a segment that begins with a dot, but for a first one ".well-known" (RFC 8615). */
bool path_to_file(struct span match, struct arena *arena, const char **relative) MUST_CHECK;

#endif
