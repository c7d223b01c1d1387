#include "states_test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS 4

static struct world *world;

static const char config[] =
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"
    "backends:\n"
    "  - { name: one, servers: [\"unix:$DIR/one\"], response_timeout: 7s, idle_timeout: 10s }\n"
    "  - { name: two, servers: [\"unix:$DIR/two\"], protocol: h2c, response_timeout: 7s,\n"
    "      idle_timeout: 10s, connect_timeout: 1s, ping_timeout: 2s }\n"
    "  - { name: three, servers: [\"unix:$DIR/three\"], protocol: fastcgi, root: /srv,\n"
    "      script_files: trusted, response_timeout: 7s, idle_timeout: 10s, idle_connections: 4,\n"
    "      body_buffer: 1k }\n"
    "sites: [ { hosts: [\"*\"], routes: [\n"
    "    { match: { path: /1* }, backend: one },\n"
    "    { match: { path: /2* }, backend: two },\n"
    "    { match: { path: /3* }, backend: three },\n"
    "    { match: { path: /deny }, respond: { status: 403 } },\n"
    "    { match: { path: /* }, respond: { body: hello } } ] } ]\n"
    "limits: { connections: 16 }\n" STATES_TIMEOUTS;

int states_set_up(void **state)
{
    (void)state;
    world = world_open();
    world_serve(world, "one");
    world_serve(world, "two");
    world_serve(world, "three");
    world_load(world, config);
    return 0;
}

int states_tear_down(void **state)
{
    (void)state;
    world_close(world);
    return 0;
}

struct harness *states_start(void)
{
    return harness_start(world);
}

/* ---- in words ---- */

static struct strbuf *next_text(void)
{
    static struct strbuf texts[TEXTS];
    static unsigned next;
    struct strbuf *text = &texts[next++ % TEXTS];

    strbuf_clear(text);
    return text;
}

/* Ends it, with single spaces between words. */
static const char *finish(struct strbuf *text)
{
    size_t len = 0;

    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] != ' ' || (len != 0 && text->ptr[len - 1] != ' ')) {
            text->ptr[len++] = text->ptr[i];
        }
    }
    text->len = len != 0 && text->ptr[len - 1] == ' ' ? len - 1 : len;
    strbuf_add_char(text, '\0');
    return text->ptr;
}

/* The head's own length; 0: it is none, or not whole. */
static size_t head_len(struct span text)
{
    const char *end = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    struct span line = span_head(text, span_find(text, '\r'));
    bool is_head =
        span_starts_with(line, SPAN_OF("HTTP/1.")) || span_ends_with(line, SPAN_OF(" HTTP/1.1"));

    return end != NULL && is_head ? (size_t)(end - text.ptr) + 4 : 0;
}

/* Adds what stands for the head; true: an error, whose body is not told. */
static bool tell_head(struct strbuf *out, struct span head)
{
    struct span line = span_head(head, span_find(head, '\r'));

    if (!span_starts_with(line, SPAN_OF("HTTP/1."))) {
        strbuf_add(out, span_head(line, line.len - strlen("HTTP/1.1")));
        return false;
    }
    struct span status = span_head(span_skip(line, strlen("HTTP/1.1 ")), 3);
    strbuf_add(out, status);
    strbuf_add_char(out, ' ');
    return status.ptr[0] >= '4';
}

static void tell_bytes(struct strbuf *out, struct span text)
{
    bool is_error = false;

    while (text.len != 0) {
        size_t len = head_len(text);
        if (len != 0) {
            is_error = tell_head(out, span_head(text, len));
            text = span_skip(text, len);
            continue;
        }
        const char *next = memmem(text.ptr, text.len, "HTTP/1.1 ", 9);
        size_t plain = next != NULL && next != text.ptr ? (size_t)(next - text.ptr) : text.len;
        for (size_t i = 0; i < plain && !is_error; i++) {
            strbuf_add_char(out, text.ptr[i] == '\r'   ? '\\'
                                 : text.ptr[i] == '\n' ? '/'
                                                       : text.ptr[i]);
        }
        strbuf_add_char(out, ' ');
        text = span_skip(text, plain);
    }
}

