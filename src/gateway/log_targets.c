#include "gateway/log_targets.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_BLOCK_BYTES ((size_t)32 << 10)

enum form { FORM_LINES, FORM_SYSLOG, FORM_JOURNAL };

static enum form form_of(enum log_place_kind kind)
{
    return kind == LOG_PLACE_SYSLOG    ? FORM_SYSLOG
           : kind == LOG_PLACE_JOURNAL ? FORM_JOURNAL
                                       : FORM_LINES;
}

/* ---- opening ---- */

bool log_targets_have_file(const struct log_settings *settings)
{
    if (strcmp(settings->access, "off") == 0) {
        return false;
    }
    for (size_t i = 0; i < settings->to.count; i++) {
        if (strcmp(settings->to.items[i], "file") == 0) {
            return true;
        }
    }
    return settings->to.count == 0;
}

bool log_targets_check_file(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return error_set_errno(error, EISDIR, "cannot open the access log %s", path);
    }
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(folder)) {
        return true;
    }
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    if (stat(folder, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return error_set_errno(error, errno, "cannot open the access log %s", path);
    }
    return true;
}

/* The writer that is there already. */
static struct log_writer *find(const struct log_targets *present, const char *name)
{
    for (size_t i = 0; present != NULL && i < present->count; i++) {
        if (log_writer_is_of(present->items[i].writer, name)) {
            return log_writer_hold(present->items[i].writer);
        }
    }
    return NULL;
}

/* Of the file that `access` names, or of standard output. *log_fd is -1 once it is taken. */
static struct log_writer *take_lines(const char *path, const struct log_targets *present,
                                     int *log_fd, struct error *error)
{
    struct log_writer *writer = find(present, path);
    int fd = *log_fd;

    if (writer != NULL) {
        return writer;
    }
    *log_fd = -1;
    return fd >= 0 ? log_writer_create(path, fd) : log_writer_open(path, error);
}

static struct log_writer *take(const struct log_settings *settings, const char *name,
                               const struct log_targets *present, int *log_fd,
                               enum log_place_kind *kind, struct error *error)
{
    struct log_place place;
    struct log_writer *writer;
    int none = -1;

    if (!log_place_parse(span_from_cstr(name), &place, error)) {
        return NULL;
    }
    *kind = place.kind;
    switch (place.kind) {
    case LOG_PLACE_FILE:
        return take_lines(settings->access, present, log_fd, error);
    case LOG_PLACE_STDOUT:
        return take_lines("-", present, &none, error);
    case LOG_PLACE_SYSLOG:
    case LOG_PLACE_JOURNAL:
        break;
    }
    writer = find(present, name);
    return writer != NULL ? writer : log_writer_create_datagrams(name, &place);
}

static bool open_all(struct log_targets *targets, const struct log_settings *settings,
                     const struct log_targets *present, int *log_fd, struct error *error)
{
    static const char *const usual[] = {"file"};
    bool has_own = settings->to.count != 0;
    size_t count = has_own ? settings->to.count : 1;

    for (size_t i = 0; i < count && i < LOG_TARGETS_MAX; i++) {
        struct log_target *target = &targets->items[targets->count];

        target->writer = take(settings, has_own ? settings->to.items[i] : usual[0], present, log_fd,
                              &target->kind, error);
        if (target->writer == NULL) {
            return false;
        }
        targets->has_form[form_of(target->kind)] = true;
        targets->count++;
    }
    return true;
}

bool log_targets_open(struct log_targets *targets, const struct log_settings *settings,
                      const struct log_targets *present, int log_fd, struct error *error)
{
    bool is_open = true;

    *targets = (struct log_targets){.count = 0};
    (void)gethostname(targets->host, sizeof(targets->host) - 1);
    if (strcmp(settings->access, "off") != 0) {
        is_open = open_all(targets, settings, present, &log_fd, error);
    }
    if (log_fd >= 0) {
        (void)close(log_fd);
    }
    if (!is_open) {
        log_targets_close(targets);
    }
    return is_open;
}

bool log_targets_start(const struct log_targets *targets, struct error *error)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (!log_writer_start(targets->items[i].writer, error)) {
            return false;
        }
    }
    return true;
}

void log_targets_use(const struct log_targets *targets, int fd)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->items[i].kind == LOG_PLACE_FILE) {
            log_writer_use(targets->items[i].writer, fd);
            return;
        }
    }
    (void)close(fd);
}

void log_targets_close(struct log_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        (void)log_writer_stop(targets->items[i].writer, 2000);
    }
    targets->count = 0;
}

/* ---- lines ---- */

struct strbuf *log_lines_begin(struct log_lines *lines, size_t *start)
{
    *start = lines->forms[FORM_LINES].len;
    return &lines->forms[FORM_LINES];
}

void log_lines_end(struct log_lines *lines, size_t start, const struct log_targets *targets,
                   const struct access_record *record, enum access_severity severity,
                   int64_t time_us)
{
    struct strbuf *text = &lines->forms[FORM_LINES];
    const struct span line = span_make(text->ptr + start, text->len - start);

    if (targets->has_form[FORM_SYSLOG]) {
        const struct access_sender sender = {targets->host, (long)getpid()};
        struct strbuf *out = &lines->forms[FORM_SYSLOG];
        size_t frame = log_writer_begin_frame(out);

        access_syslog(&sender, severity, time_us, &lines->clock, line, out);
        log_writer_end_frame(out, frame);
    }
    if (targets->has_form[FORM_JOURNAL]) {
        struct strbuf *out = &lines->forms[FORM_JOURNAL];
        size_t frame = log_writer_begin_frame(out);

        access_journal(record, severity, &lines->clock, line, out);
        log_writer_end_frame(out, frame);
    }
    if (!targets->has_form[FORM_LINES]) {
        text->len = start;
    }
}

bool log_lines_are_many(const struct log_lines *lines)
{
    for (size_t i = 0; i < LOG_FORMS; i++) {
        if (lines->forms[i].len >= LOG_BLOCK_BYTES) {
            return true;
        }
    }
    return false;
}

/* The last writer of the form gets the block itself, the others copies. */
static void flush_form(struct strbuf *block, const struct log_targets *targets, enum form form)
{
    struct log_writer *last = NULL;

    for (size_t i = 0; i < targets->count; i++) {
        if (form_of(targets->items[i].kind) != form) {
            continue;
        }
        if (last != NULL) {
            char *copy = xmalloc(block->len);
            memcpy(copy, block->ptr, block->len);
            log_writer_put(last, copy, block->len);
        }
        last = targets->items[i].writer;
    }
    log_writer_put(last, block->ptr, block->len);
    strbuf_init(block);
}

void log_lines_flush(struct log_lines *lines, const struct log_targets *targets)
{
    for (size_t i = 0; i < LOG_FORMS; i++) {
        if (lines->forms[i].len != 0) {
            flush_form(&lines->forms[i], targets, (enum form)i);
        }
    }
}

void log_lines_free(struct log_lines *lines)
{
    for (size_t i = 0; i < LOG_FORMS; i++) {
        strbuf_free(&lines->forms[i]);
    }
}
