/* The ways in which servers read one path.
 *
 * Some take "%2F", '\\' or "%5C" for a '/', some drop what stands behind a ';' of a segment (before
 * or after they decode), some decode twice or more often, some merge slashes before they look for
 * dot segments, and each does some of it again after each time of decoding. A site that lets such
 * paths through (`paths: as_sent`) asks its rules about what any order of these steps makes of the
 * path, so that no server behind it sees one that the rules have not seen. No I/O.
 */
#ifndef TIDEGATE_EDGE_PATH_READING_H
#define TIDEGATE_EDGE_PATH_READING_H

#include "edge/path.h"

/* How often a path may have been encoded more than once; more is refused. */
enum { PATH_DECODINGS_MAX = 3 };

/* Of one request; more is refused. Honest paths have two or four. */
enum { PATH_READINGS_MAX = 256 };

struct path_set {
    struct span items[PATH_READINGS_MAX]; /* each once */
    size_t count;
};

/* The first reading is path.match. Together, with what they are made of, at most 256 KiB. */
struct path_readings {
    struct path_set *set;
    size_t next;
    struct arena arena; /* of all of them */
};

/* For a path that was normalised and is ambiguous. PATH_DOUBLE: it is encoded too often;
 * PATH_READINGS: it has too many readings, or is too long for them; PATH_BAD_NUL, PATH_BAD_UTF8:
 * such a byte comes to light in it. Either way path_readings_end comes at the end. */
enum path_error path_readings_begin(struct path_readings *readings,
                                    const struct path *path) MUST_CHECK;
/* False when there is no further one. Each is good until path_readings_end. */
bool path_readings_next(struct path_readings *readings, struct span *reading) MUST_CHECK;
void path_readings_end(struct path_readings *readings);

#endif
