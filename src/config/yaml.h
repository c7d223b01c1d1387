/* YAML text as a small tree of our own: what the loader walks, and the only place that knows
 * libfyaml.
 *
 * The tree is the plain part of YAML that configurations need: mappings with text keys, lists,
 * text. Anchors, aliases, tags and several documents are refused, so the tree is never larger than
 * the text. Text keeps no type: "8080" and 8080 are the same to a directive that wants a number.
 *
 * Nodes and their text live in the arena given. */
#ifndef TIDEGATE_CONFIG_YAML_H
#define TIDEGATE_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"
#include "config/report.h"
#include "settings/settings.h"

/* Sections and lists may be nested this deep. The grammar itself needs 7. */
#define YAML_DEPTH_MAX 32

enum yaml_kind {
    YAML_NOTHING,
    YAML_TEXT,
    YAML_LIST,
    YAML_MAPPING,
    YAML_WRONG /* a value that could not be made out, which was reported (config/variables.h) */
};

struct yaml_node {
    enum yaml_kind kind;
    struct place place;
    struct span text;        /* YAML_TEXT, may hold NULs; NUL-terminated besides */
    bool is_quoted;          /* YAML_TEXT that was written in quotes or as a block */
    struct yaml_node *key;   /* of an entry of a mapping: its key, which is YAML_TEXT */
    struct yaml_node *first; /* YAML_LIST: its items; YAML_MAPPING: the values */
    struct yaml_node *next;
    size_t count; /* items or entries */
};

/* NULL when it is no YAML of the kind above: the report says where and why. Text without any
 * content is a YAML_NOTHING. `file` goes into all places. */
struct yaml_node *yaml_parse(struct span text, unsigned file, struct arena *arena,
                             struct config_report *report) MUST_CHECK;

#endif
