#include "dns/dns_answer.h"

#include <string.h>
#include <strings.h>

#define HEADER_BYTES 12
#define LABEL_MAX 63
/* Of one name: each must lead further back, and this many are more than any honest one has. */
#define POINTERS_MAX 32
#define CLASS_IN 1
#define TYPE_CNAME 5
#define RCODE_NXDOMAIN 3
/* RFC 2181 section 8: a longer one counts as zero. */
#define TTL_MAX 0x7fffffffu

struct reader {
    const uint8_t *bytes;
    size_t len;
    size_t at;
};

struct record {
    char owner[DNS_NAME_SIZE];
    unsigned type;
    unsigned class;
    uint32_t ttl_s;
    size_t data_at;
    size_t data_len;
};

static bool has(const struct reader *reader, size_t count)
{
    return reader->len - reader->at >= count;
}

static unsigned take_16(struct reader *reader)
{
    const uint8_t *at = reader->bytes + reader->at;

    reader->at += 2;
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t take_32(struct reader *reader)
{
    uint32_t high = take_16(reader);

    return high << 16 | take_16(reader);
}

/* A byte of a name that can be told and compared as text: names of hosts and services have no
 * others (RFC 1123 section 2.1, and '_'). */
static bool is_fine(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

static bool add_label(const struct reader *reader, size_t at, size_t len, char name[DNS_NAME_SIZE],
                      size_t *name_len)
{
    if (*name_len + 1 + len >= DNS_NAME_SIZE) {
        return false;
    }
    if (*name_len != 0) {
        name[(*name_len)++] = '.';
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = reader->bytes[at + i];
        if (!is_fine(byte)) {
            return false;
        }
        name[(*name_len)++] = (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
    }
    return true;
}

/* A name, compressed perhaps (RFC 1035 section 4.1.4), in lower case. The reader is behind it then.
 * "" is the root's. */
static bool take_name(struct reader *reader, char name[DNS_NAME_SIZE])
{
    size_t at = reader->at;
    size_t behind = 0; /* the first pointer; 0: none yet */
    size_t name_len = 0;
    unsigned pointers = 0;

    for (;;) {
        if (at >= reader->len) {
            return false;
        }
        size_t len = reader->bytes[at];
        if (len == 0) {
            reader->at = behind != 0 ? behind : at + 1;
            name[name_len] = '\0';
            return true;
        }
        if ((len & 0xc0) == 0xc0) {
            if (at + 2 > reader->len || ++pointers > POINTERS_MAX) {
                return false;
            }
            size_t to = (len & 0x3f) << 8 | reader->bytes[at + 1];
            behind = behind != 0 ? behind : at + 2;
            if (to >= at) {
                return false; /* it may only lead back */
            }
            at = to;
            continue;
        }
        if (len > LABEL_MAX || reader->len - at - 1 < len ||
            !add_label(reader, at + 1, len, name, &name_len)) {
            return false;
        }
        at += 1 + len;
    }
}

/* Passes over a name without reading it: one that is not fine is no reason to pass over the rest.
 */
static bool skip_name(struct reader *reader)
{
    while (has(reader, 1)) {
        size_t len = reader->bytes[reader->at];
        if ((len & 0xc0) == 0xc0) {
            reader->at += 2;
            return reader->at <= reader->len;
        }
        if (len > LABEL_MAX || !has(reader, 1 + len)) {
            return false;
        }
        reader->at += 1 + len;
        if (len == 0) {
            return true;
        }
    }
    return false;
}

/* False: the message ends in the middle. One with an owner that is not fine has "" as such. */
static bool take_record(struct reader *reader, struct record *record)
{
    struct reader start = *reader;

    if (!take_name(&start, record->owner)) {
        record->owner[0] = '\0';
    }
    if (!skip_name(reader) || !has(reader, 10)) {
        return false;
    }
    record->type = take_16(reader);
    record->class = take_16(reader);
    record->ttl_s = take_32(reader);
    record->ttl_s = record->ttl_s > TTL_MAX ? 0 : record->ttl_s;
    record->data_len = take_16(reader);
    record->data_at = reader->at;
    if (!has(reader, record->data_len)) {
        return false;
    }
    reader->at += record->data_len;
    return true;
}

static void fail(struct dns_answer *answer, enum dns_how how, const char *problem)
{
    answer->how = how;
    answer->problem = problem;
    answer->count = 0;
}

static void note_ttl(struct dns_answer *answer, uint32_t ttl_s, bool *is_first)
{
    if (*is_first || ttl_s < answer->ttl_s) {
        answer->ttl_s = ttl_s;
    }
    *is_first = false;
}

/* ---- values ---- */

/* None that a server could have: nothing, a group of receivers, everybody. */
static bool is_usable(const uint8_t *ip, size_t len)
{
    static const uint8_t nothing[16];

    if (memcmp(ip, nothing, len) == 0) {
        return false;
    }
    return len == 4 ? ip[0] != 0 && ip[0] < 224 : ip[0] != 0xff;
}

static bool take_address(const struct reader *message, const struct record *record, size_t len,
                         struct dns_record *out)
{
    const uint8_t *ip = message->bytes + record->data_at;

    if (record->data_len != len || !is_usable(ip, len)) {
        return false;
    }
    memcpy(out->ip, ip, len);
    return true;
}

/* RFC 2782. A target "." says that the service is not there. */
static bool take_service(const struct reader *message, const struct record *record,
                         struct dns_record *out)
{
    struct reader reader = {message->bytes, record->data_at + record->data_len, record->data_at};

    if (record->data_len < 7) {
        return false;
    }
    out->priority = (uint16_t)take_16(&reader);
    out->weight = (uint16_t)take_16(&reader);
    out->port = (uint16_t)take_16(&reader);
    return take_name(&reader, out->target) && out->target[0] != '\0' && out->port != 0;
}

static bool take_value(const struct reader *message, const struct record *record,
                       enum dns_type type, struct dns_record *out)
{
    memset(out, 0, sizeof(*out));
    switch (type) {
    case DNS_A:
        return take_address(message, record, 4, out);
    case DNS_AAAA:
        return take_address(message, record, 16, out);
    case DNS_SRV:
        return take_service(message, record, out);
    }
    return false;
}

static bool is_there(const struct dns_answer *answer, const struct dns_record *record)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (memcmp(&answer->records[i], record, sizeof(*record)) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the answer ---- */

/* Follows one alias; false: the name has none. */
static bool follow(const struct reader *answers, unsigned count, char name[DNS_NAME_SIZE],
                   struct dns_answer *answer, bool *is_first)
{
    struct reader reader = *answers;
    struct record record;

    for (unsigned i = 0; i < count && take_record(&reader, &record); i++) {
        struct reader data = {answers->bytes, answers->len, record.data_at};
        char target[DNS_NAME_SIZE];
        if (record.type == TYPE_CNAME && record.class == CLASS_IN &&
            strcmp(record.owner, name) == 0 && take_name(&data, target) && target[0] != '\0') {
            note_ttl(answer, record.ttl_s, is_first);
            memcpy(name, target, sizeof(target));
            return true;
        }
    }
    return false;
}

static void collect(const struct reader *answers, unsigned count, const char *name,
                    enum dns_type type, struct dns_answer *answer, bool *is_first)
{
    struct reader reader = *answers;
    struct record record;

    for (unsigned i = 0; i < count && take_record(&reader, &record); i++) {
        struct dns_record value;
        if (record.type != (unsigned)type || record.class != CLASS_IN ||
            strcmp(record.owner, name) != 0 || !take_value(answers, &record, type, &value) ||
            is_there(answer, &value)) {
            continue;
        }
        if (answer->count == DNS_RECORDS_MAX) {
            answer->is_cut = true;
            return;
        }
        note_ttl(answer, record.ttl_s, is_first);
        answer->records[answer->count++] = value;
    }
}

void dns_answer_parse(struct dns_answer *answer, struct span message, enum dns_type type)
{
    struct reader reader = {(const uint8_t *)message.ptr, message.len, 0};
    char name[DNS_NAME_SIZE];
    bool is_first = true;

    *answer = (struct dns_answer){.how = DNS_OK};
    if (!has(&reader, HEADER_BYTES)) {
        fail(answer, DNS_FAILED, "the name server's answer is cut short");
        return;
    }
    unsigned rcode = reader.bytes[3] & 0xf;
    reader.at = 4;
    unsigned questions = take_16(&reader);
    unsigned count = take_16(&reader);
    reader.at = HEADER_BYTES;
    if (questions != 1 || !take_name(&reader, name) || name[0] == '\0' || !has(&reader, 4) ||
        take_16(&reader) != (unsigned)type || take_16(&reader) != CLASS_IN) {
        fail(answer, DNS_FAILED, "the name server answers another question");
        return;
    }
    if (rcode == RCODE_NXDOMAIN) {
        fail(answer, DNS_NO_NAME, "there is no such name");
        return;
    }
    if (rcode != 0) {
        fail(answer, DNS_FAILED, "the name server reports a failure");
        return;
    }
    for (unsigned i = 0; i < DNS_ALIASES_MAX && follow(&reader, count, name, answer, &is_first);
         i++) {
    }
    collect(&reader, count, name, type, answer, &is_first);
    if (answer->count == 0) {
        fail(answer, DNS_NO_DATA, "the name has no such record");
    }
}
