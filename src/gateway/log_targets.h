/* Where the access log of a configuration goes, and the lines of one thread on their way there.
 *
 * Each place has a writer with a thread and a bounded queue of its own (observe/log_writer.h), so a
 * slow one holds up nobody, and loses its own lines alone. Writers go on with the next
 * configuration that names the same place. */
#ifndef TIDEGATE_GATEWAY_LOG_TARGETS_H
#define TIDEGATE_GATEWAY_LOG_TARGETS_H

#include "base/strbuf.h"
#include "observe/access_forms.h"
#include "observe/log_place.h"
#include "observe/log_writer.h"
#include "settings/settings.h"

#define LOG_TARGETS_MAX 8
#define LOG_FORMS 3 /* lines, datagrams of syslog, datagrams of the journal */

struct log_targets {
    struct log_target {
        enum log_place_kind kind;
        struct log_writer *writer;
    } items[LOG_TARGETS_MAX];
    size_t count; /* 0: off */
    bool has_form[LOG_FORMS];
    char host[65];
};

/* Whether the settings have the file of `access` written, or standard output in its place. */
bool log_targets_have_file(const struct log_settings *settings);
/* Without making the file: whether it could be made. It may take more rights than the checker has,
 * so only what no right would mend is an error. */
bool log_targets_check_file(const char *path, struct error *error) MUST_CHECK;
/* present: those of the configuration before, or NULL. log_fd: the file, opened already; taken
 * over; -1: it is opened. False with an error: nothing is held. */
bool log_targets_open(struct log_targets *targets, const struct log_settings *settings,
                      const struct log_targets *present, int log_fd,
                      struct error *error) MUST_CHECK;
bool log_targets_start(const struct log_targets *targets, struct error *error) MUST_CHECK;
/* The file was opened anew. */
void log_targets_use(const struct log_targets *targets, int fd);
void log_targets_close(struct log_targets *targets);

/* Lines of one thread, until they are a block. Zero-initialise; log_lines_free. */
struct log_lines {
    struct strbuf forms[LOG_FORMS];
    struct access_clock clock;
};

/* Where the next line is to be written to; then log_lines_end with what that gave. */
struct strbuf *log_lines_begin(struct log_lines *lines, size_t *start);
/* record: what the line tells of, NULL where it is of no request and no connection. */
void log_lines_end(struct log_lines *lines, size_t start, const struct log_targets *targets,
                   const struct access_record *record, enum access_severity severity,
                   int64_t time_us);
/* Whether one of the blocks is large enough to be written. */
bool log_lines_are_many(const struct log_lines *lines);
void log_lines_flush(struct log_lines *lines, const struct log_targets *targets);
void log_lines_free(struct log_lines *lines);

#endif
