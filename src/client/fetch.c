#include "client/fetch.h"

#include <stdlib.h>

#include "client/call.h"

enum fetch_state {
    FETCH_LOOKING_UP,
    FETCH_ASKING,
    FETCH_OVER /* told at the end of the turn: an event may come while a library is parsing */
};

struct fetch {
    enum fetch_state state;
    struct client *client;
    struct fetch_ask ask; /* its texts in the arena */
    struct arena arena;
    struct lookup *lookup; /* NULL: none is under way */
    uint64_t deadline_us;
    struct timer timer;
    const struct backend *backend; /* made for this one; NULL: not yet */
    struct http_request request;
    struct http_response response;
    struct call call;
    struct strbuf body;
    enum fetch_how how;
    struct error problem;
    struct deferred telling;
    void *owner;
    void (*on_done)(void *owner, const struct fetch_result *result);
};

static struct fetch *fetch_of(struct call *call)
{
    return CONTAINER_OF(call, struct fetch, call);
}

/* ---- the end ---- */

static void destroy(struct fetch *fetch)
{
    struct client *client = fetch->client;

    lookup_cancel(fetch->lookup);
    timer_destroy(client->core->loop, &fetch->timer);
    deferred_cancel(&fetch->telling);
    if (fetch->backend != NULL) {
        call_release(&fetch->call, fetch->how == FETCH_DONE ? LEASE_OK : LEASE_CLIENT_LEFT);
        call_reset(&fetch->call);
        upstreams_remove(&client->upstreams, fetch->backend);
        backend_release(fetch->backend);
    }
    strbuf_free(&fetch->body);
    arena_destroy(&fetch->arena);
    free(fetch);
}

static void on_tell(struct deferred *deferred)
{
    struct fetch *fetch = CONTAINER_OF(deferred, struct fetch, telling);
    bool is_done = fetch->how == FETCH_DONE;

    fetch->on_done(fetch->owner,
                   &(struct fetch_result){
                       .how = fetch->how,
                       .problem = is_done ? NULL : fetch->problem.text,
                       .status = is_done ? fetch->response.status : 0,
                       .fields = &fetch->response.fields,
                       .body = fetch->body.ptr != NULL ? strbuf_span(&fetch->body) : SPAN_OF(""),
                   });
    destroy(fetch);
}

/* The first reason is the one that is told. The problem is set, but for FETCH_DONE. */
static void finish(struct fetch *fetch, enum fetch_how how)
{
    fetch->state = FETCH_OVER;
    fetch->how = how;
    loop_defer(fetch->client->core->loop, &fetch->telling);
}

static void fail_late(struct fetch *fetch)
{
    (void)error_set(&fetch->problem, "%s",
                    fetch->state == FETCH_LOOKING_UP ? "its name was not resolved in time"
                                                     : "it did not answer in time");
    finish(fetch, FETCH_TIMEOUT);
}

static void on_timer(struct timer *timer)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, timer);

    if (fetch->state != FETCH_OVER) {
        fail_late(fetch);
    }
}

/* ---- the call ---- */

static void on_head(struct call *call)
{
    struct fetch *fetch = fetch_of(call);

    if (fetch->state == FETCH_ASKING && fetch->response.status / 100 != 2) {
        finish(fetch, FETCH_DONE);
    }
}

static void on_body(struct call *call, struct span bytes)
{
    struct fetch *fetch = fetch_of(call);

    if (fetch->state != FETCH_ASKING) {
        return;
    }
    if (bytes.len > fetch->ask.body_max - fetch->body.len) {
        (void)error_set(&fetch->problem, "what it sends is larger than %zu bytes",
                        fetch->ask.body_max);
        finish(fetch, FETCH_TOO_LARGE);
        return;
    }
    strbuf_add(&fetch->body, bytes);
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    struct fetch *fetch = fetch_of(call);

    (void)trailers;
    if (fetch->state == FETCH_ASKING) {
        finish(fetch, FETCH_DONE);
    }
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    struct fetch *fetch = fetch_of(call);
    const struct trouble *trouble = &failure->trouble;

    if (fetch->state != FETCH_ASKING) {
        return;
    }
    if (failure->status == 504) {
        fail_late(fetch);
        return;
    }
    (void)error_set(&fetch->problem, "%s%s%s",
                    trouble->detail != NULL ? trouble->detail : trouble->reason,
                    trouble->mend != NULL ? ": " : "", trouble->mend != NULL ? trouble->mend : "");
    finish(fetch, FETCH_FAILED);
}

