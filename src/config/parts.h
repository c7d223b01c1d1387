/* A configuration in parts: the file that was named and those that it includes, as one tree.
 *
 * `include` at the top of a file names others, by path or with wildcards in the file's name; each
 * is a file of the same form. Lists at the top (sites, backends, ...) go on from file to file: a
 * file's own come first, then those of the files it includes, in their order, by name where a
 * pattern took them. Sections at the top (limits, ...) may be spread over files. What else is said
 * twice is an error. */
#ifndef TIDEGATE_CONFIG_PARTS_H
#define TIDEGATE_CONFIG_PARTS_H

#include "config/report.h"
#include "config/source.h"
#include "config/yaml.h"
#include "settings/settings.h"

/* An included file that includes a file that ... : deeper is taken for a mistake. */
#define INCLUDE_DEPTH_MAX 8
/* Files, and bytes of all of them. */
#define INCLUDE_FILES_MAX 16384
#define INCLUDE_BYTES_MAX ((size_t)64 << 20)

/* Reads settings->file and what it includes, and fills settings->origin. NULL when there is no tree
 * at all, which was reported; an included file that cannot be read is reported and left out. The
 * nodes live in the arena. */
struct yaml_node *parts_read(struct settings *settings, const struct config_source *source,
                             struct arena *arena, struct config_report *report) MUST_CHECK;

#endif
