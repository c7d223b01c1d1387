/* Conditional requests (RFC 9110 section 13): may the request proceed, given the validators of what
 * it would be answered with? No I/O. */
#ifndef TIDEGATE_EDGE_CONDITIONAL_H
#define TIDEGATE_EDGE_CONDITIONAL_H

#include <time.h>

#include "http/message.h"

struct validators {
    struct span etag;     /* "\"abc\"" or "W/\"abc\"", quotes included; ptr NULL: none */
    time_t last_modified; /* seconds since 1970; 0: unknown */
    bool is_date_strong;  /* changed long enough ago to stand for one version (section 8.8.2.2) */
};

enum conditional_result {
    CONDITIONAL_PROCEED,
    CONDITIONAL_NOT_MODIFIED,       /* 304 */
    CONDITIONAL_PRECONDITION_FAILED /* 412 */
};

/* If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since in the order of section 13.2.2.
 * `current` describes a representation that exists. */
enum conditional_result conditional_evaluate(const struct http_request *request,
                                             const struct validators *current) MUST_CHECK;

/* Whether a Range field counts: there is no If-Range, or it names exactly the current version
 * (section 13.1.5: strong comparison). */
bool conditional_range_applies(const struct http_request *request,
                               const struct validators *current) MUST_CHECK;

#endif
