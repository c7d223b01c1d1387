/* Where the access logs of a configuration go, and the lines of one thread on their way there.
 *
 * Each place has a writer with a thread and a bounded queue of its own (observe/log_writer.h), so a
 * slow one holds up nobody, and loses its own lines alone. Writers go on with the next
 * configuration that names the same place; those that it does not name end with the last snapshot
 * that has them, whose requests have written their lines by then. */
#ifndef TIDEGATE_GATEWAY_LOG_TARGETS_H
#define TIDEGATE_GATEWAY_LOG_TARGETS_H

#include "base/strbuf.h"
#include "config/log_outlets.h"
#include "edge/template.h"
#include "observe/access_forms.h"
#include "observe/log_writer.h"

struct log_target {
    enum log_place_kind kind;
    struct log_writer *writer;
    struct tls_context *tls; /* of a collector by TLS; NULL: it is none */
    const char *server_name; /* that its certificate must have; NULL: as it is named */
    char host[LOG_HOST_SIZE];
};

struct log_targets {
    struct log_target *items; /* in the order of log_outlets_names */
    size_t count;             /* 0: there is no log */
    size_t queue;             /* bytes that may wait for each */
    char *name_servers;       /* for names of collectors; NULL: resolv.conf's */
    char host[65];
};

/* Descriptors that were opened already, of the places that have one (log_outlet_has_fd), in the
 * order of log_outlets_names. fds NULL: none. */
struct log_fds {
    int *fds;
    size_t count;
};

/* Without making the file: whether it could be made. It may take more rights than the checker has,
 * so only what no right would mend is an error. */
bool log_targets_check_file(const char *path, struct error *error) MUST_CHECK;
/* The same of a collector's authorities. */
bool log_targets_check_tls(const struct log_outlet_settings *outlet,
                           struct error *error) MUST_CHECK;
/* present: those of the configuration before, or NULL. given: taken over; what it has not is
 * opened. False with an error, and *at the place that it is about: nothing is held. */
bool log_targets_open(struct log_targets *targets, const struct settings *settings,
                      const struct log_targets *present, struct log_fds *given,
                      const struct log_outlet_settings **at, struct error *error) MUST_CHECK;
/* Closes those that nobody took. */
void log_fds_close(struct log_fds *fds);
/* The configuration counts from here on: writers that others have, too, go by its words. */
bool log_targets_start(const struct log_targets *targets, struct error *error) MUST_CHECK;
/* That file was opened anew. */
void log_targets_use(const struct log_targets *targets, const char *path, int fd);
void log_targets_close(struct log_targets *targets);

/* One of the places that a log's lines go to, and the form that they have there. */
struct log_outlet {
    size_t target; /* of the snapshot's */
    enum log_format format;
    const struct template *template; /* of LOG_FORMAT_TEMPLATE */
};

struct log_outlets {
    const struct log_outlet *items;
    size_t count; /* 0: off */
};

/* Of the settings' log; its templates were checked. */
struct log_outlets log_outlets_build(const struct log_rules_settings *log,
                                     const struct log_names *names, struct arena *arena) MUST_CHECK;

/* Lines of one thread, until they are blocks: one for each of the targets. Zero-initialise;
 * log_lines_free. */
struct log_lines {
    const struct log_targets *targets; /* NULL until the first line */
    struct strbuf *blocks;
};

/* Writes a line in the form of an outlet; nothing: it has none there. */
typedef void log_line_writer(void *arg, const struct log_outlet *outlet, struct strbuf *out);

struct log_line {
    log_line_writer *write;
    void *arg;
    const struct access_record *record; /* that it tells of; NULL: of no request or connection */
    enum access_severity severity;
    int64_t time_us;
    struct access_clock *clock;
};

/* True: a block is large enough to be written. */
bool log_lines_add(struct log_lines *lines, const struct log_targets *targets,
                   const struct log_outlets *outlets, const struct log_line *line);
void log_lines_flush(struct log_lines *lines);
/* What was not flushed is lost. */
void log_lines_free(struct log_lines *lines);

#endif
