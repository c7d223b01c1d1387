/* The table of failures, as Markdown: docs/failures.md is what this prints. */
#ifndef TIDEGATE_CLI_FAILURES_TABLE_H
#define TIDEGATE_CLI_FAILURES_TABLE_H

#include <stdio.h>

void failures_table_print(FILE *out);

#endif
