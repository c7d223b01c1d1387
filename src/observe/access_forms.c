#include "observe/access_forms.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "observe/access_record_internal.h"

/* ---- members by their names ---- */

static const char *const times[] = {"ms_tls", "ms_head", "ms_connect", "ms_first_byte", "ms_total"};

bool access_record_tells(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (span_eq_cstr(name, times[i])) {
            return true;
        }
    }
    return access_record_has(name) && !span_eq(name, SPAN_OF("ms"));
}

struct visitor {
    access_visit *visit;
    void *arg;
};

static void tell(const struct visitor *v, const char *name, struct span value)
{
    if (value.len != 0) {
        v->visit(v->arg, span_from_cstr(name), value);
    }
}

static void tell_number(const struct visitor *v, const char *name, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64, number);

    tell(v, name, span_make(text, (size_t)len));
}

static void tell_times(const struct visitor *v, const struct access_times *t)
{
    const int64_t all[ARRAY_LEN(times)] = {t->tls_us, t->head_us, t->connect_us, t->first_byte_us,
                                           t->total_us};

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char text[32];

        if (all[i] >= 0) {
            int len = snprintf(text, sizeof(text), "%" PRId64 ".%03d", all[i] / 1000,
                               (int)(all[i] % 1000));
            tell(v, times[i], span_make(text, (size_t)len));
        }
    }
}

static void tell_client(const struct visitor *v, const struct access_record *record)
{
    tell(v, "client", record->client);
    tell(v, "proxy", record->proxy);
    tell(v, "listener", record->listener);
    tell(v, "mode", access_mode_word(record->mode));
    tell(v, "sni", record->sni);
    tell(v, "tls", record->tls);
    tell(v, "cipher", record->cipher);
    tell(v, "early_data", record->is_early ? SPAN_OF("true") : SPAN_OF(""));
    tell(v, "client_subject", record->client_subject);
    tell(v, "client_unverified", record->client_unverified);
    tell(v, "client_verdict", record->client_verdict);
}

static void tell_request(const struct visitor *v, const struct access_record *record)
{
    tell(v, "site", record->site);
    tell(v, "route", record->route);
    tell(v, "backend", record->backend);
    tell(v, "server", record->server);
    tell(v, "method", record->method);
    tell(v, "authority", record->authority);
    tell(v, "target", record->target);
    tell(v, "version", record->version);
    if (record->status != 0) {
        tell_number(v, "status", record->status);
    }
    tell_number(v, "bytes_in", record->bytes_in);
    tell_number(v, "bytes_out", record->bytes_out);
    tell(v, "request_id", record->request_id);
    tell(v, "user_agent", record->user_agent);
    tell(v, "referer", record->referer);
}

void access_record_each(const struct access_record *record, struct access_clock *access_clock,
                        access_visit *visit, void *arg)
{
    const struct visitor v = {visit, arg};
    char time[ACCESS_TIME_BYTES];

    tell(&v, "time", access_time_text(record->time_us, access_clock, time));
    tell(&v, "kind", record->kind == ACCESS_REQUEST ? SPAN_OF("request") : SPAN_OF("connection"));
    tell_client(&v, record);
    tell_request(&v, record);
    tell(&v, "cache_status", record->cache);
    tell(&v, "reason", record->reason);
    tell(&v, "refused_by", record->refused_by);
    tell(&v, "detail", record->detail);
    tell(&v, "mend", record->mend);
    for (size_t i = 0; i < record->member_count; i++) {
        if (record->members[i].value.len != 0) {
            visit(arg, record->members[i].name, record->members[i].value);
        }
    }
    if (record->try_count != 0) {
        tell_number(&v, "tries", record->try_count);
    }
    tell_times(&v, &record->times);
}

/* ---- logfmt ---- */

static bool is_bare(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '=' || byte == '\\') {
            return false;
        }
    }
    return value.len != 0;
}

static void add_pair(void *arg, struct span name, struct span value)
{
    struct strbuf *out = arg;
    struct span kept = access_cut(value);

    if (out->len != 0 && out->ptr[out->len - 1] != '\n') {
        strbuf_add_char(out, ' ');
    }
    strbuf_add(out, name);
    strbuf_add_char(out, '=');
    if (is_bare(kept)) {
        strbuf_add(out, kept);
    } else {
        strbuf_add_json(out, kept);
    }
    if (kept.len != value.len) {
        bool is_quoted = out->ptr[out->len - 1] == '"';
        out->len -= is_quoted ? 1 : 0;
        strbuf_add_cstr(out, is_quoted ? ACCESS_CUT_MARK "\"" : ACCESS_CUT_MARK);
    }
}

