#include "gateway/log_targets.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/sock.h"
#include "observe/log_stream.h"
#include "tls/tls_context.h"

/* What waits may be written that long, by all writers at the same time. */
#define STOP_MS 2000
#define LOG_BLOCK_BYTES ((size_t)32 << 10)

/* ---- opening ---- */

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
static struct log_writer *find(const struct log_targets *present, enum log_place_kind kind,
                               const char *name)
{
    for (size_t i = 0; present != NULL && i < present->count; i++) {
        if (present->items[i].kind == kind && log_writer_is_of(present->items[i].writer, name)) {
            return log_writer_hold(present->items[i].writer);
        }
    }
    return NULL;
}

/* fd: -1: it is opened here. */
static struct log_writer *open_lines(const char *path, int fd, size_t queue, struct error *error)
{
    if (fd < 0) {
        fd = log_writer_open_file(path, error);
    }
    return fd >= 0 ? log_writer_create(path, fd, queue) : NULL;
}

/* The descriptor of the place that comes next; -1: none was given. */
static int take_fd(struct log_fds *given, size_t *used)
{
    int fd = -1;

    if (*used < given->count) {
        fd = given->fds[*used];
        given->fds[*used] = -1;
        (*used)++;
    }
    return fd;
}

/* ---- collectors by streams ---- */

static struct tls_context *make_tls(const struct log_outlet_settings *outlet, struct error *error)
{
    const struct tls_client_options options = {.ca = outlet->ca,
                                               .certificate = outlet->certificate,
                                               .key = outlet->key,
                                               .is_not_http = true};

    return tls_client_context_create(&options, error);
}

bool log_targets_check_tls(const struct log_outlet_settings *outlet, struct error *error)
{
    struct log_place place;
    struct tls_context *tls;

    log_outlet_place(outlet, &place);
    if (place.transport != LOG_TLS) {
        return true;
    }
    tls = make_tls(outlet, error);
    tls_context_destroy(tls);
    return tls != NULL;
}

static bool prepare_tls(struct log_target *target, const struct log_outlet_settings *outlet,
                        const struct log_place *place, struct error *error)
{
    if (place->transport != LOG_TLS) {
        return true;
    }
    log_place_host(place, target->host);
    target->server_name = outlet->server_name;
    target->tls = make_tls(outlet, error);
    return target->tls != NULL;
}

static struct log_writer *create_writer(const struct log_outlet_settings *outlet,
                                        const struct log_place *place, int *fd, size_t queue,
                                        struct error *error)
{
    if (log_outlet_has_fd(outlet)) {
        int own = *fd;

        *fd = -1;
        return open_lines(outlet->name, own, queue, error);
    }
    return place->transport != LOG_DATAGRAMS
               ? log_writer_create_stream(outlet->name, log_stream_create(place), queue)
               : log_writer_create_datagrams(outlet->name, place, queue);
}

/* fd: taken over. */
static bool open_target(struct log_target *target, const struct log_outlet_settings *outlet,
                        const struct log_targets *present, int fd, size_t queue,
                        struct error *error)
{
    struct log_place place;
    bool is_fine;

    log_outlet_place(outlet, &place);
    target->kind = place.kind;
    is_fine = prepare_tls(target, outlet, &place, error);
    target->writer = is_fine ? find(present, place.kind, outlet->name) : NULL;
    if (is_fine && target->writer == NULL) {
        target->writer = create_writer(outlet, &place, &fd, queue, error);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return target->writer != NULL;
}

void log_fds_close(struct log_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++) {
        if (fds->fds[i] >= 0) {
            (void)close(fds->fds[i]);
        }
        fds->fds[i] = -1;
    }
}

/* With a comma between; NULL: there are none. */
static char *join(const struct string_list *texts)
{
    struct strbuf all;

    strbuf_init(&all);
    for (size_t i = 0; i < texts->count; i++) {
        strbuf_printf(&all, "%s%s", i != 0 ? "," : "", texts->items[i]);
    }
    return all.ptr; /* printf has put a NUL behind it */
}

bool log_targets_open(struct log_targets *targets, const struct settings *settings,
                      const struct log_targets *present, struct log_fds *given,
                      const struct log_outlet_settings **at, struct error *error)
{
    struct log_names names;
    size_t used = 0;

    log_outlets_names(settings, &names);
    *targets = (struct log_targets){.queue = (size_t)settings->log.queue};
    targets->items = xcalloc(names.count + 1, sizeof(*targets->items));
    targets->name_servers = join(&settings->resolve.servers);
    (void)gethostname(targets->host, sizeof(targets->host) - 1);
    for (size_t i = 0; i < names.count; i++) {
        int fd = log_outlet_has_fd(names.items[i]) ? take_fd(given, &used) : -1;

        *at = names.items[i];
        targets->count++; /* also one that could not be opened, which may have begun to be */
        if (!open_target(&targets->items[i], *at, present, fd, targets->queue, error)) {
            log_fds_close(given);
            log_targets_close(targets);
            return false;
        }
    }
    log_fds_close(given);
    return true;
}

