#include "observe/access_record.h"

#include <string.h>

#include "observe/access_record_internal.h"

bool access_record_has(struct span name)
{
    static const char *const names[] = {"time",
                                        "kind",
                                        "client",
                                        "proxy",
                                        "listener",
                                        "mode",
                                        "sni",
                                        "tls",
                                        "cipher",
                                        "early_data",
                                        "site",
                                        "route",
                                        "backend",
                                        "server",
                                        "method",
                                        "authority",
                                        "target",
                                        "version",
                                        "status",
                                        "bytes_in",
                                        "bytes_out",
                                        "request_id",
                                        "referer",
                                        "cache_status",
                                        "reason",
                                        "detail",
                                        "mend",
                                        "ms",
                                        "user_agent",
                                        "refused_by",
                                        "tries",
                                        "client_subject",
                                        "client_unverified",
                                        "client_verdict",
                                        "user",
                                        "auth",
                                        "rule",
                                        "limit",
                                        "limit_dry_run"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_eq_cstr(name, names[i])) {
            return true;
        }
    }
    return false;
}

void access_record_init(struct access_record *record, enum access_kind kind)
{
    *record = (struct access_record){
        .kind = kind,
        .times =
            {.tls_us = -1, .head_us = -1, .connect_us = -1, .first_byte_us = -1, .total_us = -1},
    };
}

/* The calendar, once a second. */

static void put_digits(char *to, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

#define YEAR_9999_END INT64_C(253402300799)

static void clock_set(struct access_clock *clk, time_t second)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    clk->second = second;
    clk->is_set = true;
    CHECK(gmtime_r(&second, &tm) != NULL);
    memcpy(clk->rfc3339, "0000-00-00T00:00:00", sizeof(clk->rfc3339));
    put_digits(clk->rfc3339, tm.tm_year + 1900, 4);
    put_digits(clk->rfc3339 + 5, tm.tm_mon + 1, 2);
    put_digits(clk->rfc3339 + 8, tm.tm_mday, 2);
    put_digits(clk->rfc3339 + 11, tm.tm_hour, 2);
    put_digits(clk->rfc3339 + 14, tm.tm_min, 2);
    put_digits(clk->rfc3339 + 17, tm.tm_sec, 2);
    memcpy(clk->common, "00/Jan/0000:00:00:00 +0000", sizeof(clk->common));
    put_digits(clk->common, tm.tm_mday, 2);
    memcpy(clk->common + 3, months + (ptrdiff_t)3 * tm.tm_mon, 3);
    put_digits(clk->common + 7, tm.tm_year + 1900, 4);
    memcpy(clk->common + 12, clk->rfc3339 + 11, 8);
}

/* Brings the clock to the record's second; returns the milliseconds. A clock that is set to before
 * 1970 or after 9999 must not spoil the line. */
static int clock_update(struct access_clock *clk, int64_t time_us)
{
    int64_t us = time_us < 0 ? 0 : time_us;
    int64_t second = us / 1000000;

    if (second > YEAR_9999_END) {
        second = YEAR_9999_END;
    }
    if (!clk->is_set || clk->second != second) {
        clock_set(clk, second);
    }
    return (int)(us / 1000 % 1000);
}

/* Appending, with the usual case inline. */

static inline char *room_in(struct strbuf *out, size_t len)
{
    return UNLIKELY(out->capacity - out->len <= len) ? strbuf_reserve(out, len)
                                                     : out->ptr + out->len;
}

static inline void put_bytes(struct strbuf *out, const char *bytes, size_t len)
{
    memcpy(room_in(out, len), bytes, len);
    out->len += len;
}

#define PUT(out, literal) put_bytes((out), "" literal, sizeof(literal) - 1)

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The high bit of some byte is set when one of the eight is a control, a quote, a backslash or
 * above 0x7e. Of the bits that the subtractions borrow from their neighbours only "any" is asked.
 */
static inline uint64_t special_in(uint64_t word)
{
    return word | (word + EACH_BYTE(0x01)) | (word - EACH_BYTE(0x20)) |
           ((word ^ EACH_BYTE('"')) - EACH_BYTE(0x01)) |
           ((word ^ EACH_BYTE('\\')) - EACH_BYTE(0x01));
}

#define SPECIAL EACH_BYTE(0x80)

/* Copies one to seven bytes, and returns what special_in says of them: two loads that overlap have
 * them all. */
static inline uint64_t copy_few(char *to, const char *from, size_t len)
{
    uint32_t first = EACH_BYTE(' ') & UINT32_MAX;
    uint32_t last = first;

    if (len >= 4) {
        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
    } else if (len >= 2) {
        memcpy(&first, from, 2);
        memcpy(&last, from + len - 2, 2);
        memcpy(to, &first, 2);
        memcpy(to + len - 2, &last, 2);
    } else {
        memcpy(&first, from, 1);
        memcpy(to, &first, 1);
    }
    return special_in((uint64_t)first << 32 | last);
}

