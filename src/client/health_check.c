#include "client/health_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/pattern.h"
#include "client/call.h"

#define GRPC_SERVING 1

enum check_state {
    CHECK_ASKING,
    CHECK_OVER /* told at the end of the turn: an event may come while a library is parsing */
};

struct health_check {
    enum check_state state;
    struct client *client;
    struct health_check_ask ask;
    const struct backend *backend; /* of that server alone: */
    struct server_set *servers;    /* held */
    struct arena arena;
    struct timer timer;
    struct deferred telling;
    /* A check that only connects, and perhaps listens. */
    struct dial *dial; /* NULL: it is over, or there is a call */
    struct conn *conn; /* that is listened to; NULL: none */
    struct lease lease;
    struct lease_tried tried;
    /* One that asks. */
    bool has_call;
    struct http_request request;
    struct http_response response;
    struct call call;
    struct strbuf body;
    struct health_answer answer;
    char why[HEALTH_WHY_MAX];
    void *owner;
    void (*on_done)(void *owner, const struct health_answer *answer);
};

static struct health_check *check_of(struct call *call)
{
    return CONTAINER_OF(call, struct health_check, call);
}

/* ---- the end ---- */

static void destroy(struct health_check *check)
{
    struct client *client = check->client;

    timer_destroy(client->core->loop, &check->timer);
    deferred_cancel(&check->telling);
    if (check->dial != NULL) {
        dial_cancel(check->dial);
        free(check->dial);
    }
    if (check->conn != NULL) {
        conn_close_in_order(check->conn);
        conn_free(check->conn);
        lease_end(&check->lease, LEASE_UNUSED, NULL);
    }
    if (check->has_call) {
        call_release(&check->call, check->answer.is_good ? LEASE_OK : LEASE_CLIENT_LEFT);
        call_reset(&check->call);
    }
    lease_reset(&check->lease);
    server_set_release(check->servers);
    upstreams_remove(&client->upstreams, check->backend);
    backend_release(check->backend);
    strbuf_free(&check->body);
    arena_destroy(&check->arena);
    free(check);
}

static void on_tell(struct deferred *deferred)
{
    struct health_check *check = CONTAINER_OF(deferred, struct health_check, telling);

    check->answer.why = check->why;
    check->on_done(check->owner, &check->answer);
    destroy(check);
}

/* The first answer is the one that is told; `why` is set unless it is good. */
static void finish(struct health_check *check, bool is_good, bool is_reachable)
{
    if (check->state == CHECK_OVER) {
        return;
    }
    check->state = CHECK_OVER;
    check->answer = (struct health_answer){.is_good = is_good, .is_reachable = is_reachable};
    loop_defer(check->client->core->loop, &check->telling);
}

static void on_timer(struct timer *timer)
{
    struct health_check *check = CONTAINER_OF(timer, struct health_check, timer);
    bool is_reachable = check->conn != NULL || (check->has_call && check->call.connected_us != 0);

    (void)snprintf(check->why, sizeof(check->why), "it %s within %llu ms",
                   is_reachable ? "did not answer" : "could not be connected to",
                   (unsigned long long)check->ask.timeout_ms);
    finish(check, false, is_reachable);
}

/* ---- connecting, and listening ---- */

/* It has said what there is to hear, or enough. */
static void judge_talk(struct health_check *check)
{
    const char *expect = check->ask.talk->expect;
    bool has_it = check->body.len != 0 &&
                  memmem(check->body.ptr, check->body.len, expect, strlen(expect)) != NULL;

    if (!has_it) {
        (void)snprintf(check->why, sizeof(check->why), "what it said has not '%.60s' in it",
                       expect);
    }
    finish(check, has_it, true);
}

static bool has_heard(const struct health_check *check)
{
    const char *expect = check->ask.talk->expect;

    return check->body.len >= HEALTH_CHECK_BODY_MAX ||
           (check->body.len != 0 &&
            memmem(check->body.ptr, check->body.len, expect, strlen(expect)) != NULL);
}

static void on_said(struct conn *conn)
{
    struct health_check *check = conn->owner;
    enum conn_result result = CONN_OK;
    struct span bytes;

    while (result == CONN_OK && check->state == CHECK_ASKING) {
        result = conn_read(conn, &bytes);
        if (result == CONN_OK) {
            size_t room = HEALTH_CHECK_BODY_MAX - check->body.len;
            strbuf_add(&check->body, span_head(bytes, bytes.len < room ? bytes.len : room));
        }
        if (has_heard(check) || result == CONN_EOF || result == CONN_ERROR) {
            judge_talk(check);
        }
    }
}

