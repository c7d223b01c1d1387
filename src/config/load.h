/* From the YAML tree to the settings tree, driven by the directive tables alone; then the parts
 * that no table can say: references to backends, shorthands, and defaults that depend on others.
 *
 * Used by config_load_text. All errors go to the report; what is wrong is left out of the tree, so
 * that the rest can still be checked. */
#ifndef TIDEGATE_CONFIG_LOAD_H
#define TIDEGATE_CONFIG_LOAD_H

#include "config/config.h"
#include "config/directives.h"
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
    const char *folder; /* of the file; "": the working directory */
    struct backend_reference *references;
    size_t reference_count;
    size_t reference_capacity;
};

/* The whole file. `report`, `settings` (empty, with its arena and places) and `folder` are set. */
void load_file(struct loader *loader, struct yaml_node *root);

/* Values that the file does not give. */
void load_defaults(struct loader *loader, const struct section *section, void *object);
/* `node` is a YAML_MAPPING. */
void load_section(struct loader *loader, const struct section *section, struct yaml_node *node,
                  void *object);
/* One value into its member of `object`. False when it was wrong. */
bool load_value(struct loader *loader, const struct directive *directive, struct yaml_node *node,
                void *object);

/* Points every reference at a backend, with those written in place behind the named ones. */
void resolve_backends(struct loader *loader);
/* Shorthands and defaults that depend on other directives. */
void finish_settings(struct settings *settings);
/* What is wrong between directives that are each right. */
void check_settings(const struct settings *settings, struct config_report *report);

#endif
