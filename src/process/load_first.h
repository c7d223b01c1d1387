/* The supervisor's first load of the configuration, before it binds a socket: it waits for the
 * loader and does nothing else meanwhile but to have keys read for it. */
#ifndef TIDEGATE_PROCESS_LOAD_FIRST_H
#define TIDEGATE_PROCESS_LOAD_FIRST_H

#include <stdbool.h>

#include "base/check.h"
#include "process/key_service.h"
#include "process/loaded.h"

/* color: of what is said on standard error. False: what is wrong was said there. */
bool load_first(const char *config_path, bool color, struct key_service *keys,
                struct loaded *loaded) MUST_CHECK;

#endif