static inline uint64_t copy_word(char *to, const char *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    memcpy(to, &word, sizeof(word));
    return special_in(word);
}

/* Copies s, which is not empty, and says whether it stands between quotes as it is, as nearly all
 * values do. */
static bool copy_plain(char *to, struct span s)
{
    const size_t word = sizeof(uint64_t);
    uint64_t special = 0;

    if (s.len < word) {
        return (copy_few(to, s.ptr, s.len) & SPECIAL) == 0;
    }
    for (size_t i = 0; i + word <= s.len; i += word) {
        special |= copy_word(to + i, s.ptr + i);
    }
    special |= copy_word(to + s.len - word, s.ptr + s.len - word);
    return (special & SPECIAL) == 0;
}

/* Cut to ACCESS_VALUE_MAX, not within a UTF-8 sequence. */
struct span access_cut(struct span s)
{
    size_t len = ACCESS_VALUE_MAX;

    if (s.len <= ACCESS_VALUE_MAX) {
        return s;
    }
    while (len > ACCESS_VALUE_MAX - 3 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return span_head(s, len);
}

/* A JSON string. */
static void put_string(struct strbuf *out, struct span value)
{
    struct span kept = access_cut(value);
    char *to = room_in(out, kept.len + 2);

    if (LIKELY(copy_plain(to + 1, kept))) {
        to[0] = to[kept.len + 1] = '"';
        out->len += kept.len + 2;
    } else {
        strbuf_add_json(out, kept);
    }
    if (kept.len != value.len) {
        out->len--; /* the closing quote: the mark goes inside */
        PUT(out, ACCESS_CUT_MARK "\"");
    }
}

/* `lead` is the member's name with its punctuation: ",\"name\":". */
static inline void put_text(struct strbuf *out, struct span lead, struct span value)
{
    if (value.len != 0) {
        put_bytes(out, lead.ptr, lead.len);
        put_string(out, value);
    }
}

/* Writes n's digits in front of `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return end;
}

static void put_u64(struct strbuf *out, uint64_t n)
{
    char digits[20];
    char *end = digits + sizeof(digits);
    char *start = digits_before(end, n);

    put_bytes(out, start, (size_t)(end - start));
}

/* Microseconds as milliseconds with three decimals. */
static void put_ms(struct strbuf *out, struct span lead, int64_t us, bool *is_first)
{
    char digits[24];
    char *fraction = digits + sizeof(digits) - 3;

    if (us < 0) {
        return;
    }
    if (*is_first) {
        PUT(out, ",\"ms\":{");
        lead = span_make(lead.ptr + 1, lead.len - 1); /* without its comma */
        *is_first = false;
    }
    put_digits(fraction, (int)(us % 1000), 3);
    *--fraction = '.';
    char *start = digits_before(fraction, (uint64_t)us / 1000);
    put_bytes(out, lead.ptr, lead.len);
    put_bytes(out, start, (size_t)(digits + sizeof(digits) - start));
}

static void put_times(struct strbuf *out, const struct access_times *times)
{
    bool is_first = true;

    put_ms(out, SPAN_OF(",\"tls\":"), times->tls_us, &is_first);
    put_ms(out, SPAN_OF(",\"head\":"), times->head_us, &is_first);
    put_ms(out, SPAN_OF(",\"connect\":"), times->connect_us, &is_first);
    put_ms(out, SPAN_OF(",\"first_byte\":"), times->first_byte_us, &is_first);
    put_ms(out, SPAN_OF(",\"total\":"), times->total_us, &is_first);
    if (!is_first) {
        PUT(out, "}");
    }
}

static void put_milliseconds(struct strbuf *out, int64_t us)
{
    char digits[4];

    put_u64(out, (uint64_t)us / 1000);
    digits[0] = '.';
    put_digits(digits + 1, (int)(us % 1000), 3);
    put_bytes(out, digits, sizeof(digits));
}

static void put_tries(struct strbuf *out, const struct access_record *record)
{
    for (size_t i = 0; i < record->try_count; i++) {
        const struct access_try *one = &record->tries[i];
        if (i == 0) {
            PUT(out, ",\"tries\":[{");
        } else {
            PUT(out, ",{");
        }
        PUT(out, "\"ms\":");
        put_milliseconds(out, one->us);
        put_text(out, SPAN_OF(",\"server\":"), one->server);
        put_text(out, SPAN_OF(",\"address\":"), one->address);
        put_text(out, SPAN_OF(",\"outcome\":"), one->outcome);
        if (one->status != 0) {
            PUT(out, ",\"status\":");
            put_u64(out, one->status);
        }
        PUT(out, "}");
    }
    if (record->try_count != 0) {
        PUT(out, "]");
    }
}

struct span access_mode_word(enum access_mode mode)
{
    switch (mode) {
    case ACCESS_PASSTHROUGH:
        return SPAN_OF("passthrough");
    case ACCESS_TERMINATE:
        return SPAN_OF("terminate");
    case ACCESS_PLAIN:
        return SPAN_OF("plain");
    case ACCESS_TCP:
        return SPAN_OF("tcp");
    case ACCESS_MODE_NONE:
        break;
    }
    return (struct span){NULL, 0};
}

static void put_time(struct strbuf *out, int64_t time_us, struct access_clock *clk)
{
    char fraction[5] = ".000Z";

    put_digits(fraction + 1, clock_update(clk, time_us), 3);
    PUT(out, "{\"time\":\"");
    put_bytes(out, clk->rfc3339, sizeof(clk->rfc3339) - 1);
    put_bytes(out, fraction, sizeof(fraction));
}

struct span access_time_text(int64_t time_us, struct access_clock *clk,
                             char text[ACCESS_TIME_BYTES])
{
    size_t len = sizeof(clk->rfc3339) - 1;
    int ms = clock_update(clk, time_us);

    memcpy(text, clk->rfc3339, len);
    memcpy(text + len, ".000Z", 5);
    put_digits(text + len + 1, ms, 3);
    return span_make(text, len + 5);
}

static void put_start(struct strbuf *out, const struct access_record *record,
                      struct access_clock *clk)
{
    put_time(out, record->time_us, clk);
    if (record->kind == ACCESS_REQUEST) {
        PUT(out, "\",\"kind\":\"request\"");
    } else {
        PUT(out, "\",\"kind\":\"connection\"");
    }
}

static void put_members(struct strbuf *out, const struct access_record *record)
{
    for (size_t i = 0; i < record->member_count; i++) {
        const struct access_member *member = &record->members[i];
        char key[80] = ",\"";
        size_t len = 2;

        CHECK(member->name.len < sizeof(key) - 5);
        memcpy(key + len, member->name.ptr, member->name.len);
        len += member->name.len;
        memcpy(key + len, "\":", 2);
        put_text(out, span_make(key, len + 2), member->value);
    }
}

void access_record_json(const struct access_record *record, struct access_clock *access_clock,
                        struct strbuf *out)
{
    (void)strbuf_reserve(out, 1024);
    put_start(out, record, access_clock);
    put_text(out, SPAN_OF(",\"client\":"), record->client);
    put_text(out, SPAN_OF(",\"proxy\":"), record->proxy);
    put_text(out, SPAN_OF(",\"listener\":"), record->listener);
    put_text(out, SPAN_OF(",\"mode\":"), access_mode_word(record->mode));
    put_text(out, SPAN_OF(",\"sni\":"), record->sni);
    put_text(out, SPAN_OF(",\"tls\":"), record->tls);
    put_text(out, SPAN_OF(",\"cipher\":"), record->cipher);
    if (record->is_early) {
        PUT(out, ",\"early_data\":true");
    }
    put_text(out, SPAN_OF(",\"client_subject\":"), record->client_subject);
    put_text(out, SPAN_OF(",\"client_unverified\":"), record->client_unverified);
    put_text(out, SPAN_OF(",\"client_verdict\":"), record->client_verdict);
    put_text(out, SPAN_OF(",\"site\":"), record->site);
    put_text(out, SPAN_OF(",\"route\":"), record->route);
    put_text(out, SPAN_OF(",\"backend\":"), record->backend);
    put_text(out, SPAN_OF(",\"server\":"), record->server);
    put_text(out, SPAN_OF(",\"method\":"), record->method);
    put_text(out, SPAN_OF(",\"authority\":"), record->authority);
    put_text(out, SPAN_OF(",\"target\":"), record->target);
    put_text(out, SPAN_OF(",\"version\":"), record->version);
    if (record->status != 0) {
        PUT(out, ",\"status\":");
        put_u64(out, record->status);
    }
    PUT(out, ",\"bytes_in\":");
    put_u64(out, record->bytes_in);
    PUT(out, ",\"bytes_out\":");
    put_u64(out, record->bytes_out);
    put_text(out, SPAN_OF(",\"request_id\":"), record->request_id);
    put_text(out, SPAN_OF(",\"user\":"), record->user);
    put_text(out, SPAN_OF(",\"auth\":"), record->auth);
    put_text(out, SPAN_OF(",\"rule\":"), record->rule);
    put_text(out, record->is_limit_dry ? SPAN_OF(",\"limit_dry_run\":") : SPAN_OF(",\"limit\":"),
             record->limit);
    put_text(out, SPAN_OF(",\"user_agent\":"), record->user_agent);
    put_text(out, SPAN_OF(",\"referer\":"), record->referer);
    put_text(out, SPAN_OF(",\"cache_status\":"), record->cache);
    put_text(out, SPAN_OF(",\"reason\":"), record->reason);
    put_text(out, SPAN_OF(",\"refused_by\":"), record->refused_by);
    put_text(out, SPAN_OF(",\"detail\":"), record->detail);
    put_text(out, SPAN_OF(",\"mend\":"), record->mend);
    put_members(out, record);
    put_tries(out, record);
    put_times(out, &record->times);
    strbuf_add(out, SPAN_OF("}\n"));
}

void access_record_server_json(const struct access_server_record *record,
                               struct access_clock *access_clock, struct strbuf *out)
{
    (void)strbuf_reserve(out, 1024);
    put_time(out, record->time_us, access_clock);
    PUT(out, "\",\"kind\":\"server\"");
    put_text(out, SPAN_OF(",\"backend\":"), record->backend);
    put_text(out, SPAN_OF(",\"server\":"), record->server);
    put_text(out, SPAN_OF(",\"from\":"), record->from);
    put_text(out, SPAN_OF(",\"to\":"), record->to);
    if (record->lasted_s >= 0) {
        PUT(out, ",\"lasted_s\":");
        put_u64(out, (uint64_t)record->lasted_s);
    }
    put_text(out, SPAN_OF(",\"detail\":"), record->detail);
    put_text(out, SPAN_OF(",\"mend\":"), record->mend);
    strbuf_add(out, SPAN_OF("}\n"));
}

/* The combined format. */

static void put_escaped(struct strbuf *out, struct span value)
{
    static const char digits[] = "0123456789abcdef";
    struct span kept = access_cut(value);

    char *to = room_in(out, 4 * kept.len);
    if (kept.len == 0 || copy_plain(to, kept)) {
        out->len += kept.len;
    } else {
        for (size_t i = 0; i < kept.len; i++) {
            unsigned char c = (unsigned char)kept.ptr[i];
            if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
                *to++ = (char)c;
                continue;
            }
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
        out->len = (size_t)(to - out->ptr);
    }
    if (kept.len != value.len) {
        PUT(out, ACCESS_CUT_MARK);
    }
}

void access_put_escaped(struct strbuf *out, struct span value)
{
    if (value.len == 0) {
        PUT(out, "-");
    } else {
        put_escaped(out, value);
    }
}

/* "203.0.113.7:51234" and "[2001:db8::7]:51234" without the port and the brackets, as the readers
 * of this format expect. */
static struct span client_host(struct span client)
{
    if (client.len != 0 && client.ptr[0] == '[') {
        return span_head(span_skip(client, 1), span_find(span_skip(client, 1), ']'));
    }
    size_t colon = span_find(client, ':');
    if (colon != client.len &&
        span_find(span_skip(client, colon + 1), ':') + colon + 1 < client.len) {
        return client; /* a bare IPv6 address */
    }
    return span_head(client, colon);
}

/* The user's field ends at a space, so a subject's spaces become underscores. */
static void put_user(struct strbuf *out, struct span subject)
{
    size_t start = out->len;

    access_put_escaped(out, subject);
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == ' ') {
            out->ptr[i] = '_';
        }
    }
}

