/* Answers made here: errors, redirects, `respond`, `files`. */
#include <errno.h>
#include <unistd.h>

#include "files/static_files.h"
#include "gateway/echo.h"
#include "gateway/exchange_internal.h"
#include "http/grpc.h"
#include "http/reuse.h"
#include "tls/tls_conn.h"

#define FILE_TURN_BYTES ((size_t)1024 * 1024)
/* How long an answer waits for what is left of a short body. */
#define BODY_WAIT_MS 100

static void add_field(struct exchange *x, enum http_field_id id, struct span name,
                      struct span value)
{
    http_fields_add(&x->response.fields, &x->arena, id, name, value);
}

/* Head and body of an answer of known length; the caller has set status and fields. */
static void send_head(struct exchange *x, uint64_t body_bytes)
{
    struct http_response *response = &x->response;
    unsigned status = response->status;
    bool has_body = body_bytes != 0 && !http_response_is_bodiless(status, x->request.method);

    response->version = HTTP_1_1;
    response->framing = has_body ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
    response->has_content_length = status >= 200 && status != 204 && status != 304;
    response->content_length = status != 205 ? body_bytes : 0;
    x->first_byte_us = loop_now_us(x->worker->core.loop);
    exchange_enter(x, EXCHANGE_RESPOND);
    x->front.has_started = true;
    exchange_prepare_response(x);
    exchange_compress(x);
    x->front.ops->head(&x->front, response);
}

static void send_answer(struct exchange *x, struct span body)
{
    send_head(x, body.len);
    if (x->response.framing != HTTP_FRAMING_NONE) {
        exchange_response_body(x, body);
    }
    exchange_response_end(x, NULL);
}

/* From nothing: x->response may hold what a server said, in a head that is not passed on. */
static void start_response(struct exchange *x, unsigned status)
{
    x->response = (struct http_response){.status = status};
}

void exchange_answer_with(struct exchange *x, unsigned status, const struct http_fields *fields,
                          struct span body)
{
    start_response(x, status);
    x->response.fields = *fields;
    send_answer(x, body);
}

/* Not gRPC-Web, whose clients read what HTTP says. */
static bool speaks_grpc(const struct exchange *x)
{
    const struct http_field *type = http_fields_find(&x->request.fields, FIELD_CONTENT_TYPE);
    struct span rest;

    if (!x->is_grpc || x->request.version != HTTP_2 || type == NULL) {
        return false;
    }
    rest = span_skip(type->value, sizeof("application/grpc") - 1);
    return rest.len == 0 || rest.ptr[0] != '-';
}

static void add_grpc_status(struct exchange *x, struct http_fields *fields, unsigned status)
{
    const char *text = arena_printf(
        &x->arena, "%u %s (%s), request %.*s", status, http_reason(status),
        x->front.trouble.reason != NULL ? x->front.trouble.reason : "", SPAN_ARG(x->request_id));

    http_fields_add(fields, &x->arena, FIELD_OTHER, SPAN_OF("grpc-status"),
                    span_from_cstr(arena_printf(&x->arena, "%d", (int)grpc_status_of(status))));
    http_fields_add(fields, &x->arena, FIELD_OTHER, SPAN_OF("grpc-message"),
                    grpc_message(span_from_cstr(text), &x->arena));
}

/* A head that is all: "Trailers-Only". */
static void answer_grpc(struct exchange *x, unsigned status)
{
    start_response(x, 200);
    x->response.version = HTTP_2;
    add_field(x, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), SPAN_OF("application/grpc"));
    add_grpc_status(x, &x->response.fields, status);
    x->first_byte_us = loop_now_us(x->worker->core.loop);
    exchange_enter(x, EXCHANGE_RESPOND);
    x->front.has_started = true;
    exchange_prepare_response(x);
    x->front.ops->head(&x->front, &x->response);
    exchange_response_end(x, NULL);
}

void exchange_break(struct exchange *x)
{
    struct http_fields trailers = {0};

    if (!speaks_grpc(x) || x->front.is_tunnel || x->response.framing != HTTP_FRAMING_CHUNKED) {
        exchange_finish(x, true);
        return;
    }
    /* What was begun can be tried again: UNAVAILABLE. */
    add_grpc_status(x, &trailers, 503);
    x->front.ops->end(&x->front, &trailers);
    exchange_finish(x, false);
}

