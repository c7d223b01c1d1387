/* Shorthands and defaults that depend on other directives: what the rest of the gateway should not
 * have to know about. */
#ifndef TIDEGATE_CONFIG_FINISH_H
#define TIDEGATE_CONFIG_FINISH_H

#include "settings/settings.h"

void finish_settings(struct settings *settings);

#endif
