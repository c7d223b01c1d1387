/* The Range field of byte ranges (RFC 9110 section 14.1.2), bounded. No I/O. */
#ifndef TIDEGATE_EDGE_RANGE_H
#define TIDEGATE_EDGE_RANGE_H

#include "base/span.h"

#define RANGE_MAX 16

struct byte_range {
    uint64_t first;
    uint64_t length; /* at least 1 */
};

enum range_result {
    RANGE_WHOLE,        /* not to be honoured: malformed, another unit, more than RANGE_MAX ranges,
                           or ranges that overlap (section 14.2 allows to ignore those): 200 */
    RANGE_PARTIAL,      /* 206 */
    RANGE_UNSATISFIABLE /* 416 */
};

/* `size` is that of the whole. PARTIAL: *count ranges (1 to RANGE_MAX) in the order asked for, cut
 * to the size, the unsatisfiable ones among them left out. */
enum range_result range_parse(struct span value, uint64_t size, struct byte_range ranges[RANGE_MAX],
                              size_t *count) MUST_CHECK;

#endif