/* Whoever decides about the request has its client ask somewhere else first. */
static void send_elsewhere(struct exchange *x, unsigned status)
{
    start_response(x, status);
    add_field(x, FIELD_OTHER, SPAN_OF("Cache-Control"), SPAN_OF("no-store"));
    for (size_t i = 0; x->refusal.more != NULL && i < x->refusal.more->count; i++) {
        const struct http_field *field = &x->refusal.more->items[i];
        add_field(x, field->id, field->name, field->value);
    }
    send_answer(x, x->refusal.body);
}

static struct span page_of(struct exchange *x, unsigned status, const char *detail,
                           struct span *type)
{
    struct span body;

    if (x->refusal.body.ptr != NULL) {
        return x->refusal.body;
    }
    if (exchange_error_page(x, status, type, &body)) {
        return body;
    }
    return span_from_cstr(arena_printf(&x->arena, "%u %s\n%s%s\nrequest %.*s\n", status,
                                       http_reason(status), detail != NULL ? detail : "",
                                       detail != NULL ? "\n" : "", SPAN_ARG(x->request_id)));
}

void exchange_answer_error(struct exchange *x, unsigned status)
{
    /* What was wrong with the request itself may be told to whoever sent it; what is wrong behind
     * the gateway is nobody's business out there. */
    bool is_told = x->front.is_malformed || status == 400;
    const char *detail = is_told ? x->front.trouble.detail : NULL;
    struct span type = SPAN_OF("text/plain; charset=utf-8");
    struct span body;

    x->file = NULL;
    if (status < 400) {
        send_elsewhere(x, status);
        return;
    }
    if (speaks_grpc(x) && !x->front.is_malformed) {
        answer_grpc(x, status);
        return;
    }
    start_response(x, status);
    body = page_of(x, status, detail, &type);
    own_answer_fields(status, type, &x->refusal, &x->arena, &x->response.fields);
    send_answer(x, body);
}

void exchange_answer_redirect(struct exchange *x, unsigned status, const char *location)
{
    start_response(x, status);
    add_field(x, FIELD_LOCATION, SPAN_OF("Location"), span_from_cstr(location));
    send_answer(x, span_make(NULL, 0));
}

/* ---- respond ---- */

static struct span echo_body(struct exchange *x)
{
    const struct link *link = x->link;
    const struct conn *tls = link_tls(link);
    char client[SOCK_TEXT_MAX];
    char subject[256];
    struct echo_facts facts = {
        .client = exchange_client_text(x, client),
        .listener = span_from_cstr(link->listener_text),
        .server = x->site->name,
        .is_tls = link->is_tls,
        .sni = span_from_cstr(link->sni),
        .body_bytes = x->request_bytes,
    };

    if (tls != NULL) {
        bool is_verified = tls_conn_peer_verdict(tls) == NULL;
        size_t len = is_verified ? tls_conn_peer_subject(tls, subject, sizeof(subject)) : 0;
        facts.tls_version = span_from_cstr(tls_conn_version(tls));
        facts.tls_cipher = span_from_cstr(tls_conn_cipher(tls));
        facts.client_subject = span_make(len != 0 ? subject : NULL, len);
    }
    return echo_json(&x->arena, &x->request, &facts);
}

static void answer_respond(struct exchange *x, const struct respond_settings *respond)
{
    bool has_type = false;

    if (respond->close) {
        x->front.trouble = (struct trouble){.reason = "closed_unanswered"};
        exchange_finish(x, true);
        return;
    }
    start_response(x, respond->status);
    for (size_t i = 0; i < respond->field_count; i++) {
        struct span name = span_from_cstr(respond->fields[i].name);
        enum http_field_id id = http_field_id(name);
        has_type |= id == FIELD_CONTENT_TYPE;
        add_field(x, id, name, span_from_cstr(respond->fields[i].value));
    }
    if (respond->echo) {
        if (!has_type) {
            add_field(x, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), SPAN_OF("application/json"));
        }
        send_answer(x, echo_body(x));
        return;
    }
    struct span type;
    struct span body = exchange_respond_body(x, respond, &type);
    if (!has_type && body.len != 0) {
        add_field(x, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), type);
    }
    if (respond->retry_after_ms != 0) {
        add_field(x, FIELD_OTHER, SPAN_OF("Retry-After"),
                  span_from_cstr(arena_printf(
                      &x->arena, "%llu", (unsigned long long)(respond->retry_after_ms / 1000))));
    }
    send_answer(x, body);
}

