/* The configuration, for commands that only look something up in it. */
#ifndef TIDEGATE_CLI_LOAD_SETTINGS_H
#define TIDEGATE_CLI_LOAD_SETTINGS_H

#include "settings/settings.h"

/* given NULL: the file that is found in the usual places. The caller destroys it. NULL: what is
 * wrong was reported on standard error. */
struct settings *load_settings(const char *given);

#endif
