/* The play as a sequence diagram, for people: two columns, the client on the left and the server on
 * the right. */
#ifndef TIDEGATE_CLI_EXPLAIN_DRAW_H
#define TIDEGATE_CLI_EXPLAIN_DRAW_H

#include "cli/explain.h"

void explain_draw(const struct explain *ex, FILE *out, bool color);

#endif
