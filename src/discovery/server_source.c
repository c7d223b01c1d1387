#include "discovery/server_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/log.h"
#include "client/fetch.h"
#include "discovery/name_lookup.h"
#include "tls/tls_context.h"

#define FILE_EVERY_MS 1000
#define URL_EVERY_MS 10000
/* A longer one is not sent back. */
#define ETAG_MAX 256

struct server_source {
    struct client *client;
    struct loop *loop;
    struct url url;
    struct tls_context *tls; /* of https; NULL: none */
    struct file_stamp ca_stamp;
    struct resolver names;
    struct fetch *fetch; /* under way; NULL: none */
    char etag[ETAG_MAX]; /* of the last good list; empty: none */
    bool has_looked;
    const struct servers_from_settings *settings;
    char *whose;
    char *folder; /* of the file; NULL: it is a URL */
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
            log_info("%s: %s is read again: %zu servers", source->whose, server_source_name(source),
                     source->list.count);
        }
    } else if (strcmp(source->problem.text, before->text) != 0) {
        log_warn("%s: %s: %s; %s", source->whose, server_source_name(source), source->problem.text,
                 source->has_list ? "the servers that it had before are used on"
                                  : "it gives no servers");
    }
}

/* False: nothing has changed. */
static bool take(struct server_source *source, struct span text)
{
    struct server_document fresh;

    if (!server_document_load(&fresh, text, source->folder != NULL ? source->folder : "",
                              &source->problem)) {
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
        source->stamp =
            (struct file_stamp){0}; /* it may be the next time, though it stays as it is */
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

/* ---- a URL ---- */

static bool is_list(struct server_source *source, const struct fetch_result *result)
{
    if (result->how != FETCH_DONE) {
        return error_set(&source->problem, "%.500s", result->problem);
    }
    if (result->status != 200) {
        return error_set(&source->problem, "it answered with status %u", result->status);
    }
    return true;
}

static void note_etag(struct server_source *source, const struct http_fields *fields)
{
    const struct http_field *etag = http_fields_find_name(fields, SPAN_OF("ETag"));

    source->etag[0] = '\0';
    if (etag != NULL && etag->value.len < sizeof(source->etag)) {
        memcpy(source->etag, etag->value.ptr, etag->value.len);
        source->etag[etag->value.len] = '\0';
    }
}

static void set_timer(struct server_source *source)
{
    uint64_t usual_ms = source->folder != NULL ? FILE_EVERY_MS : URL_EVERY_MS;
    uint64_t every_ms = source->settings->every_ms;

    timer_set_ms(source->loop, &source->timer, every_ms != 0 ? every_ms : usual_ms);
}

static void on_fetched(void *owner, const struct fetch_result *result)
{
    struct server_source *source = owner;
    struct error before = source->problem;
    bool is_first = !source->has_looked;
    bool is_taken = false;

    source->fetch = NULL;
    source->has_looked = true;
    if (result->how == FETCH_DONE && result->status == 304 && source->has_list) {
        source->problem.text[0] = '\0';
    } else if (is_list(source, result)) {
        is_taken = take(source, result->body);
        if (is_taken) {
            note_etag(source, result->fields);
        }
    }
    tell(source, &before);
    set_timer(source);
    if (is_first || is_taken || strcmp(before.text, source->problem.text) != 0) {
        source->on_change(source->owner);
    }
}

static void fetch(struct server_source *source)
{
    const struct fetch_field fields[] = {
        {"Accept", SPAN("application/json, application/yaml, text/plain")},
        {"If-None-Match", span_from_cstr(source->etag)},
    };
    const struct fetch_ask ask = {
        .url = source->url,
        .method = HTTP_GET,
        .fields = fields,
        .field_count = source->etag[0] != '\0' ? 2 : 1,
        .timeout_ms = source->settings->timeout_ms,
        .body_max = SERVER_LIST_BYTES_MAX,
        .tls = source->tls,
        .names = &source->names,
    };

    source->fetch = fetch_start(source->client, &ask, source, on_fetched);
}

/* False: the authorities cannot be read; the next time perhaps. */
static bool has_tls(struct server_source *source)
{
    const char *ca = source->settings->ca;
    const struct tls_client_options options = {.ca = ca, .protocols = TLS_H1_ONLY};
    struct file_stamp stamp = file_opener_stamp(ca);
    struct error before = source->problem;

    if (source->tls != NULL && !file_stamp_equal(&stamp, &source->ca_stamp)) {
        tls_context_destroy(source->tls);
        source->tls = NULL;
    }
    source->ca_stamp = stamp;
    if (source->url.is_https && source->tls == NULL) {
        source->tls = tls_client_context_create(&options, &source->problem);
        if (source->tls == NULL) {
            tell(source, &before);
            return false;
        }
    }
    return true;
}

static void on_timer(struct timer *timer)
{
    struct server_source *source = CONTAINER_OF(timer, struct server_source, timer);

    if (source->folder == NULL && has_tls(source)) {
        fetch(source);
        return;
    }
    set_timer(source);
    if (source->folder != NULL && look(source, false)) {
        source->on_change(source->owner);
    }
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = xmalloc(len + 1);

    memcpy(folder, path, len);
    folder[len] = '\0';
    return folder;
}

bool server_source_check(const struct servers_from_settings *settings, struct error *error)
{
    struct file_stamp stamp = file_opener_stamp(settings->file);
    struct server_source source = {.settings = settings};

    if (settings->file == NULL || stamp.inode == 0) {
        return true; /* it need not be there yet */
    }
    source.folder = folder_of(settings->file);
    (void)read_file(&source);
    *error = source.problem;
    server_document_free(&source.list);
    free(source.folder);
    return error->text[0] == '\0';
}

/* ---- life ---- */

struct server_source *server_source_create(struct client *client,
                                           const struct servers_from_settings *settings,
                                           const struct resolve_settings *resolve,
                                           const char *whose, void *owner,
                                           void (*on_change)(void *owner))
{
    struct server_source *source = xcalloc(1, sizeof(*source));
    char *servers = resolve != NULL ? name_servers_text(&resolve->servers) : NULL;

    source->client = client;
    source->loop = client->core->loop;
    source->settings = settings;
    source->whose = xstrdup(whose);
    source->owner = owner;
    source->on_change = on_change;
    resolver_init(&source->names, source->loop, servers);
    free(servers);
    timer_init(&source->timer, on_timer);
    if (settings->file != NULL) {
        source->folder = folder_of(settings->file);
        source->has_looked = true;
        (void)look(source, true);
        set_timer(source);
    } else {
        CHECK(url_parse(span_from_cstr(settings->url), &source->url));
        timer_set(source->loop, &source->timer, 0);
    }
    return source;
}

void server_source_destroy(struct server_source *source)
{
    fetch_cancel(source->fetch);
    resolver_free(&source->names);
    timer_destroy(source->loop, &source->timer);
    tls_context_destroy(source->tls);
    server_document_free(&source->list);
    free(source->folder);
    free(source->whose);
    free(source);
}

const struct server_document *server_source_list(const struct server_source *source)
{
    return source->has_list ? &source->list : NULL;
}

const char *server_source_name(const struct server_source *source)
{
    return source->settings->file != NULL ? source->settings->file : source->settings->url;
}

bool server_source_has_looked(const struct server_source *source)
{
    return source->has_looked;
}

const char *server_source_problem(const struct server_source *source)
{
    return source->problem.text[0] != '\0' ? source->problem.text : NULL;
}
