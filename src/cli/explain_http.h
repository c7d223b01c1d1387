/* The request and the response of `explain` over HTTP/1.1. */
#ifndef TIDEGATE_CLI_EXPLAIN_HTTP_H
#define TIDEGATE_CLI_EXPLAIN_HTTP_H

#include "cli/explain.h"

bool explain_request_h1(struct explain *ex);

#endif