static void on_writable(struct call *call)
{
    if (!call->is_whole) {
        call_send_body(call, fetch_of(call)->ask.body);
        call_send_end(call, NULL);
    }
}

static bool poll_response(struct call *call)
{
    return fetch_of(call)->state == FETCH_ASKING;
}

static const struct call_ops ops = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
    .poll_response = poll_response,
};

/* ---- asking ---- */

static void add_field(struct fetch *fetch, const char *name, struct span value)
{
    struct span text = span_from_cstr(name);

    http_fields_add(&fetch->request.fields, &fetch->arena, http_field_id(text), text, value);
}

static void make_request(struct fetch *fetch)
{
    const struct fetch_ask *ask = &fetch->ask;
    bool is_post = ask->method == HTTP_POST;
    struct span target = span_from_cstr(ask->url.target);
    size_t path = span_find(target, '?');

    fetch->request = (struct http_request){
        .version = HTTP_1_1,
        .method = ask->method,
        .method_name = is_post ? SPAN_OF("POST") : SPAN_OF("GET"),
        .authority = ask->url.authority,
        .framing = ask->body.len != 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE,
        .content_length = ask->body.len,
        .has_content_length = is_post,
    };
    if (path < target.len) {
        fetch->request.query = span_skip(target, path + 1);
    }
    add_field(fetch, "User-Agent", SPAN_OF("tidegate"));
    for (size_t i = 0; i < ask->field_count; i++) {
        add_field(fetch, ask->fields[i].name, ask->fields[i].value);
    }
    fetch->call.request = &fetch->request;
    fetch->call.response = &fetch->response;
    fetch->call.path = span_head(target, path);
    fetch->call.is_whole = ask->body.len == 0;
}

/* With a server that nobody else has: what it is asked at is what was looked at here. */
static const struct backend *make_backend(struct fetch *fetch, const struct sock_address *items,
                                          size_t count, uint64_t left_ms)
{
    const struct fetch_ask *ask = &fetch->ask;
    struct endpoint_key key = {
        .host = ask->url.host,
        .port = ask->url.port,
        .tls_name = ask->tls != NULL ? ask->url.host : NULL,
        .trust = ask->tls != NULL ? "fetch" : NULL,
        .protocol = BACKEND_H1,
    };
    const struct server server = {
        .text = arena_printf(&fetch->arena, "%s:%u", ask->url.host, ask->url.port),
        .weight = 1,
        .endpoint = endpoint_create_alone(&key),
    };

    endpoint_publish(server.endpoint, items, count);
    const struct backend plan = {
        .name = ask->url.host,
        .balance = &balance_round_robin,
        .tls = ask->tls,
        .protocol = BACKEND_H1,
        .connect_timeout_ms = left_ms / count, /* each address has its share */
        .response_timeout_ms = left_ms,
        .idle_timeout_ms = left_ms,
        .ping_timeout_ms = left_ms,
        .is_of_checks = true, /* nobody is told of a server that nobody has configured */
    };
    return backend_create(&plan, server_set_create(&server, 1, NULL));
}