static void put_request_line(struct strbuf *out, const struct access_record *record)
{
    if (record->method.len == 0) {
        PUT(out, "-");
        return;
    }
    put_escaped(out, record->method);
    PUT(out, " ");
    put_escaped(out, record->target);
    if (record->version.len != 0) {
        PUT(out, " ");
        put_escaped(out, record->version);
    }
}

void access_record_combined(const struct access_record *record, struct access_clock *access_clock,
                            struct strbuf *out)
{
    char status[3];

    (void)strbuf_reserve(out, 512);
    (void)clock_update(access_clock, record->time_us);
    access_put_escaped(out, client_host(record->client));
    PUT(out, " - ");
    put_user(out, record->user.len != 0 ? record->user : record->client_subject);
    PUT(out, " [");
    put_bytes(out, access_clock->common, sizeof(access_clock->common) - 1);
    PUT(out, "] \"");
    put_request_line(out, record);
    PUT(out, "\" ");
    put_digits(status, (int)(record->status % 1000), 3);
    put_bytes(out, status, sizeof(status));
    PUT(out, " ");
    put_u64(out, record->bytes_out);
    PUT(out, " \"");
    access_put_escaped(out, record->referer);
    PUT(out, "\" \"");
    access_put_escaped(out, record->user_agent);
    for (size_t i = 0; i < record->member_count; i++) {
        PUT(out, "\" \"");
        access_put_escaped(out, record->members[i].value);
    }
    strbuf_add(out, SPAN_OF("\"\n"));
}
