/* The play as JSON, for programs. */
#ifndef TIDEGATE_CLI_EXPLAIN_JSON_H
#define TIDEGATE_CLI_EXPLAIN_JSON_H

#include "cli/explain.h"

void explain_print_json(const struct explain *ex, FILE *out);

#endif