static void answer_redirect(struct exchange *x, const struct redirect_settings *redirect)
{
    start_response(x, redirect->status);
    add_field(x, FIELD_LOCATION, SPAN_OF("Location"), exchange_redirect_location(x));
    send_answer(x, span_make(NULL, 0));
}

/* ---- files ---- */

static const char *file_reason(unsigned status)
{
    switch (status) {
    case 405:
        return "method_not_allowed";
    case 412:
        return "precondition_failed";
    case 416:
        return "range_not_satisfiable";
    case 501:
        return "unknown_method";
    default:
        return status >= 500 ? "file_unreadable" : "no_file";
    }
}

static void answer_file(struct exchange *x)
{
    struct file_answer *file = x->found = x->found != NULL ? x->found : exchange_find_file(x);

    x->response = (struct http_response){.status = file->status, .fields = file->fields};
    if (!file->has_file) {
        if (file->status >= 400) {
            x->front.trouble = (struct trouble){file_reason(file->status), file->detail, NULL};
            x->refusal = file->refusal;
            exchange_answer_error(x, file->status);
            return;
        }
        send_answer(x, file->text);
        return;
    }
    send_head(x, file->content_length);
    if (!file->is_body_sent || x->response.framing == HTTP_FRAMING_NONE) {
        exchange_response_end(x, NULL);
        return;
    }
    x->file = file;
    exchange_count_file(x, true);
    exchange_answer_file_go_on(x);
}

enum file_step { FILE_STEP_MORE, FILE_STEP_WAIT, FILE_STEP_BROKEN, FILE_STEP_CLIENT_LOST };

/* Through the kernel where the client's connection is plain. */
static enum file_step send_raw(struct exchange *x, struct conn *conn, const struct file_part *part)
{
    uint64_t offset = part->offset + x->file_at;
    uint64_t left = part->length - x->file_at;
    size_t moved;

    conn_flush(conn);
    if (conn_pending(conn) != 0) {
        return FILE_STEP_WAIT;
    }
    switch (conn_send_file(conn, x->file->fd, &offset,
                           left < FILE_TURN_BYTES ? (size_t)left : FILE_TURN_BYTES, &moved)) {
    case CONN_OK:
        break;
    case CONN_AGAIN:
        return FILE_STEP_WAIT;
    case CONN_EOF: /* the file has shrunk */
        return FILE_STEP_BROKEN;
    case CONN_ERROR: /* of either side, and files have one alone */
        return conn->error == EIO ? FILE_STEP_BROKEN : FILE_STEP_CLIENT_LOST;
    }
    x->file_at += moved;
    exchange_response_moved(x, moved);
    return FILE_STEP_MORE;
}

static enum file_step send_copied(struct exchange *x, const struct file_part *part)
{
    uint64_t left = part->length - x->file_at;
    size_t room = exchange_response_room(x);
    size_t wanted = room < CORE_FILE_BUFFER_BYTES ? room : CORE_FILE_BUFFER_BYTES;
    char *buffer = core_file_buffer(&x->worker->core);
    ssize_t n = pread(x->file->fd, buffer, left < wanted ? (size_t)left : wanted,
                      (off_t)(part->offset + x->file_at));

    if (n <= 0) {
        return FILE_STEP_BROKEN;
    }
    x->file_at += (uint64_t)n;
    exchange_response_body(x, span_make(buffer, (size_t)n));
    if (!exchange_filters_take(x)) {
        return FILE_STEP_BROKEN;
    }
    return FILE_STEP_MORE; /* whether that was all is seen before whether the client waits */
}

static enum file_step send_some(struct exchange *x)
{
    const struct file_part *part = &x->file->parts[x->file_part];
    struct conn *raw = exchange_raw_front(x);

    if (x->file_at == 0 && part->header.len != 0) {
        exchange_response_body(x, part->header);
    }
    if (part->length == 0) {
        return FILE_STEP_MORE;
    }
    return raw != NULL ? send_raw(x, raw, part) : send_copied(x, part);
}

