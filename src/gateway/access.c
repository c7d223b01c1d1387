#include "gateway/access.h"

#include "base/clock.h"
#include "gateway/generation.h"
#include "gateway/reasons.h"
#include "tls/handshake_error.h"
#include "tls/tls_conn.h"

/* A log line waits this long at most before it is written. */
#define LOG_DELAY_MS 50

/* ---- lines of a worker, until they are a block ---- */

void access_flush(struct worker *worker)
{
    log_lines_flush(&worker->log, &worker->generation->snapshot->log_targets);
}

static void on_log_timer(struct timer *timer)
{
    access_flush(CONTAINER_OF(timer, struct worker, log_timer));
}

static void finish_line(struct worker *worker)
{
    if (log_lines_are_many(&worker->log)) {
        access_flush(worker);
    } else if (worker->log_timer.deadline_us == 0) {
        timer_set_ms(worker->core.loop, &worker->log_timer, LOG_DELAY_MS);
    }
}

void access_init(struct worker *worker)
{
    timer_init(&worker->log_timer, on_log_timer);
}

/* ---- what a line says ---- */

static void fill_link(struct access_record *record, const struct link *link,
                      struct access_texts *texts)
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

/* Of a connection there are no more values than these. */
static struct span value_of_link(const struct link *link, const struct access_record *record,
                                 const struct template_part *part, char address[SOCK_TEXT_MAX])
{
    switch (part->variable) {
    case VARIABLE_CLIENT_ADDRESS:
    case VARIABLE_PEER_ADDRESS:
        return span_make(address, peer_ip_text(&link->peer, address));
    case VARIABLE_CLIENT_SUBJECT:
        return record->client_subject;
    case VARIABLE_TLS_VERSION:
        return record->tls;
    case VARIABLE_TLS_CIPHER:
        return record->cipher;
    case VARIABLE_TLS_SNI:
        return record->sni;
    case VARIABLE_SITE:
        return record->site;
    default:
        return SPAN_OF("");
    }
}

static void put_template(const struct template *line, const struct link *link,
                         const struct access_record *record, const struct template_values *values,
                         struct access_clock *access_clock, struct strbuf *out)
{
    char address[SOCK_TEXT_MAX];

    for (size_t i = 0; i < line->count; i++) {
        const struct template_part *part = &line->parts[i];

        if (part->variable == VARIABLE_NONE) {
            strbuf_add(out, part->text);
        } else if (part->variable == VARIABLE_LOG_MEMBER) {
            access_put_member(record, access_clock, part->text, out);
        } else {
            access_put_escaped(out, values != NULL ? values->value(values->owner, part)
                                                   : value_of_link(link, record, part, address));
        }
    }
    strbuf_add_char(out, '\n');
}

static void write_record(const struct link *link, const struct access_record *record,
                         const struct template_values *values)
{
    struct worker *worker = worker_of(link->core);
    const struct snapshot *snapshot = worker->generation->snapshot;
    struct access_clock *access_clock = &worker->log.clock;
    size_t start;
    struct strbuf *out = log_lines_begin(&worker->log, &start);

    switch (snapshot->settings->log.format) {
    case LOG_FORMAT_JSON:
        access_record_json(record, access_clock, out);
        break;
    case LOG_FORMAT_COMBINED:
        access_record_combined(record, access_clock, out);
        break;
    case LOG_FORMAT_LOGFMT:
        access_record_logfmt(record, access_clock, out);
        break;
    case LOG_FORMAT_TEMPLATE:
        put_template(&snapshot->log_template, link, record, values, access_clock, out);
        break;
    }
    log_lines_end(&worker->log, start, &snapshot->log_targets, record,
                  access_record_severity(record), record->time_us);
    finish_line(worker);
}

bool access_begin(const struct link *link, struct access_record *record, enum access_kind kind,
                  uint64_t began_us, struct access_texts *texts)
{
    struct worker *worker = worker_of(link->core);

    if (worker->generation->snapshot->log_targets.count == 0) {
        return false;
    }
    access_record_init(record, kind);
    int64_t age_us = (int64_t)(clock_us() - began_us);
    record->time_us = clock_wall_us() - age_us;
    record->times.total_us = age_us;
    fill_link(record, link, texts);
    return true;
}

void access_end(const struct link *link, struct access_record *record,
                const struct trouble *trouble, const struct template_values *values)
{
    fill_trouble(record, trouble);
    write_record(link, record, values);
}

void access_log_end(struct link *link, const struct conn *conn, const struct trouble *trouble)
{
    struct access_record record;
    struct access_texts texts;

    link->is_logged = true;
    if (!access_begin(link, &record, ACCESS_CONNECTION, link->accepted_us, &texts)) {
        return;
    }
    if (link->is_tls) {
        record.mode = ACCESS_TERMINATE;
    }
    record.bytes_in = conn->bytes_in;
    record.bytes_out = conn->bytes_out;
    access_end(link, &record, trouble, NULL);
}

void access_log_trouble(struct link *link, const struct conn *conn, const struct trouble *trouble)
{
    if (!link->is_logged) {
        access_log_end(link, conn, trouble);
    }
}

static struct access_try in_text(const struct server_try *one, char text[SOCK_TEXT_MAX])
{
    return (struct access_try){
        .server = span_from_cstr(one->server),
        .address = one->has_address ? span_make(text, peer_text(&one->address, text))
                                    : (struct span){NULL, 0},
        .outcome = span_from_cstr(one->outcome),
        .status = one->status,
        .us = (int64_t)one->us,
    };
}

void access_fill_tries(struct access_record *record, const struct tries *tries,
                       const struct server_try *last, struct access_texts *texts)
{
    size_t count = tries_kept(tries);

    for (size_t i = 0; i < count; i++) {
        texts->tries[i] = in_text(&tries->items[i], texts->addresses[i]);
    }
    record->tries = texts->tries;
    record->try_count = count;
    if (count != 0 && last != NULL) {
        texts->tries[count] = in_text(last, NULL);
        record->try_count++;
    }
}

void access_log_passthrough(struct link *link, const struct conn *conn,
                            const struct passthrough_facts *facts, const struct trouble *trouble)
{
    struct access_record record;
    struct access_texts texts;

    if (link->is_logged) {
        return;
    }
    link->is_logged = true;
    if (!access_begin(link, &record, ACCESS_CONNECTION, link->accepted_us, &texts)) {
        return;
    }
    record.mode = facts->is_tcp ? ACCESS_TCP : ACCESS_PASSTHROUGH;
    record.backend = facts->backend;
    record.server = facts->server;
    record.times.connect_us = facts->connect_us;
    access_fill_tries(
        &record, facts->tries,
        facts->connect_us >= 0
            ? &(struct server_try){.server = facts->server.ptr,
                                   .outcome = trouble != NULL ? trouble->reason : NULL,
                                   .us = (uint64_t)facts->connect_us}
            : NULL,
        &texts);
    record.bytes_in = conn->bytes_in;
    record.bytes_out = conn->bytes_out;
    fill_trouble(&record, trouble);
    if (facts->refused_by != NULL) {
        record.refused_by = span_from_cstr(facts->refused_by);
    }
    write_record(link, &record, NULL);
}