const char *states_heard(struct actor *actor)
{
    struct strbuf *out = next_text();

    if (actor != NULL) {
        tell_bytes(out, span_make(actor->got.ptr, actor->got.len));
        strbuf_clear(&actor->got);
        strbuf_add_cstr(out, actor_is_left(actor) ? " left" : "");
    }
    return finish(out);
}

static void tell_line(struct strbuf *out, struct span line)
{
    json_error_t error;
    json_t *tree = json_loadb(line.ptr, line.len, 0, &error);
    const char *reason = json_string_value(json_object_get(tree, "reason"));
    const json_t *status = json_object_get(tree, "status");

    if (json_is_integer(status)) {
        strbuf_printf(out, "%d", (int)json_integer_value(status));
    } else {
        strbuf_add_char(out, '-');
    }
    strbuf_printf(out, " %s, ", reason != NULL ? reason : "-");
    json_decref(tree);
}

const char *states_logged(struct harness *h)
{
    struct strbuf *out = next_text();
    struct span rest = span_make(h->log.ptr, h->log.len);
    struct span line;

    while (span_split(&rest, '\n', &line)) {
        if (line.len != 0) {
            tell_line(out, line);
        }
    }
    strbuf_clear(&h->log);
    out->len -= out->len >= 2 ? 2 : 0;
    return finish(out);
}

static void add_part(struct strbuf *out, const char *who, const char *what)
{
    if (what[0] != '\0') {
        strbuf_printf(out, "%s%s: %s", out->len != 0 ? " | " : "", who, what);
    }
}

static const char *told(struct harness *h, const char *of_client, const char *of_server)
{
    const char *of_log = states_logged(h);
    struct strbuf *out = next_text();

    add_part(out, "client", of_client);
    add_part(out, "server", of_server);
    add_part(out, "log", of_log);
    return finish(out);
}

const char *states_told(struct harness *h, struct actor *client, struct actor *server)
{
    const char *of_client = states_heard(client);

    return told(h, of_client, states_heard(server));
}

/* ---- frames ---- */

static const char *const head_fields[] = {":status=", ":method=", ":path="};

/* Of a HEADERS line, what a head is known by. */
static void tell_headers(struct strbuf *out, struct span line)
{
    struct span rest = line;
    struct span word;

    for (unsigned n = 0; span_split(&rest, ' ', &word); n++) {
        bool is_told = n < 2 || span_eq_cstr(word, "end");
        for (size_t i = 0; i < ARRAY_LEN(head_fields); i++) {
            if (span_starts_with(word, span_from_cstr(head_fields[i]))) {
                word = span_skip(word, strlen(head_fields[i]));
                is_told = true;
            }
        }
        if (is_told) {
            strbuf_printf(out, "%.*s ", SPAN_ARG(word));
        }
    }
    out->len--;
}

static void tell_frame(struct strbuf *out, struct span line)
{
    if (span_starts_with(line, SPAN_OF("SETTINGS")) ||
        span_starts_with(line, SPAN_OF("WINDOW_UPDATE"))) {
        return;
    }
    if (span_starts_with(line, SPAN_OF("HEADERS"))) {
        tell_headers(out, line);
    } else {
        strbuf_add(out, line);
    }
    strbuf_add_cstr(out, ", ");
}

const char *states_frames(struct h2_talk *talk)
{
    struct strbuf *out = next_text();
    struct span rest = span_from_cstr(h2_take_frames(talk));
    struct span line;

    while (span_split(&rest, '\n', &line)) {
        if (line.len != 0) {
            tell_frame(out, line);
        }
    }
    out->len -= out->len >= 2 ? 2 : 0;
    strbuf_add_cstr(out, actor_is_left(talk->actor) ? " left" : "");
    return finish(out);
}

const char *states_told_h2(struct harness *h, struct h2_talk *client, struct actor *server)
{
    const char *of_client = states_frames(client);

    return told(h, of_client, states_heard(server));
}

const char *states_told_h2_server(struct harness *h, struct actor *client, struct h2_talk *server)
{
    const char *of_client = states_heard(client);

    return told(h, of_client, states_frames(server));
}
