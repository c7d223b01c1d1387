/* What is said of a file besides its bytes, by its name: its media type and how long it may be
 * kept; and which coded form of it a client gets (precompressed files). No I/O. */
#ifndef TIDEGATE_EDGE_FILE_RULES_H
#define TIDEGATE_EDGE_FILE_RULES_H

#include "http/accept_encoding.h"
#include "settings/settings.h"

/* Names below the root, without a '/' in front: "sub/a.html". */

/* `types` of the settings, else the table of edge/mime.h with `charset` of the settings. May live
 * in the arena. */
struct span file_type(const struct files_settings *settings, struct span name,
                      struct arena *arena) MUST_CHECK;
/* The value of Cache-Control; ptr NULL: none. The first pattern that fits counts. */
struct span file_cache_control(const struct files_settings *settings, struct span name) MUST_CHECK;

/* Whether a name fits a pattern: bytes as they are; '*' for any run of bytes; "{hash}" for a run of
 * 8 or more of A-Z a-z 0-9 '_' '-' with a digit in it. A pattern that begins with '/' is for the
 * whole name, any other for the last part of it. */
bool file_pattern_fits(struct span pattern, struct span name) MUST_CHECK;
/* Whether it could be one: no control, no other braces. */
bool file_pattern_is_fine(struct span pattern) MUST_CHECK;

/* What stands behind a file's name in that coding: ".br"; empty for IDENTITY. */
struct span file_suffix(enum coding coding);
/* Codings in the order in which files beside others are looked for, the best one first. */
#define FILE_CODING_COUNT 3
extern const enum coding file_codings[FILE_CODING_COUNT];

#endif