static void on_sent(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler talk_handler = {.on_readable = on_said, .on_writable = on_sent};

static void talk(struct health_check *check, struct conn *conn)
{
    const char *send = check->ask.talk->send;

    check->conn = conn;
    conn->handler = &talk_handler;
    conn->owner = check;
    if (send != NULL) {
        conn_queue(conn, span_from_cstr(send));
        conn_flush(conn);
    }
    on_said(conn); /* a server may speak first */
}

static void on_dialed(struct dial *dial, enum dial_result result)
{
    struct health_check *check = dial->owner;

    if (result == DIAL_OK) {
        struct conn *conn = dial_take(dial);
        if (check->ask.talk != NULL && check->ask.talk->expect != NULL) {
            talk(check, conn);
            return;
        }
        conn_close_in_order(conn);
        conn_free(conn);
        lease_end(&check->lease, LEASE_UNUSED, NULL);
        finish(check, true, true);
    } else {
        (void)snprintf(check->why, sizeof(check->why), "%s", dial->trouble.detail);
        finish(check, false, false);
    }
}

static void connect_to_it(struct health_check *check)
{
    const struct dial_client nobody = {.peer = {.is_unix = true}, .local = {.is_unix = true}};
    bool may_be_h2 = check->ask.talk == NULL && check->backend->protocol != BACKEND_H1 &&
                     check->backend->tls != NULL;

    check->dial = xcalloc(1, sizeof(*check->dial));
    dial_start(check->dial, check->client, &nobody, check->backend,
               may_be_h2 ? DIAL_OFFER_ANY : DIAL_OFFER_H1, &check->tried, NULL, NULL, &check->lease,
               check, on_dialed);
}

/* ---- by HTTP ---- */

/* Without any, 2xx and 3xx. */
static bool is_expected(const struct string_list *expect, unsigned status)
{
    for (size_t i = 0; i < expect->count; i++) {
        const char *text = expect->items[i];
        bool is_class = text[1] == 'x';
        unsigned value = is_class ? (unsigned)(text[0] - '0') : (unsigned)strtoul(text, NULL, 10);
        if (value == (is_class ? status / 100 : status)) {
            return true;
        }
    }
    return expect->count == 0 && status >= 200 && status < 400;
}

/* What was compiled when the configuration was read compiles again. */
static bool fits(struct health_check *check, const char *regex)
{
    struct error error;
    size_t offset;
    const struct pattern *pattern =
        pattern_compile(span_from_cstr(regex), 0, &check->arena, &error, &offset);
    struct span body = check->body.ptr != NULL ? strbuf_span(&check->body) : SPAN_OF("");

    CHECK(pattern != NULL);
    return pattern_search(pattern, span_cut(body, PATTERN_SUBJECT_MAX), NULL) == PATTERN_FOUND;
}

static void judge_http(struct health_check *check)
{
    const struct check_http_settings *http = check->ask.http;
    unsigned status = check->response.status;
    bool is_good = is_expected(&http->expect, status);

    if (!is_good) {
        (void)snprintf(check->why, sizeof(check->why), "it answered %.100s with status %u",
                       http->path, status);
    } else if (http->body != NULL &&
               (check->body.len == 0 ||
                memmem(check->body.ptr, check->body.len, http->body, strlen(http->body)) == NULL)) {
        (void)snprintf(check->why, sizeof(check->why), "its answer to %.100s has not '%.60s' in it",
                       http->path, http->body);
        is_good = false;
    } else if (http->body_regex != NULL && !fits(check, http->body_regex)) {
        (void)snprintf(check->why, sizeof(check->why),
                       "its answer to %.80s does not fit the regular expression '%.50s'",
                       http->path, http->body_regex);
        is_good = false;
    }
    finish(check, is_good, true);
}

/* ---- by gRPC ---- */

/* The status of a HealthCheckResponse: field 1, a varint, behind the message's prefix of five
 * bytes. 0: there is none. */
static unsigned serving_status(struct span body)
{
    const unsigned char *bytes = (const unsigned char *)body.ptr;

    return body.len >= 7 && bytes[0] == 0 && bytes[5] == 0x08 ? bytes[6] : 0;
}

/* NULL: there was none. */
static const struct http_field *grpc_status(struct health_check *check,
                                            const struct http_fields *trailers)
{
    const struct http_field *field = NULL;

    if (trailers != NULL) {
        field = http_fields_find_name(trailers, SPAN_OF("grpc-status"));
    }
    return field != NULL ? field
                         : http_fields_find_name(&check->response.fields, SPAN_OF("grpc-status"));
}

static void judge_grpc(struct health_check *check, const struct http_fields *trailers)
{
    const struct http_field *status = grpc_status(check, trailers);
    unsigned serving = check->body.len != 0 ? serving_status(strbuf_span(&check->body)) : 0;
    bool is_ok = status != NULL && span_eq(status->value, SPAN_OF("0"));

    if (check->response.status != 200 || status == NULL) {
        (void)snprintf(check->why, sizeof(check->why), "it does not speak gRPC there: status %u",
                       check->response.status);
    } else if (!is_ok) {
        (void)snprintf(check->why, sizeof(check->why), "its answer has grpc-status %.*s",
                       (int)(status->value.len < 20 ? status->value.len : 20), status->value.ptr);
    } else if (serving != GRPC_SERVING) {
        (void)snprintf(check->why, sizeof(check->why), "it says that it is not serving (%u)",
                       serving);
    }
    finish(check, check->response.status == 200 && is_ok && serving == GRPC_SERVING, true);
}

/* ---- the call ---- */

static void on_body(struct call *call, struct span bytes)
{
    struct health_check *check = check_of(call);
    size_t room = HEALTH_CHECK_BODY_MAX - check->body.len;

    if (check->state == CHECK_OVER) {
        return;
    }
    strbuf_add(&check->body, span_head(bytes, bytes.len < room ? bytes.len : room));
    if (check->body.len == HEALTH_CHECK_BODY_MAX && check->ask.http != NULL) {
        judge_http(check); /* the rest is not waited for */
    }
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    struct health_check *check = check_of(call);

    if (check->ask.http != NULL) {
        judge_http(check);
    } else {
        judge_grpc(check, trailers);
    }
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    struct health_check *check = check_of(call);
    const struct trouble *trouble = &failure->trouble;

    if (check->state == CHECK_ASKING) {
        (void)snprintf(check->why, sizeof(check->why), "%s",
                       trouble->detail != NULL ? trouble->detail : trouble->reason);
        finish(check, false, call->connected_us != 0);
    }
}

static void on_writable(struct call *call)
{
    struct health_check *check = check_of(call);

    if (!call->is_whole) { /* gRPC: a message that names the service */
        const char *service = check->ask.grpc->service;
        size_t len = strlen(service);
        char message[5 + 2 + 128] = {0};
        size_t size = len != 0 ? len + 2 : 0;

        message[4] = (char)size;
        message[5] = 0x0a;
        message[6] = (char)len;
        memcpy(message + 7, service, len);
        call_send_body(call, span_make(message, 5 + size));
        call_send_end(call, NULL);
    }
}

static bool poll_response(struct call *call)
{
    return check_of(call)->state == CHECK_ASKING;
}

static void describe_client(struct call *call, struct dial_client *client)
{
    (void)call;
    client->peer.is_unix = client->local.is_unix = true; /* nobody: UNKNOWN, LOCAL */
}

static const struct call_ops ops = {
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
    .poll_response = poll_response,
    .describe_client = describe_client,
};

static void add_field(struct health_check *check, const char *name, struct span value)
{
    struct span text = span_from_cstr(name);

    http_fields_add(&check->request.fields, &check->arena, http_field_id(text), text, value);
}

static struct span host_of(const struct health_check *check)
{
    const struct check_http_settings *http = check->ask.http;
    const struct backend *backend = check->ask.backend;
    const struct endpoint_key *key = &check->servers->servers[0].endpoint->key;

    if (http != NULL && http->host != NULL) {
        return span_from_cstr(http->host);
    }
    if (backend->host_from == BACKEND_HOST_NAMED) {
        return span_from_cstr(backend->host);
    }
    if (backend->host_from == BACKEND_HOST_SERVER) {
        return span_from_cstr(check->servers->servers[0].host);
    }
    if (key->tls_name != NULL) {
        return span_from_cstr(key->tls_name);
    }
    return key->is_unix ? SPAN_OF("localhost") : span_from_cstr(check->servers->servers[0].text);
}

static void make_request(struct health_check *check)
{
    const struct check_http_settings *http = check->ask.http;
    struct span method = http != NULL ? span_from_cstr(http->method) : SPAN_OF("POST");
    struct span target =
        http != NULL ? span_from_cstr(http->path) : SPAN_OF("/grpc.health.v1.Health/Check");
    size_t path = span_find(target, '?');

    check->request = (struct http_request){
        .version = HTTP_1_1,
        .method = http_method_from(method),
        .method_name = method,
        .authority = host_of(check),
        .framing = http != NULL ? HTTP_FRAMING_NONE : HTTP_FRAMING_CHUNKED,
    };
    if (!http_parse_authority(check->request.authority, &check->request.host,
                              &check->request.port)) {
        check->request.host = span_make(NULL, 0);
    }
    if (path < target.len) {
        check->request.query = span_skip(target, path + 1);
    }
    add_field(check, "User-Agent", SPAN_OF("tidegate"));
    for (size_t i = 0; http != NULL && i < http->field_count; i++) {
        add_field(check, http->fields[i].name, span_from_cstr(http->fields[i].value));
    }
    if (http == NULL) {
        add_field(check, "Content-Type", SPAN_OF("application/grpc"));
        add_field(check, "TE", SPAN_OF("trailers"));
    }
    check->call.request = &check->request;
    check->call.response = &check->response;
    check->call.path = span_head(target, path);
    check->call.is_whole = http != NULL;
}

static void ask_it(struct health_check *check)
{
    check->has_call = true;
    call_init(&check->call, &ops, check->client, NULL, &check->arena);
    check->call.backend = check->backend;
    make_request(check);
    call_start(&check->call);
}

/* ---- the beginning ---- */

/* At another port than requests go to: one of its own, of which nothing else is seen. */
static struct endpoint *endpoint_at(const struct endpoint *of, uint16_t port)
{
    struct endpoint_key key = of->key;
    struct sock_address items[ENDPOINT_ADDRESSES_MAX];
    const struct endpoint_addresses *known;
    struct endpoint *endpoint;
    size_t count = 0;

    key.port = port;
    endpoint = endpoint_create_alone(&key);
    known = endpoint_hold_addresses((struct endpoint *)(uintptr_t)of);
    for (; known != NULL && count < known->count; count++) {
        items[count] = sock_address_at(&known->items[count], port);
    }
    endpoint_drop_addresses(known);
    endpoint_publish(endpoint, items, count);
    return endpoint;
}

/* "192.0.2.1:5432" becomes "192.0.2.1:8008". */
static const char *text_at(struct arena *arena, const char *text, uint16_t port)
{
    const char *colon = strrchr(text, ':');

    return colon != NULL ? arena_printf(arena, "%.*s:%u", (int)(colon - text), text, (unsigned)port)
                         : text;
}

/* Its connections are kept by nobody, and what comes of them says nothing by itself. */
static const struct backend *make_backend(const struct health_check_ask *ask, struct arena *arena)
{
    bool is_elsewhere = ask->port != 0 && !ask->server->endpoint->key.is_unix;
    const struct backend *group = ask->backend;
    bool has_own_host = ask->http != NULL && ask->http->host != NULL;
    struct backend_contexts contexts = backend_tls_of(group, ask->server);
    const struct server server = {
        .text = is_elsewhere ? text_at(arena, ask->server->text, ask->port) : ask->server->text,
        .host = ask->server->host,
        .own_host = has_own_host ? NULL : ask->server->own_host,
        .is_named_by_client = has_own_host && ask->server->is_named_by_client,
        .weight = 1,
        .endpoint = is_elsewhere ? endpoint_at(ask->server->endpoint, ask->port)
                                 : endpoint_hold(ask->server->endpoint),
    };

    return backend_create(&(struct backend){.name = group->name,
                                            .balance = &balance_round_robin,
                                            .tls = ask->is_plain ? NULL : contexts.tls,
                                            .tls_h1 = ask->is_plain ? NULL : contexts.tls_h1,
                                            .is_named_by_client = group->is_named_by_client,
                                            .protocol = group->protocol,
                                            .proxy_protocol = group->proxy_protocol,
                                            .connect_timeout_ms = ask->timeout_ms,
                                            .response_timeout_ms = ask->timeout_ms,
                                            .idle_timeout_ms = ask->timeout_ms,
                                            .ping_timeout_ms = ask->timeout_ms,
                                            .is_of_checks = true},
                          server_set_create(&server, 1, NULL));
}

struct health_check *
health_check_start(struct client *client, const struct health_check_ask *ask, void *owner,
                   void (*on_done)(void *owner, const struct health_answer *answer))
{
    struct health_check *check = xcalloc(1, sizeof(*check));

    check->client = client;
    check->ask = *ask;
    check->owner = owner;
    check->on_done = on_done;
    arena_init(&check->arena, 4096);
    strbuf_init(&check->body);
    lease_init(&check->lease);
    deferred_init(&check->telling, on_tell);
    timer_init(&check->timer, on_timer);
    timer_set_ms(client->core->loop, &check->timer, ask->timeout_ms);
    check->backend = make_backend(ask, &check->arena);
    check->servers = backend_servers(check->backend);
    upstreams_add(&client->upstreams, check->backend);
    if (ask->http != NULL || ask->grpc != NULL) {
        ask_it(check);
    } else {
        connect_to_it(check);
    }
    return check;
}

void health_check_cancel(struct health_check *check)
{
    if (check != NULL) {
        destroy(check);
    }
}