/* A file that is read, or kept open, for the client. */
void exchange_count_file(struct exchange *x, bool is_open)
{
    if (x->has_open_file == is_open) {
        return;
    }
    x->has_open_file = is_open;
    x->link->open_files += is_open ? 1 : UINT64_MAX;
    x->worker->core.sums.open_files += is_open ? 1 : UINT64_MAX;
}

/* The client takes nothing: it may keep some files open meanwhile, but not all that it asks for. */
static void rest_file(struct exchange *x)
{
    const struct limits_settings *limits = &x->settings->limits;

    if (x->has_open_file && (x->link->open_files > limits->files ||
                             x->worker->core.sums.open_files > limits->files_worker)) {
        static_files_park(x->file);
        exchange_count_file(x, false);
    }
}

static bool wake_file(struct exchange *x)
{
    if (x->has_open_file) {
        return true;
    }
    if (!static_files_unpark(files_root_fd(x->route->files, loop_now_us(x->worker->core.loop)),
                             x->file)) {
        return false;
    }
    exchange_count_file(x, true);
    return true;
}

static void break_file(struct exchange *x)
{
    x->front.trouble =
        exchange_filters_take(x)
            ? (struct trouble){"file_cut_short", "the file could not be read to its end", NULL}
            : x->filters->failure;
    exchange_finish(x, true);
}

void exchange_answer_file_go_on(struct exchange *x)
{
    for (int turn = 0; turn < 4; turn++) {
        if (!x->front.ops->poll(&x->front)) {
            rest_file(x);
            return; /* exchange_front_writable comes back here */
        }
        switch (wake_file(x) ? send_some(x) : FILE_STEP_BROKEN) {
        case FILE_STEP_MORE:
            break;
        case FILE_STEP_WAIT:
            (void)x->front.ops->poll(
                &x->front); /* sets the deadline of a client that takes nothing */
            return;
        case FILE_STEP_BROKEN:
            break_file(x);
            return;
        case FILE_STEP_CLIENT_LOST:
            exchange_lose_client(x);
            return;
        }
        if (x->file_at == x->file->parts[x->file_part].length) {
            x->file_at = 0;
            if (++x->file_part == x->file->part_count) {
                x->file = NULL;
                exchange_response_end(x, NULL);
                return;
            }
        }
    }
    loop_defer(x->worker->core.loop, &x->again); /* the other connections' turn */
}

/* ---- which, and when ---- */

void exchange_answer_now(struct exchange *x)
{
    if (x->refused_status != 0) {
        exchange_answer_error(x, x->refused_status);
    } else if (x->route->settings->respond != NULL) {
        answer_respond(x, x->route->settings->respond);
    } else if (x->route->settings->redirect != NULL) {
        answer_redirect(x, x->route->settings->redirect);
    } else {
        answer_file(x);
    }
}

/* What is answered here needs no body. But one that is short, or may be, is mostly on its way, and
 * the connection can go on behind it; and some HTTP/2 clients lose a response that comes while they
 * are sending. */
bool exchange_answer_waits(struct exchange *x)
{
    uint64_t left = exchange_body_left(x);

    if (x->front.request_done || x->front.closes || x->front.is_malformed ||
        exchange_is_held_back(x) || (left > REUSE_SHORT_REST && left != UINT64_MAX)) {
        return false;
    }
    exchange_enter(x, EXCHANGE_DISCARD);
    timer_set_ms(x->worker->core.loop, &x->timer, BODY_WAIT_MS);
    return true;
}

void exchange_ask_for_body(struct exchange *x)
{
    if (x->request.expects_continue) {
        x->was_continued = true;
        x->response = (struct http_response){.version = HTTP_1_1, .status = 100};
        x->front.ops->interim(&x->front, &x->response);
    }
}

/* Only `echo` says something about the body. */
void exchange_answer_route(struct exchange *x)
{
    const struct respond_settings *respond = x->route->settings->respond;

    if (!x->front.request_done && respond != NULL && respond->echo) {
        exchange_enter(x, EXCHANGE_DISCARD);
        exchange_ask_for_body(x);
        return;
    }
    if (!exchange_answer_waits(x)) {
        exchange_answer_now(x);
    }
}
