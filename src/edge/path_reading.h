/* The ways in which servers read one path.
 *
 * Some take "%2F", '\\' or "%5C" for a '/', some drop what stands behind a ';' of a segment (before
 * or after they decode), some decode twice or more often, and some merge slashes before they look
 * for dot segments. A site that lets such paths through (`paths: as_sent`) asks its rules about
 * each combination, so that no server behind it sees a path that the rules have not seen. No I/O.
 */
#ifndef TIDEGATE_EDGE_PATH_READING_H
#define TIDEGATE_EDGE_PATH_READING_H

#include "edge/path.h"

/* How often a path may have been encoded more than once; more is refused. */
enum { PATH_DECODINGS_MAX = 3 };

/* Which reading comes next; the first is path.match. At most 128, and 256 KiB together. */
struct path_readings {
    struct span levels[PATH_DECODINGS_MAX + 1]; /* decoded once, twice, ... */
    unsigned choices[PATH_DECODINGS_MAX + 1];   /* that matter there */
    unsigned level_count;
    unsigned next;
    struct span match;
    struct arena scratch; /* of the reading that was given last */
};

/* For a path that was normalised and is ambiguous. PATH_DOUBLE: it is encoded too often;
 * PATH_READINGS: it is too long for all that is in it; PATH_BAD_NUL, PATH_BAD_UTF8: such a byte
 * comes to light in it. Either way path_readings_end comes at the end. */
enum path_error path_readings_begin(struct path_readings *readings, const struct path *path,
                                    struct arena *arena) MUST_CHECK;
/* False when there is no further one. The same path may come more than once; it is good until the
 * next call. */
bool path_readings_next(struct path_readings *readings, struct span *reading) MUST_CHECK;
void path_readings_end(struct path_readings *readings);

#endif
