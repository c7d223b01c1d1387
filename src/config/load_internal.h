/* What the loader's files share: values that are texts, and messages about any value. */
#ifndef TIDEGATE_CONFIG_LOAD_INTERNAL_H
#define TIDEGATE_CONFIG_LOAD_INTERNAL_H

#include "config/complaint.h"
#include "config/load.h"

/* The tables are small; CHECKed where it matters. */
#define SECTION_DIRECTIVES_MAX 64

/* "/etc/tidegate" of "/etc/tidegate/tidegate.yaml", "" of "tidegate.yaml". */
const char *load_folder_of(struct arena *arena, const char *file_name);
/* A directive is at `place` once more, though one at `first` has said it. */
void load_report_twice(struct config_report *report, const struct settings *settings,
                       const struct directive *directive, const struct section *section,
                       struct place place, struct place first);
/* The top of a file is no section of keys and values. */
void load_report_not_section(struct config_report *report, const struct yaml_node *root);

/* `value` is what the complaint is about, and stands at `place`. */
void load_complain(struct loader *loader, struct place place, struct span value,
                   const struct complaint *complaint);
/* Reports that the value is of another kind than the directive needs. Returns false. */
bool load_wrong_kind(struct loader *loader, const struct directive *directive,
                     const struct yaml_node *node);
/* Whether a list has as many entries as it may; reported when not. */
bool load_count_is_fine(struct loader *loader, const struct directive *directive,
                        const struct yaml_node *node, size_t count);

/* A value that is one text, into its member at `slot`. */
bool load_text(struct loader *loader, const struct directive *directive, struct span text,
               void *slot, struct complaint *complaint);
/* A list of texts, or one text that stands for a list of one. */
bool load_texts(struct loader *loader, const struct directive *directive, struct yaml_node *node,
                void *slot);
/* The directive's default, which is a list of texts with a space between. */
void load_default_texts(struct loader *loader, const struct directive *directive, void *slot);

#endif
