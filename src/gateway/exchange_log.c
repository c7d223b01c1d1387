/* An exchange's line in the access log. */
#include "auth/auth_identity.h"
#include "edge/redact.h"
#include "gateway/access.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"

static int64_t between(uint64_t from_us, uint64_t to_us)
{
    return from_us != 0 && to_us >= from_us ? (int64_t)(to_us - from_us) : -1;
}

static void fill_request(struct access_record *record, const struct exchange *x)
{
    const struct http_request *request = &x->request;
    const struct http_field *agent = http_fields_find(&request->fields, FIELD_USER_AGENT);
    const struct http_field *referer = http_fields_find(&request->fields, FIELD_REFERER);

    record->method = request->method_name;
    record->authority = request->authority;
    record->target = request->target;
    record->version = request->version == HTTP_1_0   ? SPAN_OF("HTTP/1.0")
                      : request->version == HTTP_2   ? SPAN_OF("HTTP/2")
                      : request->version == HTTP_1_1 ? SPAN_OF("HTTP/1.1")
                                                     : SPAN_OF("");
    if (agent != NULL) {
        record->user_agent = agent->value;
    }
    if (referer != NULL) {
        record->referer = referer->value;
    }
}

static void fill_times(struct access_record *record, const struct exchange *x)
{
    if (x->link->is_tls) {
        record->times.tls_us = x->link->handshake_us;
    }
    record->times.head_us = between(x->front.started_us, x->front.head_us);
    if (x->call.connect_began_us != 0 && x->call.connected_us != 0) {
        record->times.connect_us = between(x->call.connect_began_us, x->call.connected_us);
    }
    if (x->call.connected_us != 0 && x->first_byte_us != 0) {
        record->times.first_byte_us = between(x->call.connected_us, x->first_byte_us);
    }
}

/* The server that it stayed with is the last. */
static void fill_tries(struct access_record *record, const struct exchange *x,
                       struct access_texts *texts)
{
    const struct call *call = &x->call;
    bool has_answered = x->first_byte_us != 0;
    struct server_try last;

    if (call->has_open_try && lease_server(&call->lease) != NULL) {
        last = (struct server_try){
            .server = lease_server(&call->lease)->text,
            .outcome = has_answered ? NULL : x->front.trouble.reason,
            .status = has_answered ? x->response.status : 0,
            .us = loop_now_us(x->worker->core.loop) - call->try_began_us,
        };
    }
    access_fill_tries(record, &call->tries, call->has_open_try ? &last : NULL, texts);
}

/* The configuration's own members, and what it would not have written. */
static void fill_by_rules(struct access_record *record, struct exchange *x)
{
    const struct log_rules *rules = exchange_log_rules(x);

    record->target = redact_url(&rules->redact, record->target, &x->arena);
    record->referer = redact_url(&rules->redact, record->referer, &x->arena);
    if (rules->member_count != 0) {
        record->members = exchange_log_members(x);
        record->member_count = rules->member_count;
    }
}

/* Its detail may show a target that is none. */
static struct trouble written_trouble(struct exchange *x)
{
    struct trouble trouble = x->front.trouble.reason != NULL ? x->front.trouble : x->note;

    if (trouble.detail == NULL) {
        return trouble;
    }
    struct span detail = span_from_cstr(trouble.detail);
    struct span shown = redact_url(&exchange_log_rules(x)->redact, detail, &x->arena);

    if (shown.ptr != detail.ptr) {
        trouble.detail = arena_printf(&x->arena, "%.*s", SPAN_ARG(shown));
    }
    return trouble;
}

/* The real one, as trusted proxies say it. */
static struct peer client_of(struct exchange *x)
{
    struct sock_address address;
    struct span text;

    if (!x->link->is_peer_trusted) {
        return x->link->peer;
    }
    text = exchange_view(x)->address;
    return text.len != 0 && sock_address_from_ip(&address,
                                                 arena_printf(&x->arena, "%.*s", SPAN_ARG(text)), 0)
               ? peer_from(&address)
               : x->link->peer;
}

/* One choice for one id: gateways in a row have the same requests in their samples. FNV-1a, and
 * what the end of the id has in it is spread. */
static uint32_t number_of(struct span id)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ (unsigned char)id.ptr[i]) * 16777619U;
    }
    hash = (hash ^ (hash >> 16)) * 0x45d9f3bU;
    return hash ^ (hash >> 16);
}

/* What went wrong is written, whatever the route says. */
static bool is_wanted(struct exchange *x)
{
    const struct log_rules *rules = exchange_log_rules(x);
    unsigned status = x->front.has_started ? x->response.status : 0;
    bool has_failed = x->front.trouble.reason != NULL || status == 0 || status >= 500;

    if (x->route != NULL && !x->route->settings->access_log && !has_failed) {
        return false;
    }
    if (rules->exclude_count != 0) {
        const struct peer client = client_of(x);
        const struct log_facts facts = {.path = x->path.match,
                                        .method = x->request.method_name,
                                        .status = status,
                                        .client = &client,
                                        .has_failed = has_failed};
        if (log_rules_exclude(rules, &facts)) {
            return false;
        }
    }
    return log_rules_sample(rules, has_failed, number_of(x->request_id));
}

void exchange_log(struct exchange *x)
{
    const struct link *link = x->link;
    struct access_record record;
    struct access_texts texts;
    const struct access_way way = {x->generation, exchange_log_rules(x)};

    if (!is_wanted(x) ||
        !access_begin(&way, link, &record, ACCESS_REQUEST, x->front.started_us, &texts)) {
        return;
    }
    record.mode = link->is_tls ? ACCESS_TERMINATE : ACCESS_PLAIN;
    if (x->site != NULL) {
        record.site = x->site->name;
    }
    if (x->route != NULL) {
        record.route = x->route->name;
    }
    if (x->backend != NULL) {
        record.backend = span_from_cstr(x->backend->name);
        const struct server *server = lease_server(&x->call.lease);
        if (server != NULL) {
            record.server = span_from_cstr(server->text);
        }
    }
    fill_request(&record, x);
    if (link->is_peer_trusted) {
        struct span client = exchange_client_text(x, texts.told);
        if (!span_eq(client, record.client)) {
            record.proxy = record.client;
            record.client = client;
        }
    }
    record.status = x->front.has_started ? x->response.status : 0;
    record.bytes_in = x->request_bytes;
    record.bytes_out = x->response_bytes;
    if (x->phases != NULL && x->phases->identity != NULL) {
        record.user = x->phases->identity->user;
        record.auth = span_from_cstr(x->phases->identity->method);
    }
    if (x->phases != NULL && x->phases->rule != NULL) {
        record.rule = span_from_cstr(x->phases->rule);
    }
    if (x->phases != NULL && x->phases->limit != NULL) {
        record.limit = span_from_cstr(x->phases->limit);
        record.is_limit_dry = x->phases->is_limit_dry;
    }
    record.request_id = x->request_id;
    record.is_early = x->is_early;
    if (x->cache != NULL) {
        record.cache = x->cache->log_word;
    }
    fill_times(&record, x);
    fill_tries(&record, x, &texts);
    fill_by_rules(&record, x);
    const struct template_values values = exchange_logged_values(x);
    const struct trouble trouble = written_trouble(x);
    access_end(&way, link, &record, &trouble, &values);
}
