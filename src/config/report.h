/* The report of all that is wrong with a configuration, in the order of its places, for people and
 * for programs. Whoever looks at a part of it adds to the same one.
 *
 * Embedded by its user (config_report_init, config_report_free); it copies all it is given, the
 * file's text too, so it can be printed after the settings are gone. */
#ifndef TIDEGATE_CONFIG_REPORT_H
#define TIDEGATE_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "base/span.h"
#include "settings/settings.h"

/* Messages kept; more are counted only. */
#define CONFIG_MESSAGES_MAX 200

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

struct config_message {
    struct place place; /* line 0: about that file as a whole */
    enum config_severity severity;
    size_t order; /* of being reported; keeps messages of one place in order */
    char *text;
    char *hint; /* how to mend it; NULL: none */
};

struct config_source_text {
    char *name; /* as shown */
    struct span text;
};

struct config_report {
    struct config_source_text *sources; /* copies; place.file counts them */
    size_t source_count;
    struct config_message *messages;
    size_t count;
    size_t capacity;
    size_t errors; /* all that were added, those not kept too */
    size_t warnings;
    bool is_repeated; /* the last one was there already, and not added */
};

void config_report_init(struct config_report *report);
void config_report_free(struct config_report *report);
/* Forgets the sources; the loader calls it before it names its own. */
void config_report_start(struct config_report *report);
/* Adds a file that places belong to, and returns its number (place.file). */
unsigned config_report_source(struct config_report *report, const char *file_name,
                              struct span text);
/* The place of the byte at `offset` of a value that stands at `place`; `place` itself where the
 * file spells the value in another way (escapes, several lines, variables). */
struct place config_report_inside(const struct config_report *report, struct place place,
                                  struct span value, size_t offset) MUST_CHECK;
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
/* Sorted by file and place, each message as
 *     file:line:column: error: what is wrong
 *        12 |   certficate: shop.crt
 *           |   ^~~~~~~~~~
 *       = help: how to mend it
 * and a last line with the counts. Prints nothing when there is no message. Bytes of the file that
 * would disturb a terminal are shown as '?'. */
void config_report_print(const struct config_report *report, FILE *out, bool color);
/* {"file":...,"files":[...],"ok":bool,"errors":N,"warnings":N,"messages":[{"severity","file",
 * "line","column","text","hint"}]} and a line feed. */
void config_report_print_json(const struct config_report *report, FILE *out);

#endif
