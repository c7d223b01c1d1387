/* The request and the response of `explain` over HTTP/2: one stream of an nghttp2 session. */
#ifndef TIDEGATE_CLI_EXPLAIN_H2_H
#define TIDEGATE_CLI_EXPLAIN_H2_H

#include "cli/explain.h"

bool explain_request_h2(struct explain *ex);

#endif
