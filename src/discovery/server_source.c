#include "discovery/server_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/log.h"

struct server_source {
    struct loop *loop;
    const struct servers_from_settings *settings;
    char *whose;
    char *folder; /* of the file */
    void *owner;
    void (*on_change)(void *owner);
    struct timer timer;
    struct file_stamp stamp;
    struct server_document list;
    bool has_list;
    struct error problem; /* empty: none */
};

/* ---- what came ---- */

static void tell(const struct server_source *source, const struct error *before)
{
    if (source->problem.text[0] == '\0') {
        if (before->text[0] != '\0') {
            log_info("%s: %s is read again: %zu servers", source->whose, source->settings->file,
                     source->list.count);
        }
    } else if (strcmp(source->problem.text, before->text) != 0) {
        log_warn("%s: %s: %s; %s", source->whose, source->settings->file, source->problem.text,
                 source->has_list ? "the servers that it had before are used on"
                                  : "it gives no servers");
    }
}

/* False: nothing has changed. */
static bool take(struct server_source *source, struct span text)
{
    struct server_document fresh;

    if (!server_document_load(&fresh, text, source->folder, &source->problem)) {
        return false;
    }
    source->problem.text[0] = '\0';
    server_document_free(&source->list);
    source->list = fresh;
    source->has_list = true;
    return true;
}

/* ---- a file ---- */

static bool read_all(struct server_source *source, int fd, struct strbuf *text)
{
    for (;;) {
        char *room = strbuf_reserve(text, 16384);
        ssize_t n = read(fd, room, 16384);
        if (n < 0) {
            return error_set_errno(&source->problem, errno, "cannot be read");
        }
        if (n == 0) {
            return true;
        }
        text->len += (size_t)n;
        if (text->len > SERVER_LIST_BYTES_MAX) {
            return error_set(&source->problem, "it is larger than 1 MiB: is it a list of servers?");
        }
    }
}

static bool read_file(struct server_source *source)
{
    struct strbuf text;
    bool is_taken = false;
    int fd = file_opener_open(source->settings->file);

    if (fd < 0) {
        return error_set_errno(&source->problem, errno, "cannot be opened");
    }
    strbuf_init(&text);
    if (read_all(source, fd, &text)) {
        is_taken = take(source, strbuf_span(&text));
    }
    strbuf_free(&text);
    (void)close(fd);
    return is_taken;
}

/* True: there is something new. */
static bool look(struct server_source *source, bool is_first)
{
    struct file_stamp stamp = file_opener_stamp(source->settings->file);
    struct error before = source->problem;
    bool is_taken;

    if (!is_first && file_stamp_equal(&stamp, &source->stamp)) {
        return false;
    }
    source->stamp = stamp;
    is_taken = read_file(source);
    tell(source, &before);
    return is_taken || strcmp(before.text, source->problem.text) != 0;
}

static void on_timer(struct timer *timer)
{
    struct server_source *source = CONTAINER_OF(timer, struct server_source, timer);

    timer_set_ms(source->loop, &source->timer, source->settings->every_ms);
    if (look(source, false)) {
        source->on_change(source->owner);
    }
}

/* ---- life ---- */

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = xmalloc(len + 1);

    memcpy(folder, path, len);
    folder[len] = '\0';
    return folder;
}

struct server_source *server_source_create(struct loop *loop,
                                           const struct servers_from_settings *settings,
                                           const char *whose, void *owner,
                                           void (*on_change)(void *owner))
{
    struct server_source *source = xcalloc(1, sizeof(*source));

    source->loop = loop;
    source->settings = settings;
    source->whose = xstrdup(whose);
    source->folder = folder_of(settings->file);
    source->owner = owner;
    source->on_change = on_change;
    timer_init(&source->timer, on_timer);
    (void)look(source, true);
    timer_set_ms(loop, &source->timer, settings->every_ms);
    return source;
}

void server_source_destroy(struct server_source *source)
{
    timer_destroy(source->loop, &source->timer);
    server_document_free(&source->list);
    free(source->folder);
    free(source->whose);
    free(source);
}

const struct server_document *server_source_list(const struct server_source *source)
{
    return source->has_list ? &source->list : NULL;
}

const char *server_source_problem(const struct server_source *source)
{
    return source->problem.text[0] != '\0' ? source->problem.text : NULL;
}
