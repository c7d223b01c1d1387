/* What a claim's value is compared with: a text, as of fields (edge/condition.h), or a number with
 * ">=", ">", "<=" or "<" before it. Pure. */
#ifndef TIDEGATE_EDGE_CLAIM_MATCH_H
#define TIDEGATE_EDGE_CLAIM_MATCH_H

#include "edge/condition.h"

enum claim_order { CLAIM_TEXT, CLAIM_AT_LEAST, CLAIM_MORE, CLAIM_AT_MOST, CLAIM_LESS };

struct claim_match {
    enum claim_order order;
    double number;          /* where it is none of CLAIM_TEXT */
    struct text_match text; /* of CLAIM_TEXT */
};

/* The sign that the text begins with; *rest: what stands behind it. */
enum claim_order claim_order_of(struct span text, struct span *rest) MUST_CHECK;
/* A number of JSON. False: it is none. */
bool claim_number(struct span text, double *number) MUST_CHECK;
/* Of a text that has been checked. */
struct claim_match claim_match_make(struct span text, struct arena *arena);
/* `value` as it is written; numbers are compared where it is one. */
enum condition_result claim_match_check(const struct claim_match *match, struct span value,
                                        bool is_number, int64_t *steps) MUST_CHECK;

#endif
