/* `${NAME}` and `${NAME:-default}` in values: text of the environment, put in after the file was
 * parsed, so that it is always part of one text and never YAML of its own. `$${` stands for `${`.
 * Keys are taken as they are. */
#ifndef TIDEGATE_CONFIG_VARIABLES_H
#define TIDEGATE_CONFIG_VARIABLES_H

#include "config/report.h"
#include "config/source.h"
#include "config/yaml.h"
#include "settings/settings.h"

struct variables {
    const struct config_source *source;
    struct settings *settings; /* whose origin gets the variables that are referred to */
    struct arena *arena;       /* of the nodes */
    struct config_report *report;
    size_t capacity; /* of settings->origin.variables */
};

/* Replaces the references in the file's tree. A value with one that cannot be replaced is reported
 * and becomes YAML_WRONG. */
void variables_expand(struct variables *variables, struct yaml_node *root);

#endif
