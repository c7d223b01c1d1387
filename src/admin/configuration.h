/* The configuration that runs, as JSON: the text of each of its files, the names in the folders of
 * its patterns, the variables of the environment, and the folder that relative paths are seen from.
 * What config/source.h needs to read it once more. */
#ifndef TIDEGATE_ADMIN_CONFIGURATION_H
#define TIDEGATE_ADMIN_CONFIGURATION_H

#include "base/strbuf.h"
#include "settings/settings.h"

void configuration_print(const struct settings *settings, struct strbuf *out);

#endif
