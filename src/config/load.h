/* From the YAML tree to the settings tree, driven by the directive tables alone. What no table can
 * say comes after: config/resolve.h, config/finish.h, config/check.h.
 *
 * All errors go to the report; what is wrong is left out of the tree, so
 * that the rest can still be checked. */
#ifndef TIDEGATE_CONFIG_LOAD_H
#define TIDEGATE_CONFIG_LOAD_H

#include "config/directives.h"
#include "config/report.h"
#include "config/yaml.h"
#include "settings/settings.h"

/* Somebody wants a backend: by name, or written in place. */
struct backend_reference {
    struct backend_settings **slot;
    struct yaml_node *node;
};

struct loader {
    struct settings *settings;
    struct config_report *report;
    const char *const *folders;       /* of each file, by place.file; "": the working directory */
    const char *folder;               /* of the file that the value being loaded is in */
    const struct yaml_node *defaults; /* of the file, for its sites; NULL: none */
    struct backend_reference *references;
    size_t reference_count;
    size_t reference_capacity;
};

/* The whole configuration. `report`, `settings` (with its arena, places and origin, empty besides)
 * and `folders` are set. */
void load_file(struct loader *loader, struct yaml_node *root);

/* Values that the file does not give. */
void load_defaults(struct loader *loader, const struct section *section, void *object);
/* `node` is a YAML_MAPPING. */
void load_section(struct loader *loader, const struct section *section, struct yaml_node *node,
                  void *object);
/* One value into its member of `object`. False when it was wrong. */
bool load_value(struct loader *loader, const struct directive *directive, struct yaml_node *node,
                void *object);

#endif