void access_record_logfmt(const struct access_record *record, struct access_clock *access_clock,
                          struct strbuf *out)
{
    access_record_each(record, access_clock, add_pair, out);
    strbuf_add_char(out, '\n');
}

/* ---- a template ---- */

struct wanted {
    struct span name;
    struct strbuf *out;
    bool is_found;
};

static void put_if_wanted(void *arg, struct span name, struct span value)
{
    struct wanted *wanted = arg;

    if (!wanted->is_found && span_eq(name, wanted->name)) {
        wanted->is_found = true;
        access_put_escaped(wanted->out, value);
    }
}

void access_put_member(const struct access_record *record, struct access_clock *access_clock,
                       struct span name, struct strbuf *out)
{
    struct wanted wanted = {name, out, false};

    access_record_each(record, access_clock, put_if_wanted, &wanted);
    if (!wanted.is_found) {
        access_put_escaped(out, SPAN_OF(""));
    }
}

/* ---- datagrams ---- */

enum access_severity access_record_severity(const struct access_record *record)
{
    if (record->kind == ACCESS_REQUEST && (record->status == 0 || record->status >= 500)) {
        return ACCESS_ERROR;
    }
    return record->reason.len != 0 ? ACCESS_WARNING : ACCESS_INFO;
}

static struct span without_end(struct span line)
{
    if (line.len != 0 && line.ptr[line.len - 1] == '\n') {
        line = span_head(line, line.len - 1);
    }
    return span_cut(line, ACCESS_DATAGRAM_MAX);
}

/* "system daemons". */
#define FACILITY_DAEMON 3

void access_syslog(const struct access_sender *sender, enum access_severity severity,
                   int64_t time_us, struct access_clock *access_clock, struct span line,
                   struct strbuf *out)
{
    char time[ACCESS_TIME_BYTES];
    struct span when = access_time_text(time_us, access_clock, time);

    strbuf_printf(out, "<%d>1 %.*s %s tidegate %ld access - ", FACILITY_DAEMON * 8 + (int)severity,
                  SPAN_ARG(when), sender->host[0] != '\0' ? sender->host : "-", sender->process);
    strbuf_add(out, without_end(line));
}

/* A field of the journal: by its length where a line break would end it otherwise. */
static void add_journal_field(struct strbuf *out, struct span name, struct span value)
{
    strbuf_add(out, name);
    if (memchr(value.ptr, '\n', value.len) == NULL) {
        strbuf_add_char(out, '=');
    } else {
        uint8_t len[8];
        for (size_t i = 0; i < sizeof(len); i++) {
            len[i] = (uint8_t)((uint64_t)value.len >> (8 * i));
        }
        strbuf_add_char(out, '\n');
        strbuf_add(out, span_make((const char *)len, sizeof(len)));
    }
    strbuf_add(out, value);
    strbuf_add_char(out, '\n');
}

struct journal {
    struct strbuf *out;
    size_t start;
};

/* Of a datagram as a whole, so that any socket takes it. */
#define JOURNAL_FIELDS_MAX ((size_t)120 << 10)
/* A longer name is not told: rules for the configuration's own are stricter. */
#define JOURNAL_NAME_MAX 64

static void add_member(void *arg, struct span name, struct span value)
{
    static const char lead[] = "TIDEGATE_";
    struct journal *journal = arg;
    struct span kept = access_cut(value);
    char field[sizeof(lead) + JOURNAL_NAME_MAX];
    size_t len = sizeof(lead) - 1;

    if (name.len > JOURNAL_NAME_MAX ||
        journal->out->len - journal->start + kept.len > JOURNAL_FIELDS_MAX) {
        return;
    }
    memcpy(field, lead, len);
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        field[len++] = byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
    }
    add_journal_field(journal->out, span_make(field, len), kept);
}

void access_journal(const struct access_record *record, enum access_severity severity,
                    struct access_clock *access_clock, struct span line, struct strbuf *out)
{
    struct journal journal = {out, out->len};

    add_journal_field(out, SPAN_OF("MESSAGE"), without_end(line));
    strbuf_printf(out, "PRIORITY=%d\nSYSLOG_IDENTIFIER=tidegate\nSYSLOG_FACILITY=%d\n",
                  (int)severity, FACILITY_DAEMON);
    if (record != NULL) {
        access_record_each(record, access_clock, add_member, &journal);
    }
}