bool log_targets_start(const struct log_targets *targets, struct error *error)
{
    for (size_t i = 0; i < targets->count; i++) {
        const struct log_target *target = &targets->items[i];

        log_writer_set_queue(target->writer, targets->queue);
        if (log_writer_stream(target->writer) != NULL) {
            log_stream_set_name_servers(log_writer_stream(target->writer), targets->name_servers);
        }
        if (target->tls != NULL) {
            log_stream_set_tls(log_writer_stream(target->writer), target->tls,
                               target->server_name != NULL ? target->server_name : target->host);
        }
        if (!log_writer_start(target->writer, error)) {
            return false;
        }
    }
    return true;
}

void log_targets_use(const struct log_targets *targets, const char *path, int fd)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->items[i].kind == LOG_PLACE_FILE &&
            log_writer_is_of(targets->items[i].writer, path)) {
            log_writer_use(targets->items[i].writer, fd);
            return;
        }
    }
    (void)close(fd);
}

void log_targets_close(struct log_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        log_writer_stop_soon(targets->items[i].writer, STOP_MS);
    }
    for (size_t i = 0; i < targets->count; i++) {
        (void)log_writer_stop(targets->items[i].writer, STOP_MS);
        tls_context_destroy(targets->items[i].tls);
    }
    free(targets->items);
    free(targets->name_servers);
    *targets = (struct log_targets){.count = 0};
}

/* ---- which of them ---- */

static const struct template *build_template(const char *text, struct arena *arena)
{
    struct template *template = arena_calloc(arena, sizeof(*template));
    struct error error = {""};

    CHECK(template_parse_line(span_from_cstr(text), arena, template, &error));
    return template;
}

struct log_outlets log_outlets_build(const struct log_rules_settings *log,
                                     const struct log_names *names, struct arena *arena)
{
    struct log_outlet *items = arena_calloc(arena, (log->outlet_count + 1) * sizeof(*items));

    for (size_t i = 0; i < log->outlet_count; i++) {
        const struct log_outlet_settings *one = &log->outlets[i];
        size_t same = 0;

        items[i] = (struct log_outlet){.target = log_names_find(names, one), .format = one->format};
        if (one->template == NULL) {
            continue;
        }
        while (log->outlets[same].template != one->template) {
            same++;
        }
        items[i].template = same < i ? items[same].template : build_template(one->template, arena);
    }
    return (struct log_outlets){items, log->outlet_count};
}

/* ---- lines ---- */

static void add_syslog(const struct log_targets *targets, const struct log_line *line,
                       struct span text, struct strbuf *out)
{
    const struct access_sender sender = {targets->host, (long)getpid()};
    size_t frame = log_writer_begin_frame(out);

    access_syslog(&sender, line->severity, line->time_us, line->clock, text, out);
    log_writer_end_frame(out, frame);
}

static void add_journal(const struct log_line *line, struct span text, struct strbuf *out)
{
    size_t frame = log_writer_begin_frame(out);

    access_journal(line->record, line->severity, line->clock, text, out);
    log_writer_end_frame(out, frame);
}

static bool add_text(struct log_lines *lines, const struct log_outlet *outlet,
                     const struct log_line *line, struct span text)
{
    struct strbuf *out = &lines->blocks[outlet->target];

    switch (lines->targets->items[outlet->target].kind) {
    case LOG_PLACE_FILE:
    case LOG_PLACE_STDOUT:
        strbuf_add(out, text);
        break;
    case LOG_PLACE_SYSLOG:
        add_syslog(lines->targets, line, text, out);
        break;
    case LOG_PLACE_JOURNAL:
        add_journal(line, text, out);
        break;
    }
    return out->len >= LOG_BLOCK_BYTES;
}

static bool same_form(const struct log_outlet *one, const struct log_outlet *other)
{
    return one->format == other->format && one->template == other->template;
}

/* Each form is made once, for the first that has it. */
static bool was_made(const struct log_outlets *outlets, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (same_form(&outlets->items[i], &outlets->items[at])) {
            return true;
        }
    }
    return false;
}

bool log_lines_add(struct log_lines *lines, const struct log_targets *targets,
                   const struct log_outlets *outlets, const struct log_line *line)
{
    bool are_many = false;

    if (lines->targets == NULL) {
        lines->targets = targets;
        lines->blocks = xcalloc(targets->count + 1, sizeof(*lines->blocks));
    }
    /* Behind the blocks is one for what is being made. */
    struct strbuf *made = &lines->blocks[targets->count];
    for (size_t i = 0; i < outlets->count; i++) {
        if (was_made(outlets, i)) {
            continue;
        }
        made->len = 0;
        line->write(line->arg, &outlets->items[i], made);
        for (size_t k = i; made->len != 0 && k < outlets->count; k++) {
            if (same_form(&outlets->items[i], &outlets->items[k])) {
                are_many |= add_text(lines, &outlets->items[k], line, strbuf_span(made));
            }
        }
    }
    return are_many;
}

void log_lines_flush(struct log_lines *lines)
{
    for (size_t i = 0; lines->targets != NULL && i < lines->targets->count; i++) {
        struct strbuf *block = &lines->blocks[i];

        if (block->len != 0) {
            log_writer_put(lines->targets->items[i].writer, block->ptr, block->len);
            strbuf_init(block);
        }
    }
}

void log_lines_free(struct log_lines *lines)
{
    for (size_t i = 0; lines->targets != NULL && i <= lines->targets->count; i++) {
        strbuf_free(&lines->blocks[i]);
    }
    free(lines->blocks);
    *lines = (struct log_lines){NULL, NULL};
}
