/* The play of `explain`: connects, shakes hands, asks, and where it is wanted does so once more to
 * resume the session. */
#ifndef TIDEGATE_CLI_EXPLAIN_PLAY_H
#define TIDEGATE_CLI_EXPLAIN_PLAY_H

#include "cli/explain.h"

/* Plays it all; false: it failed, see failure. */
bool explain_play(struct explain *ex);

#endif
