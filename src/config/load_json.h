/* A value of a configuration as JSON text: `json` of `respond`. */
#ifndef TIDEGATE_CONFIG_LOAD_JSON_H
#define TIDEGATE_CONFIG_LOAD_JSON_H

#include "base/arena.h"
#include "config/yaml.h"

/* What is in quotes is a text; what is not, and looks like a number, true, false or null, is that.
 * In the arena. */
const char *load_json(const struct yaml_node *node, struct arena *arena) MUST_CHECK;

#endif
