/* Loading a configuration file: YAML text to a checked `struct settings`, and the report of all
 * that is wrong with it.
 *
 * The only I/O is reading the one file itself; whether the certificates, keys and folders that it
 * names are there and fit is asked by the folders that use them, which add to the same report, so
 * that a user sees one list in one form.
 *
 * Ownership: a report is embedded by its user (config_report_init, config_report_free) and copies
 * all it is given, the file's text too, so it can be printed after the settings are gone. Settings
 * are created by config_load_* and freed by settings_destroy. */
#ifndef TIDEGATE_CONFIG_CONFIG_H
#define TIDEGATE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "settings/settings.h"

/* A larger file is refused: none that a person or a tool writes for us comes near. */
#define CONFIG_FILE_BYTES_MAX ((size_t)4 << 20)
/* Sections and lists may be nested this deep. The grammar itself needs 7. */
#define CONFIG_DEPTH_MAX 32
/* Messages kept; more are counted only. */
#define CONFIG_MESSAGES_MAX 200

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

struct config_message {
    struct place place; /* line 0: about the file as a whole */
    enum config_severity severity;
    size_t order; /* of being reported; keeps messages of one place in order */
    char *text;
    char *hint; /* how to mend it; NULL: none */
};

struct config_report {
    char *file_name;    /* as shown; NULL until a file is named */
    struct span source; /* the report's own copy of the file's text */
    struct config_message *messages;
    size_t count;
    size_t capacity;
    size_t errors; /* all that were added, those not kept too */
    size_t warnings;
};

void config_report_init(struct config_report *report);
void config_report_free(struct config_report *report);
/* Names the file that places belong to. Called by the loader. */
void config_report_source(struct config_report *report, const char *file_name, struct span text);
/* Adds a message: one sentence without a full stop, in lower case but for names, saying what is
 * wrong. */
void config_report_add(struct config_report *report, enum config_severity severity,
                       struct place place, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Says how to mend what the last config_report_add reported. */
void config_report_hint(struct config_report *report, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Whether more messages would only be counted, so that looking for a good hint is not worth it. */
bool config_report_is_full(const struct config_report *report);
/* Whether anything of severity CONFIG_ERROR was added. */
bool config_report_has_errors(const struct config_report *report);
/* Sorted by place, each message as
 *     file:line:column: error: what is wrong
 *        12 |   certficate: shop.crt
 *           |   ^~~~~~~~~~
 *       = help: how to mend it
 * and a last line with the counts. Prints nothing when there is no message. Bytes of the file that
 * would disturb a terminal are shown as '?'. */
void config_report_print(const struct config_report *report, FILE *out, bool color);
/* {"file":...,"ok":bool,"errors":N,"warnings":N,"messages":[{"severity","line","column","text",
 * "hint"}]} and a line feed. */
void config_report_print_json(const struct config_report *report, FILE *out);

/* The file to use: `given` (from -c), else ./tidegate.yaml, else /etc/tidegate/tidegate.yaml.
 * NULL, with the error filled, when none is given and neither exists. Not to be freed. */
const char *config_find_file(const char *given, struct error *error) MUST_CHECK;
/* Reads, parses and checks. NULL when the report has an error from it; warnings may come with
 * settings. Errors of reading the file are reported too, without a place. */
struct settings *config_load_file(const char *path, struct config_report *report) MUST_CHECK;
/* The same, but with what could be read of a file that has errors, which serves only for finding
 * more of them: what is wrong is missing or at its default. NULL when nothing could be read. */
struct settings *config_load_file_partly(const char *path, struct config_report *report) MUST_CHECK;
/* The same as config_load_file for text in memory; `file_name` is what messages call it, and
 * relative paths in the text are joined to its folder. The text may be freed afterwards. */
struct settings *config_load_text(struct span text, const char *file_name,
                                  struct config_report *report) MUST_CHECK;
/* Where the value of a member of the tree was written, such as &site->passthrough or &items[2] of a
 * list; line 0 when it is a default. For messages that point at more than a section's start. */
struct place config_place(const struct settings *settings, const void *member);
/* NULL is allowed. */
void settings_destroy(struct settings *settings);

#endif
