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
    LIST_FOR_EACH(node, &worker->generations)
    {
        log_lines_flush(&LIST_ENTRY(node, struct generation, node)->lines);
    }
}

static void on_log_timer(struct timer *timer)
{
    access_flush(CONTAINER_OF(timer, struct worker, log_timer));
}

static void finish_line(struct worker *worker, struct generation *generation, bool are_many)
{
    if (are_many) {
        log_lines_flush(&generation->lines);
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

/* ---- writing them ---- */

struct writing {
    const struct link *link;
    const struct access_record *record;
    const struct template_values *values;
    struct access_clock *clock;
};

static void write_form(void *arg, const struct log_outlet *outlet, struct strbuf *out)
{
    const struct writing *w = arg;

    switch (outlet->format) {
    case LOG_FORMAT_JSON:
        access_record_json(w->record, w->clock, out);
        break;
    case LOG_FORMAT_COMBINED:
        access_record_combined(w->record, w->clock, out);
        break;
    case LOG_FORMAT_LOGFMT:
        access_record_logfmt(w->record, w->clock, out);
        break;
    case LOG_FORMAT_TEMPLATE:
        put_template(outlet->template, w->link, w->record, w->values, w->clock, out);
        break;
    }
}

static void write_record(const struct access_way *way, const struct link *link,
                         const struct access_record *record, const struct template_values *values)
{
    struct worker *worker = worker_of(link->core);
    struct writing writing = {link, record, values, &worker->log_clock};
    const struct log_line line = {.write = write_form,
                                  .arg = &writing,
                                  .record = record,
                                  .severity = access_record_severity(record),
                                  .time_us = record->time_us,
                                  .clock = &worker->log_clock};

    finish_line(worker, way->generation,
                log_lines_add(&way->generation->lines, &way->generation->snapshot->log_targets,
                              &way->rules->outlets, &line));
}

bool access_begin(const struct access_way *way, const struct link *link,
                  struct access_record *record, enum access_kind kind, uint64_t began_us,
                  struct access_texts *texts)
{
    if (way->rules->outlets.count == 0) {
        return false;
    }
    access_record_init(record, kind);
    int64_t age_us = (int64_t)(clock_us() - began_us);
    record->time_us = clock_wall_us() - age_us;
    record->times.total_us = age_us;
    fill_link(record, link, texts);
    return true;
}

void access_end(const struct access_way *way, const struct link *link, struct access_record *record,
                const struct trouble *trouble, const struct template_values *values)
{
    fill_trouble(record, trouble);
    write_record(way, link, record, values);
}

/* Of a connection: its session holds the generation. */
static struct access_way way_of(const struct link *link)
{
    struct worker *worker = worker_of(link->core);
    struct generation *generation = worker->generation;

    LIST_FOR_EACH(node, &worker->generations)
    {
        struct generation *one = LIST_ENTRY(node, struct generation, node);
        generation = one->snapshot == link->snapshot ? one : generation;
    }
    return (struct access_way){generation, link->site != NULL ? link->site->log_rules
                                                              : generation->snapshot->log_rules};
}

void access_log_end(struct link *link, const struct conn *conn, const struct trouble *trouble)
{
    const struct access_way way = way_of(link);
    struct access_record record;
    struct access_texts texts;

    link->is_logged = true;
    if (!access_begin(&way, link, &record, ACCESS_CONNECTION, link->accepted_us, &texts)) {
        return;
    }
    if (link->is_tls) {
        record.mode = ACCESS_TERMINATE;
    }
    record.bytes_in = conn->bytes_in;
    record.bytes_out = conn->bytes_out;
    access_end(&way, link, &record, trouble, NULL);
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
    const struct access_way way = way_of(link);
    struct access_record record;
    struct access_texts texts;

    if (link->is_logged) {
        return;
    }
    link->is_logged = true;
    if (!access_begin(&way, link, &record, ACCESS_CONNECTION, link->accepted_us, &texts)) {
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
    write_record(&way, link, &record, NULL);
}