/* Keeps the addresses that may be asked; false when there is none. */
static bool keep_allowed(struct fetch *fetch, struct lookup_result *found)
{
    char text[SOCK_TEXT_MAX] = "";
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        struct peer peer = peer_from(&found->items[i]);
        if (fetch->ask.may_ask == NULL || fetch->ask.may_ask(fetch->ask.may_ask_arg, &peer)) {
            found->items[kept++] = found->items[i];
        } else {
            (void)peer_ip_text(&peer, text);
        }
    }
    found->count = kept;
    return kept != 0 || error_set(&fetch->problem, "%s is at %s", fetch->ask.url.host, text);
}

static void ask_it(struct fetch *fetch, const struct lookup_result *result)
{
    struct lookup_result found = *result;
    struct client *client = fetch->client;
    uint64_t now_us = loop_now_us(client->core->loop);
    uint64_t left_ms = fetch->deadline_us > now_us ? (fetch->deadline_us - now_us) / 1000 : 0;

    if (found.count == 0) {
        fetch->problem = found.error;
        finish(fetch, FETCH_FAILED);
        return;
    }
    if (!keep_allowed(fetch, &found)) {
        finish(fetch, FETCH_FORBIDDEN);
        return;
    }
    fetch->state = FETCH_ASKING;
    fetch->backend = make_backend(fetch, found.items, found.count, left_ms);
    upstreams_add(&client->upstreams, fetch->backend);
    call_init(&fetch->call, &ops, client, NULL, &fetch->arena);
    fetch->call.backend = fetch->backend;
    make_request(fetch);
    call_start(&fetch->call);
}

static void on_looked_up(void *owner, const struct lookup_result *result)
{
    struct fetch *fetch = owner;

    fetch->lookup = NULL;
    if (fetch->state == FETCH_LOOKING_UP) {
        ask_it(fetch, result);
    }
}

/* ---- the beginning ---- */

static void copy_ask(struct fetch *fetch, const struct fetch_ask *ask)
{
    struct fetch_field *fields =
        arena_calloc(&fetch->arena, (ask->field_count + 1) * sizeof(*fields));

    fetch->ask = *ask;
    fetch->ask.url.authority = arena_copy(&fetch->arena, ask->url.authority);
    fetch->ask.body = arena_copy(&fetch->arena, ask->body);
    for (size_t i = 0; i < ask->field_count; i++) {
        fields[i].name = arena_cstr(&fetch->arena, span_from_cstr(ask->fields[i].name));
        fields[i].value = arena_copy(&fetch->arena, ask->fields[i].value);
    }
    fetch->ask.fields = fields;
}

static void look_up(struct fetch *fetch)
{
    struct resolver *names = fetch->ask.names != NULL ? fetch->ask.names : &fetch->client->names;
    const struct url *url = &fetch->ask.url;
    struct lookup_result result = {.count = 1};

    if (sock_address_from_ip(&result.items[0], url->host, url->port)) {
        ask_it(fetch, &result);
        return;
    }
    fetch->lookup = lookup_start(names, url->host, url->port, fetch, on_looked_up);
}

struct fetch *fetch_start(struct client *client, const struct fetch_ask *ask, void *owner,
                          void (*on_done)(void *owner, const struct fetch_result *result))
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));
    struct loop *loop = client->core->loop;

    CHECK(ask->url.is_https == (ask->tls != NULL));
    CHECK(ask->method == HTTP_POST || (ask->method == HTTP_GET && ask->body.len == 0));
    fetch->client = client;
    fetch->owner = owner;
    fetch->on_done = on_done;
    fetch->how = FETCH_FAILED;
    arena_init(&fetch->arena, 4096);
    strbuf_init(&fetch->body);
    deferred_init(&fetch->telling, on_tell);
    timer_init(&fetch->timer, on_timer);
    fetch->deadline_us = loop_now_us(loop) + ask->timeout_ms * 1000;
    timer_set_ms(loop, &fetch->timer, ask->timeout_ms);
    copy_ask(fetch, ask);
    look_up(fetch);
    return fetch;
}

void fetch_cancel(struct fetch *fetch)
{
    if (fetch != NULL) {
        destroy(fetch);
    }
}
