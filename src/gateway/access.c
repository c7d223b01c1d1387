#include "gateway/access.h"

#include "base/clock.h"
#include "gateway/exchange.h"
#include "gateway/reasons.h"
#include "tls/handshake_error.h"
#include "tls/tls_conn.h"

/* What the texts of a record point into. */
struct texts {
    char client[SOCK_TEXT_MAX];
    char told[SOCK_TEXT_MAX];
    char subject[256];
};

static void fill_link(struct access_record *record, const struct link *link, struct texts *texts)
{
    const struct conn *tls = link_tls(link);

    record->client = span_make(texts->client, peer_text(&link->peer, texts->client));
    record->listener = span_from_cstr(link->listener_text);
    record->sni = span_from_cstr(link_asked_name(link));
    if (link->site != NULL) {
        record->site = link->site->name;
    }
    if (tls != NULL && tls_conn_is_established(tls)) {
        size_t len = tls_conn_peer_subject(tls, texts->subject, sizeof(texts->subject));
        record->tls = span_from_cstr(tls_conn_version(tls));
        record->cipher = span_from_cstr(tls_conn_cipher(tls));
        record->client_verdict = span_from_cstr(tls_conn_peer_verdict(tls));
        if (record->client_verdict.len == 0) {
            record->client_subject = span_make(texts->subject, len);
        } else {
            record->client_unverified = span_make(texts->subject, len);
        }
    }
}

/* What the place that failed did not say more exactly is said by the table of reasons. Of a word
 * that handshakes and HTTP both have, a handshake's meaning counts where there was no request. */
/* A word of TLS in the middle of a request. What a server said came with its detail; what the
 * client said is in the line of its connection, too. */
static void fill_tls_trouble(struct access_record *record, const struct trouble *trouble,
                             bool of_client)
{
    const struct handshake_cause *cause = handshake_cause_find(trouble->reason, of_client);

    record->refused_by = span_from_cstr(handshake_refused_by(trouble->reason, of_client));
    if (cause != NULL && record->detail.len == 0) {
        record->detail = span_from_cstr(cause->sentence);
    }
    if (cause != NULL && record->mend.len == 0) {
        record->mend = span_from_cstr(cause->mend);
    }
}

static void fill_trouble(struct access_record *record, const struct trouble *trouble)
{
    bool of_client = record->kind == ACCESS_CONNECTION && record->backend.ptr == NULL;
    const struct reason *reason;
    const char *who = NULL;

    if (trouble == NULL || trouble->reason == NULL) {
        return;
    }
    record->reason = span_from_cstr(trouble->reason);
    record->detail = span_from_cstr(trouble->detail);
    record->mend = span_from_cstr(trouble->mend);
    reason = reasons_find(record->reason);
    if (record->kind == ACCESS_REQUEST && reason == NULL && record->status < 500) {
        fill_tls_trouble(record, trouble, trouble->detail == NULL);
        return;
    }
    if (record->kind == ACCESS_CONNECTION || record->status >= 500 || reason == NULL) {
        who = handshake_refused_by(trouble->reason, of_client);
    }
    record->refused_by = span_from_cstr(who == NULL && reason != NULL ? reason->who : who);
    if (reason != NULL && record->detail.len == 0) {
        record->detail = span_from_cstr(reason->sentence);
    }
    if (reason != NULL && record->mend.len == 0) {
        record->mend = span_from_cstr(reason->mend);
    }
}

static void write_record(struct worker *worker, const struct access_record *record)
{
    if (worker->snapshot->settings->log.format == LOG_FORMAT_COMBINED) {
        access_record_combined(record, &worker->log_clock, &worker->log);
    } else {
        access_record_json(record, &worker->log_clock, &worker->log);
    }
    worker_log_done(worker);
}

static bool begin(const struct link *link, struct access_record *record, enum access_kind kind,
                  uint64_t began_us, struct texts *texts)
{
    struct worker *worker = worker_of(link->core);

    if (worker_log(worker) == NULL) {
        return false;
    }
    access_record_init(record, kind);
    int64_t age_us = (int64_t)(clock_us() - began_us);
    record->time_us = clock_wall_us() - age_us;
    record->times.total_us = age_us;
    fill_link(record, link, texts);
    return true;
}

void access_log_end(struct session *session, const struct trouble *trouble)
{
    struct access_record record;
    struct texts texts;

    session->link.is_logged = true;
    if (!begin(&session->link, &record, ACCESS_CONNECTION, session->link.accepted_us, &texts)) {
        return;
    }
    if (session->link.is_tls) {
        record.mode = ACCESS_TERMINATE;
    }
    record.bytes_in = session->conn.bytes_in;
    record.bytes_out = session->conn.bytes_out;
    fill_trouble(&record, trouble);
    write_record(session->worker, &record);
}

void access_log_trouble(struct session *session, const struct trouble *trouble)
{
    if (!session->link.is_logged) {
        access_log_end(session, trouble);
    }
}

void access_log_passthrough(struct session *session, const struct passthrough_facts *facts,
                            const struct trouble *trouble)
{
    struct access_record record;
    struct texts texts;

    if (session->link.is_logged) {
        return;
    }
    session->link.is_logged = true;
    if (!begin(&session->link, &record, ACCESS_CONNECTION, session->link.accepted_us, &texts)) {
        return;
    }
    record.mode = ACCESS_PASSTHROUGH;
    record.backend = facts->backend;
    record.server = facts->server;
    record.times.connect_us = facts->connect_us;
    record.bytes_in = session->conn.bytes_in;
    record.bytes_out = session->conn.bytes_out;
    fill_trouble(&record, trouble);
    if (facts->refused_by != NULL) {
        record.refused_by = span_from_cstr(facts->refused_by);
    }
    write_record(session->worker, &record);
}

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

void access_log_exchange(struct exchange *x)
{
    const struct link *link = x->link;
    struct access_record record;
    struct texts texts;

    if (!begin(link, &record, ACCESS_REQUEST, x->front.started_us, &texts)) {
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
        if (x->call.lease.member != BALANCE_NONE) {
            record.server = span_from_cstr(x->backend->servers[x->call.lease.member].text);
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
    record.request_id = x->request_id;
    record.is_early = x->is_early;
    fill_trouble(&record, x->front.trouble.reason != NULL ? &x->front.trouble : &x->note);
    fill_times(&record, x);
    write_record(x->worker, &record);
}
