#include "cli/explain_session.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "cli/explain_bytes.h"
#include "tls/cause.h"

/* Who says nothing for so long waits for us; it ends then. */
#define SILENCE_MS 1000
/* Bytes of each answer that are shown. */
#define SHOWN_BYTES 64

/* ---- the session ---- */

static bool send_data(struct explain *ex)
{
    const char *data = ex->options->data;

    if (data == NULL) {
        return true;
    }
    explain_step(ex, EXPLAIN_TO_SERVER, "sent",
                 arena_printf(&ex->arena, "%zu bytes", strlen(data)));
    return explain_write(ex, data, strlen(data));
}

/* As text, with what would disturb a terminal as \xHH. */
static const char *shown(struct explain *ex, const char *bytes, size_t len)
{
    struct strbuf text;
    const char *kept;

    strbuf_init(&text);
    for (size_t i = 0; i < len && i < SHOWN_BYTES; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '\r' || c == '\n') {
            strbuf_add_cstr(&text, c == '\r' ? "\\r" : "\\n");
        } else if (c < ' ' || c > '~' || c == '\\') {
            strbuf_printf(&text, "\\x%02x", c);
        } else {
            strbuf_add_char(&text, (char)c);
        }
    }
    kept = arena_printf(&ex->arena, "%.*s%s", SPAN_ARG(strbuf_span(&text)),
                        len > SHOWN_BYTES ? " ..." : "");
    strbuf_free(&text);
    return kept;
}

/* Whether something is there to be read before the silence is too long, or time is up. */
static bool hears_something(struct explain *ex)
{
    struct pollfd fd = {.fd = ex->fd, .events = POLLIN};
    uint64_t now_us = clock_us();
    uint64_t left_ms = now_us < ex->deadline_us ? (ex->deadline_us - now_us) / 1000 : 0;

    return (ex->ssl != NULL && SSL_pending(ex->ssl) > 0) ||
           poll(&fd, 1, left_ms < SILENCE_MS ? (int)left_ms : SILENCE_MS) > 0;
}

static bool hear(struct explain *ex)
{
    char bytes[16384];

    while (hears_something(ex)) {
        ssize_t got = explain_read(ex, bytes, sizeof(bytes));

        if (got < 0) {
            return false;
        }
        if (got == 0) {
            ex->ended = "the other side ended the connection";
            return true;
        }
        ex->body_bytes += (uint64_t)got;
        explain_step(ex, EXPLAIN_TO_CLIENT, "received", arena_printf(&ex->arena, "%zd bytes", got));
        explain_note(ex, "bytes", "%s", shown(ex, bytes, (size_t)got));
    }
    ex->ended = "nothing more came for a second, so this client ended the connection";
    return true;
}

bool explain_session(struct explain *ex)
{
    bool is_heard = send_data(ex) && hear(ex);

    if (is_heard) {
        explain_step(ex, EXPLAIN_HERE, "end", ex->ended);
        if (ex->body_bytes == 0 && strncmp(ex->ended, "the other", 9) == 0) {
            is_heard =
                explain_fail(ex, cause_words(CAUSE_NO_ANSWER_CLOSED), explain_server(ex), NULL);
        }
    }
    explain_disconnect(ex); /* the gateway writes its line behind the end */
    return is_heard;
}

/* ---- the gateway's log ---- */

#define TAIL_BYTES ((long)256 << 10)
#define LINE_BYTES 65536
#define WAIT_MS 50
#define WAITS 30

/* The file in which lines of connections are, as JSON; NULL: there is none. */
static const char *log_file(const struct settings *settings, const struct site_settings *site)
{
    const struct log_rules_settings *log =
        site != NULL && site->log != NULL ? site->log : &settings->log.rules;

    for (size_t i = 0; i < log->outlet_count; i++) {
        if (log->outlets[i].is_file && log->outlets[i].format == LOG_FORMAT_JSON) {
            return log->outlets[i].name;
        }
    }
    return NULL;
}

static bool is_of(const json_t *line, const char *client)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    const char *from = json_string_value(json_object_get(line, "client"));

    return kind != NULL && strcmp(kind, "connection") == 0 && from != NULL &&
           strcmp(from, client) == 0;
}

/* The last one; NULL: none, or errno says why it cannot be looked for. */
static json_t *find_line(const char *path, const char *client)
{
    FILE *file = fopen(path, "re");
    char *text = xmalloc(LINE_BYTES);
    json_t *found = NULL;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && ftell(file) > TAIL_BYTES) {
        (void)fseek(file, -TAIL_BYTES, SEEK_END);
    } else if (file != NULL) {
        rewind(file);
    }
    while (file != NULL && fgets(text, LINE_BYTES, file) != NULL) {
        json_t *line = json_loads(text, 0, NULL);

        if (is_of(line, client)) {
            json_decref(found);
            found = line;
        } else {
            json_decref(line);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
        errno = 0;
    }
    free(text);
    return found;
}

static json_t *wait_for_line(const char *path, const char *client)
{
    json_t *line = find_line(path, client);

    for (int i = 0; line == NULL && errno == 0 && i < WAITS; i++) {
        (void)poll(NULL, 0, WAIT_MS);
        line = find_line(path, client);
    }
    return line;
}

static void note_text(struct explain *ex, const json_t *line, const char *member, const char *label)
{
    const char *text = json_string_value(json_object_get(line, member));

    if (text != NULL) {
        explain_note(ex, label, "%s", text);
    }
}

static void note_line(struct explain *ex, const json_t *line)
{
    const json_t *total = json_object_get(json_object_get(line, "ms"), "total");

    note_text(ex, line, "site", "site");
    note_text(ex, line, "backend", "backend");
    note_text(ex, line, "server", "server");
    explain_note(ex, "bytes", "%lld from the client, %lld to it",
                 (long long)json_integer_value(json_object_get(line, "bytes_in")),
                 (long long)json_integer_value(json_object_get(line, "bytes_out")));
    explain_note(ex, "time", "%.0f ms", json_number_value(total));
    if (json_object_get(line, "reason") == NULL) {
        explain_note(ex, "ended", "in order");
    }
    note_text(ex, line, "reason", "ended");
    note_text(ex, line, "detail", "because");
    note_text(ex, line, "refused_by", "who");
    note_text(ex, line, "mend", "what to do");
}

void explain_session_log(struct explain *ex, const struct settings *settings,
                         const struct site_settings *site)
{
    const char *path = log_file(settings, site);
    char client[SOCK_TEXT_MAX];
    json_t *line;

    if (ex->local.len == 0) {
        return; /* it was not connected */
    }
    explain_step(ex, EXPLAIN_HERE, "log", "what the gateway has written of this session");
    if (path == NULL) {
        explain_note(ex, "file", "none: the log of the configuration is no file in JSON");
        return;
    }
    (void)sock_address_text(&ex->local, client);
    line = wait_for_line(path, client);
    if (line == NULL) {
        explain_note(ex, "file", "%s: %s", path,
                     errno != 0 ? strerror(errno)
                                : "no line of this client; is this the gateway's configuration?");
        return;
    }
    note_line(ex, line);
    json_decref(line);
}
