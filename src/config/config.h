/* Loading a configuration file: YAML text to a checked `struct settings`, and a report
 * (config/report.h) of all that is wrong with it.
 *
 * The only I/O is reading the file and those that it includes, through a config_source
 * (config/source.h); whether the certificates, keys and folders that it names are there and fit is
 * asked by the folders that use them, which add to the same report, so that a user sees one list in
 * one form.
 *
 * Settings are created by config_load_* and freed by settings_destroy. */
#ifndef TIDEGATE_CONFIG_CONFIG_H
#define TIDEGATE_CONFIG_CONFIG_H

#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "config/report.h"
#include "config/source.h"
#include "settings/settings.h"

/* The file to use: `given` (from -c), else ./tidegate.yaml, else /etc/tidegate/tidegate.yaml.
 * NULL, with the error filled, when none is given and neither exists. Not to be freed. */
const char *config_find_file(const char *given, struct error *error) MUST_CHECK;
/* Reads, parses and checks. NULL when the report has an error from it; warnings may come with
 * settings. Errors of reading the file are reported too, without a place. */
struct settings *config_load_file(const char *path, struct config_report *report) MUST_CHECK;
/* The same, but with what could be read of a file that has errors, which serves only for finding
 * more of them: what is wrong is missing or at its default. NULL when nothing could be read. */
struct settings *config_load_file_partly(const char *path, struct config_report *report) MUST_CHECK;
/* config_load_file from wherever the source reads; it is not used afterwards. */
struct settings *config_load_from(const struct config_source *source, const char *path,
                                  struct config_report *report) MUST_CHECK;
/* The same as config_load_file for text in memory, without any I/O: there is no other file and no
 * environment. `file_name` is what messages call it, and relative paths in the text are joined to
 * its folder. The text may be freed afterwards. */
struct settings *config_load_text(struct span text, const char *file_name,
                                  struct config_report *report) MUST_CHECK;
/* NULL is allowed. */
/* With nothing in them. */
struct settings *settings_create(const char *file_name) MUST_CHECK;
/* NULL is allowed. */
void settings_destroy(struct settings *settings);

#endif
