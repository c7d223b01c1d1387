/* Lists of what a client takes and how much it likes it: Accept-Encoding, Accept (RFC 9110 sections
 * 12.4.2, 12.5). Strict: what is not by the grammar is no element. No I/O. */
#ifndef TIDEGATE_HTTP_QUALITY_H
#define TIDEGATE_HTTP_QUALITY_H

#include <stdbool.h>

#include "base/span.h"

#define QUALITY_MAX 1000

struct quality_item {
    struct span name;       /* what stands before the first ';': "gzip", "text/html" */
    struct span parameters; /* between the name and the weight; empty: none */
    unsigned weight;        /* thousandths; QUALITY_MAX where none is given */
};

enum quality_result {
    QUALITY_ITEM,
    QUALITY_END,
    QUALITY_BAD /* the list is none: nothing of it is to be believed */
};

/* Takes the next element off *list (RFC 9110 section 5.6.1.2: empty ones are passed over). */
enum quality_result quality_next(struct span *list, struct quality_item *item) MUST_CHECK;

#endif
