#include "gateway/access_record.h"

#include <string.h>

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

static inline void put_bytes(struct strbuf *out, const char *bytes, size_t len)
{
    if (UNLIKELY(out->capacity - out->len <= len)) {
        (void)strbuf_reserve(out, len);
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

#define PUT(out, literal) put_bytes((out), "" literal, sizeof(literal) - 1)

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static inline uint64_t has_zero(uint64_t word)
{
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Non-zero when one of the eight bytes is a control, a quote, a backslash or above 0x7e. */
static inline uint64_t has_special(uint64_t word)
{
    return ((word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80)) | (word & EACH_BYTE(0x80)) |
           has_zero(word ^ EACH_BYTE('"')) | has_zero(word ^ EACH_BYTE('\\')) |
           has_zero(word ^ EACH_BYTE(0x7f));
}

static inline uint64_t load_word(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* Whether s stands between quotes as it is, as nearly all values do. */
static bool is_plain(struct span s)
{
    uint64_t special = 0;

    if (s.len < sizeof(uint64_t)) {
        char padded[sizeof(uint64_t)] = "       ";
        memcpy(padded, s.ptr, s.len);
        padded[sizeof(padded) - 1] = ' ';
        return has_special(load_word(padded)) == 0;
    }
    for (size_t i = 0; i + sizeof(uint64_t) <= s.len; i += sizeof(uint64_t)) {
        special |= has_special(load_word(s.ptr + i));
    }
    return (special | has_special(load_word(s.ptr + s.len - sizeof(uint64_t)))) == 0;
}

/* Cut to ACCESS_VALUE_MAX, not within a UTF-8 sequence. */
static struct span cut(struct span s)
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

/* `lead` is the member's name with its punctuation: ",\"name\":". */
static void put_text(struct strbuf *out, struct span lead, struct span value)
{
    if (value.len == 0) {
        return;
    }
    struct span kept = cut(value);
    put_bytes(out, lead.ptr, lead.len);
    if (LIKELY(is_plain(kept))) {
        PUT(out, "\"");
        put_bytes(out, kept.ptr, kept.len);
        PUT(out, "\"");
    } else {
        strbuf_add_json(out, kept);
    }
    if (kept.len != value.len) {
        out->len--; /* the closing quote: the mark goes inside */
        PUT(out, ACCESS_CUT_MARK "\"");
    }
}

static void put_u64(struct strbuf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    put_bytes(out, digits + at, sizeof(digits) - at);
}

/* Microseconds as milliseconds with three decimals. */
static void put_ms(struct strbuf *out, struct span lead, int64_t us, bool *is_first)
{
    char fraction[4] = ".000";

    if (us < 0) {
        return;
    }
    if (*is_first) {
        PUT(out, ",\"ms\":{");
        lead = span_skip(lead, 1); /* its comma */
        *is_first = false;
    }
    put_bytes(out, lead.ptr, lead.len);
    put_u64(out, (uint64_t)us / 1000);
    put_digits(fraction + 1, (int)(us % 1000), 3);
    put_bytes(out, fraction, sizeof(fraction));
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

static struct span mode_word(enum access_mode mode)
{
    switch (mode) {
    case ACCESS_PASSTHROUGH:
        return SPAN_OF("passthrough");
    case ACCESS_TERMINATE:
        return SPAN_OF("terminate");
    case ACCESS_PLAIN:
        return SPAN_OF("plain");
    case ACCESS_MODE_NONE:
        break;
    }
    return (struct span){NULL, 0};
}

static void put_start(struct strbuf *out, const struct access_record *record,
                      struct access_clock *clk)
{
    char fraction[5] = ".000Z";

    put_digits(fraction + 1, clock_update(clk, record->time_us), 3);
    PUT(out, "{\"time\":\"");
    put_bytes(out, clk->rfc3339, sizeof(clk->rfc3339) - 1);
    put_bytes(out, fraction, sizeof(fraction));
    if (record->kind == ACCESS_REQUEST) {
        PUT(out, "\",\"kind\":\"request\"");
    } else {
        PUT(out, "\",\"kind\":\"connection\"");
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
    put_text(out, SPAN_OF(",\"mode\":"), mode_word(record->mode));
    put_text(out, SPAN_OF(",\"sni\":"), record->sni);
    put_text(out, SPAN_OF(",\"tls\":"), record->tls);
    put_text(out, SPAN_OF(",\"cipher\":"), record->cipher);
    if (record->is_early) {
        PUT(out, ",\"early_data\":true");
    }
    put_text(out, SPAN_OF(",\"client_subject\":"), record->client_subject);
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
    put_text(out, SPAN_OF(",\"user_agent\":"), record->user_agent);
    put_text(out, SPAN_OF(",\"referer\":"), record->referer);
    put_text(out, SPAN_OF(",\"reason\":"), record->reason);
    put_text(out, SPAN_OF(",\"refused_by\":"), record->refused_by);
    put_text(out, SPAN_OF(",\"detail\":"), record->detail);
    put_text(out, SPAN_OF(",\"mend\":"), record->mend);
    put_times(out, &record->times);
    strbuf_add(out, SPAN_OF("}\n"));
}

/* The combined format. */

static void put_escaped(struct strbuf *out, struct span value)
{
    static const char digits[] = "0123456789abcdef";
    struct span kept = cut(value);

    if (is_plain(kept)) {
        put_bytes(out, kept.ptr, kept.len);
    } else {
        char *to = strbuf_reserve(out, 4 * kept.len);
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

static void put_escaped_or_dash(struct strbuf *out, struct span value)
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

    put_escaped_or_dash(out, subject);
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
    put_escaped_or_dash(out, client_host(record->client));
    PUT(out, " - ");
    put_user(out, record->client_subject);
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
    put_escaped_or_dash(out, record->referer);
    PUT(out, "\" \"");
    put_escaped_or_dash(out, record->user_agent);
    strbuf_add(out, SPAN_OF("\"\n"));
}
