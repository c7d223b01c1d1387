#include "client/call_base.h"

#include <string.h>

#include "tls/tls_conn.h"

const struct trouble call_unread = {
    "server_closed_in_body",
    "the server answered, and closed before it had read all of the request's body",
    "see the server's log, and its limit for bodies"};

const struct trouble call_unneeded = {
    "body_unneeded",
    "the server answered, and said that it needs no more of the request's body (RST_STREAM with "
    "NO_ERROR, RFC 9113 section 8.1)",
    "nothing: the answer was sent"};

struct state_owner call_whose(const struct call *call, const struct core *core, int32_t stream)
{
    struct state_owner owner = {.core = core};

    if (call != NULL) {
        owner = call->whose;
    }
    owner.stream = stream;
    return owner;
}

/* ---- lines ---- */

void call_line_init(struct call_line *line, void (*on_empty)(struct call_line *line))
{
    list_init(&line->calls);
    line->count = 0;
    line->on_empty = on_empty;
}

void call_line_add(struct call_line *line, struct call *call)
{
    call->line = line;
    list_push_back(&line->calls, &call->waiting);
    line->count++;
}

struct call *call_line_pop(struct call_line *line)
{
    struct list *node = list_pop_front(&line->calls);
    struct call *call;

    if (node == NULL) {
        return NULL;
    }
    call = LIST_ENTRY(node, struct call, waiting);
    call->line = NULL;
    line->count--;
    return call;
}

void call_line_remove(struct call *call)
{
    struct call_line *line = call->line;

    call->line = NULL;
    list_remove(&call->waiting);
    line->count--;
    if (line->count == 0 && line->on_empty != NULL) {
        line->on_empty(line);
    }
}

void call_line_move(struct call_line *from, struct call_line *to)
{
    struct call *call;

    while ((call = call_line_pop(from)) != NULL) {
        call_line_add(to, call);
    }
}

void call_line_fail(struct call_line *line, bool was_told, enum dial_result result,
                    const struct trouble *trouble)
{
    struct call *call;

    while ((call = call_line_pop(line)) != NULL) {
        call_unreachable(call, was_told ? LEASE_UNUSED : LEASE_SERVER_FAILED, result, trouble);
        was_told = true;
    }
}

/* ---- to the owner ---- */

void call_body(struct call *call, struct span bytes)
{
    if (call->ops->body != NULL) {
        call->ops->body(call, bytes);
    }
}

void call_writable(struct call *call)
{
    if (call->ops->writable != NULL) {
        call->ops->writable(call);
    }
}

bool call_polls_response(struct call *call)
{
    return call->ops->poll_response == NULL || call->ops->poll_response(call);
}

size_t call_room(struct call *call)
{
    return call->ops->room != NULL ? call->ops->room(call) : SIZE_MAX;
}

struct conn *call_sink(struct call *call)
{
    return call->ops->sink != NULL ? call->ops->sink(call) : NULL;
}

void call_has_moved(struct call *call, uint64_t bytes)
{
    if (call->ops->moved != NULL) {
        call->ops->moved(call, bytes);
    }
}

void call_sink_failed(struct call *call)
{
    if (call->ops->sink_failed != NULL) {
        call->ops->sink_failed(call);
    }
}

void call_taken(struct call *call)
{
    if (!http_method_is_idempotent(call->request->method, call->request->method_name)) {
        replay_drop(&call->replay);
    }
}

/* In lower case, without a dot at its end and without the brackets of an address (RFC 6066 section
 * 3). */
static const char *name_of_host(struct span host, struct arena *arena)
{
    char *name;

    if (host.len > 2 && host.ptr[0] == '[') {
        host = span_head(span_skip(host, 1), host.len - 2);
    }
    if (host.len > 1 && host.ptr[host.len - 1] == '.') {
        host = span_head(host, host.len - 1);
    }
    name = arena_cstr(arena, host);
    for (size_t i = 0; i < host.len; i++) {
        name[i] = ascii_lower(name[i]);
    }
    return name;
}

const char *call_client_name(struct call *call)
{
    if (call->tls_name == NULL && call->backend->is_named_by_client &&
        call->request->host.len != 0) {
        call->tls_name = name_of_host(call->request->host, call->arena);
    }
    return call->tls_name;
}

bool call_may_use(struct call *call, const struct server *server, const struct conn *conn)
{
    const char *name;

    if (conn_is_plain(conn)) {
        return true;
    }
    name = dial_tls_name(server, call_client_name(call));
    return strcmp(name != NULL ? name : "", tls_conn_asked_name(conn)) == 0;
}

struct span call_authority(const struct call *call)
{
    const struct span asked = call->request->authority;
    const struct server *server = lease_server(&call->lease);

    if (server != NULL && server->own_host != NULL) {
        return span_from_cstr(server->own_host);
    }
    if (call->backend->host_from == BACKEND_HOST_NAMED) {
        return span_from_cstr(call->backend->host);
    }
    if (call->backend->host_from == BACKEND_HOST_SERVER && server != NULL) {
        return span_from_cstr(server->host);
    }
    return asked.ptr != NULL ? asked : SPAN_OF("localhost");
}
