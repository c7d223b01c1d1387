#include "tls/hello.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define RECORD_HEADER_BYTES 5
#define RECORD_HANDSHAKE 0x16
#define RECORD_PAYLOAD_MAX 16384
#define MESSAGE_HEADER_BYTES 4
#define MESSAGE_CLIENT_HELLO 1
#define RANDOM_BYTES 32
#define SESSION_ID_MAX 32

#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define EXTENSION_SUPPORTED_VERSIONS 43
/* Real hellos have fewer than 30. So many are compared one by one; 64 KiB could hold 16,000. */
#define EXTENSIONS_FEW 64
#define EXTENSION_TYPES 65536

#define NAME_TYPE_HOST 0
#define VERSION_TLS12 0x0303
#define VERSION_TLS13 0x0304

static bool bad(struct hello *hello, enum hello_bad why)
{
    hello->bad = why;
    return false;
}

/* ---- names ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '_';
}

/* Letters, digits, '-' and '_' in labels of 1 to 63 bytes; a dot at the end is taken off, as
 * clients that follow RFC 6066 send none. IPv4 addresses look like it and are none; those of IPv6,
 * and names with a port, have a ':'. */
static bool use_name(struct hello *hello, struct span name)
{
    size_t label = 0;
    struct in_addr ip4;

    if (name.len != 0 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0 || name.len > HELLO_SNI_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        label = c == '.' ? 0 : label + 1;
        if (label > 63 || (c == '.' && (i == 0 || name.ptr[i - 1] == '.')) ||
            (c != '.' && !is_name_byte(c))) {
            return false;
        }
        hello->sni_name[i] = c;
    }
    hello->sni_name[name.len] = '\0';
    if (label == 0 || inet_pton(AF_INET, hello->sni_name, &ip4) == 1) {
        return false;
    }
    hello->sni_len = (uint8_t)name.len;
    hello->has_sni = true;
    return true;
}

/* RFC 6066 section 3. A list may hold several types of names, but host_name is the only one there
 * ever was, and two of one type are forbidden; so a list has one entry. */
static bool read_server_name(struct hello *hello, struct cursor body)
{
    struct cursor list;
    struct cursor name;
    struct span text;
    uint8_t type;

    if (!cursor_vector16(&body, &list) || cursor_left(&body) != 0) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    if (cursor_left(&list) == 0) {
        return bad(hello, HELLO_BAD_SNI_LIST);
    }
    if (!cursor_u8(&list, &type) || !cursor_vector16(&list, &name)) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    if (cursor_left(&list) != 0 || type != NAME_TYPE_HOST) {
        return bad(hello, HELLO_BAD_SNI_LIST);
    }
    if (!cursor_bytes(&name, cursor_left(&name), &text)) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    if (text.len == 0) {
        return bad(hello, HELLO_BAD_SNI_LIST);
    }
    /* What is no host name names nobody, as far as its list is well formed: clients that connect to
     * an address send that, or what a person typed, and expect whoever is the default. */
    hello->sni_sent = text;
    hello->has_unusable_sni = !use_name(hello, text);
    return true;
}

/* ---- other extensions ---- */

/* RFC 7301 section 3.1. */
static bool read_alpn(struct hello *hello, struct cursor body)
{
    struct cursor list;

    if (!cursor_vector16(&body, &list) || cursor_left(&body) != 0) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    hello->has_alpn = true;
    if (cursor_left(&list) == 0) {
        return bad(hello, HELLO_BAD_ALPN);
    }
    while (cursor_left(&list) != 0) {
        struct cursor name;
        struct span text;
        if (!cursor_vector8(&list, &name) || !cursor_bytes(&name, cursor_left(&name), &text)) {
            return bad(hello, HELLO_BAD_SYNTAX);
        }
        if (text.len == 0) {
            return bad(hello, HELLO_BAD_ALPN);
        }
        if (hello->alpn_count < HELLO_ALPN_MAX) {
            hello->alpn[hello->alpn_count++] = text;
        }
    }
    return true;
}

/* RFC 8446 section 4.2.1. Versions that nobody knows, as GREASE sends them (RFC 8701), are
 * skipped. */
static bool read_versions(struct hello *hello, struct cursor body)
{
    struct cursor list;

    if (!cursor_vector8(&body, &list) || cursor_left(&body) != 0 || cursor_left(&list) % 2 != 0) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    if (cursor_left(&list) == 0) {
        return bad(hello, HELLO_BAD_VERSION);
    }
    hello->best_version = 0;
    hello->offers_tls12 = false;
    while (cursor_left(&list) != 0) {
        uint16_t version;
        if (!cursor_u16(&list, &version)) {
            return bad(hello, HELLO_BAD_SYNTAX);
        }
        if (version > VERSION_TLS13 || version < 0x0300) {
            continue;
        }
        hello->offers_tls13 |= version == VERSION_TLS13;
        hello->offers_tls12 |= version == VERSION_TLS12;
        hello->best_version = version > hello->best_version ? version : hello->best_version;
    }
    return true;
}

static bool read_extension(struct hello *hello, uint16_t type, struct cursor body)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        return read_server_name(hello, body);
    case EXTENSION_ALPN:
        return read_alpn(hello, body);
    case EXTENSION_SUPPORTED_VERSIONS:
        return read_versions(hello, body);
    default:
        return true;
    }
}

/* The types that have come: a list, and a bit for each of all when they are many. */
struct seen_types {
    uint16_t few[EXTENSIONS_FEW];
    size_t count;
    uint8_t bits[EXTENSION_TYPES / 8]; /* not set before the few are full */
};

/* False: it was there. */
static bool see_type(struct seen_types *seen, uint16_t type)
{
    uint8_t bit = (uint8_t)(1U << (type & 7U));

    if (seen->count < EXTENSIONS_FEW) {
        for (size_t i = 0; i < seen->count; i++) {
            if (seen->few[i] == type) {
                return false;
            }
        }
        seen->few[seen->count++] = type;
        return true;
    }
    if (seen->count == EXTENSIONS_FEW) {
        memset(seen->bits, 0, sizeof(seen->bits));
        for (size_t i = 0; i < EXTENSIONS_FEW; i++) {
            seen->bits[seen->few[i] / 8] |= (uint8_t)(1U << (seen->few[i] & 7U));
        }
    }
    seen->count++;
    if ((seen->bits[type / 8] & bit) != 0) {
        return false;
    }
    seen->bits[type / 8] |= bit;
    return true;
}

static bool read_extensions(struct hello *hello, struct cursor list)
{
    struct seen_types seen;

    seen.count = 0;
    while (cursor_left(&list) != 0) {
        struct cursor body;
        uint16_t type;
        if (!cursor_u16(&list, &type) || !cursor_vector16(&list, &body)) {
            return bad(hello, HELLO_BAD_SYNTAX);
        }
        if (!see_type(&seen, type)) {
            return bad(hello, HELLO_BAD_EXTENSION_TWICE);
        }
        if (!read_extension(hello, type, body)) {
            return false;
        }
    }
    return true;
}

/* ---- the message (RFC 8446 section 4.1.2) ---- */

static bool read_message(struct hello *hello, struct span message)
{
    struct cursor c = cursor_make(message);
    struct cursor session_id, suites, compressions, extensions;
    struct span random;

    if (!cursor_u16(&c, &hello->legacy_version) || !cursor_bytes(&c, RANDOM_BYTES, &random) ||
        !cursor_vector8(&c, &session_id) || cursor_left(&session_id) > SESSION_ID_MAX ||
        !cursor_vector16(&c, &suites) || cursor_left(&suites) < 2 ||
        cursor_left(&suites) % 2 != 0 || !cursor_vector8(&c, &compressions) ||
        cursor_left(&compressions) == 0) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    if (hello->legacy_version < 0x0300) {
        return bad(hello, HELLO_BAD_VERSION);
    }
    hello->best_version =
        hello->legacy_version < VERSION_TLS12 ? hello->legacy_version : VERSION_TLS12;
    hello->offers_tls12 = hello->legacy_version >= VERSION_TLS12;
    if (cursor_left(&c) == 0) {
        return true; /* TLS 1.2 and below may have none */
    }
    if (!cursor_vector16(&c, &extensions) || cursor_left(&c) != 0) {
        return bad(hello, HELLO_BAD_SYNTAX);
    }
    return read_extensions(hello, extensions);
}

/* ---- records ---- */

/* Where the message is being put together. */
struct assembly {
    struct span message; /* from its header on; in the bytes themselves while one record has it */
    size_t needed;       /* header included; what is known of it so far */
};

static enum hello_result refuse(struct hello *hello, enum hello_bad why)
{
    hello->bad = why;
    return HELLO_BAD;
}

/* Waits for so many bytes in all, if that many may come. */
static enum hello_result want(struct hello *hello, size_t total, size_t limit)
{
    if (total > limit) {
        return refuse(hello, HELLO_BAD_TOO_LONG);
    }
    hello->wanted = total;
    return HELLO_MORE;
}

/* The first bytes decide early: a client of another protocol that waits for an answer would wait
 * forever. */
static enum hello_result first_bytes(struct span bytes)
{
    static const char start[] = {RECORD_HANDSHAKE, 3};

    for (size_t i = 0; i < sizeof(start) && i < bytes.len; i++) {
        if (bytes.ptr[i] != start[i]) {
            return HELLO_NOT_TLS;
        }
    }
    return HELLO_MORE;
}

/* Adds a record's payload to the message and looks at the message's own header. */
static enum hello_bad assemble(struct assembly *a, struct span payload, char *scratch)
{
    struct cursor c;
    uint8_t type;
    uint32_t len;

    if (a->message.len == 0) {
        a->message = payload;
    } else if (payload.len != 0) {
        CHECK(scratch != NULL);
        if (a->message.ptr != scratch) {
            memcpy(scratch, a->message.ptr, a->message.len);
        }
        memcpy(scratch + a->message.len, payload.ptr, payload.len);
        a->message = span_make(scratch, a->message.len + payload.len);
    }
    c = cursor_make(a->message);
    if (cursor_u8(&c, &type) && type != MESSAGE_CLIENT_HELLO) {
        return HELLO_BAD_MESSAGE;
    }
    if (cursor_u24(&c, &len)) {
        a->needed = MESSAGE_HEADER_BYTES + (size_t)len;
    }
    return HELLO_BAD_NONE;
}

static enum hello_result finish(struct hello *hello, struct assembly *a)
{
    hello->wanted = 0;
    return read_message(hello, span_skip(a->message, MESSAGE_HEADER_BYTES)) ? HELLO_COMPLETE
                                                                            : HELLO_BAD;
}

/* The header of the next record. */
static enum hello_bad read_record(struct cursor *c, size_t *len)
{
    struct cursor ahead = *c;
    uint8_t type, major, minor;
    uint16_t payload;

    if (!cursor_u8(&ahead, &type)) {
        return HELLO_BAD_NONE;
    }
    if (type != RECORD_HANDSHAKE) {
        return HELLO_BAD_RECORD;
    }
    if (!cursor_u8(&ahead, &major)) {
        return HELLO_BAD_NONE;
    }
    if (major != 3) {
        return HELLO_BAD_RECORD;
    }
    if (!cursor_u8(&ahead, &minor) || !cursor_u16(&ahead, &payload)) {
        return HELLO_BAD_NONE;
    }
    if (payload == 0 || payload > RECORD_PAYLOAD_MAX) {
        return HELLO_BAD_RECORD_LENGTH;
    }
    *len = payload;
    *c = ahead;
    return HELLO_BAD_NONE;
}

/* At least one byte more of every record is needed: with n payload bytes still missing, a new
 * record of n bytes is the least that can bring them. */
static size_t least_more(const struct assembly *a, size_t payload_left)
{
    size_t missing = a->needed > a->message.len ? a->needed - a->message.len : 1;

    if (payload_left == 0) {
        return RECORD_HEADER_BYTES + missing;
    }
    return missing > payload_left ? payload_left + RECORD_HEADER_BYTES + (missing - payload_left)
                                  : payload_left;
}

enum hello_result hello_parse(struct hello *hello, struct span bytes, size_t limit_bytes,
                              char *scratch)
{
    struct assembly a = {.needed = MESSAGE_HEADER_BYTES};
    struct cursor c = cursor_make(bytes);

    CHECK(limit_bytes <= HELLO_BYTES_MAX);
    memset(hello, 0, offsetof(struct hello, alpn));
    if (bytes.len > limit_bytes) {
        bytes.len = limit_bytes;
        c = cursor_make(bytes);
    }
    if (first_bytes(bytes) == HELLO_NOT_TLS) {
        return HELLO_NOT_TLS;
    }
    if (bytes.len < 2) {
        return want(hello, 2, limit_bytes);
    }
    for (;;) {
        size_t at = bytes.len - cursor_left(&c);
        size_t payload_len = 0;
        struct span payload;
        enum hello_bad why = read_record(&c, &payload_len);
        if (why != HELLO_BAD_NONE) {
            return refuse(hello, why);
        }
        if (payload_len == 0) {
            return want(hello, at + least_more(&a, 0), limit_bytes);
        }
        size_t have = cursor_left(&c) < payload_len ? cursor_left(&c) : payload_len;
        if (!cursor_bytes(&c, have, &payload)) {
            return refuse(hello, HELLO_BAD_SYNTAX);
        }
        size_t before = a.message.len;
        if ((why = assemble(&a, payload, scratch)) != HELLO_BAD_NONE) {
            return refuse(hello, why);
        }
        /* A client waits for the answer before it says more, so nothing may follow in the record.
         */
        if (a.message.len >= MESSAGE_HEADER_BYTES && before + payload_len > a.needed) {
            return refuse(hello, a.needed > limit_bytes ? HELLO_BAD_TOO_LONG : HELLO_BAD_SYNTAX);
        }
        hello->record_count++;
        if (have < payload_len) {
            return want(hello, bytes.len + least_more(&a, payload_len - have), limit_bytes);
        }
        if (a.message.len >= a.needed) {
            hello->consumed = bytes.len - cursor_left(&c);
            return finish(hello, &a);
        }
    }
}

/* The record that begins at watch->at, as far as it is there. False: it is broken. */
static bool watch_payload(struct hello_watch *watch, struct span have, size_t payload_len,
                          size_t limit_bytes)
{
    for (size_t i = 0; i < have.len && watch->received + i < MESSAGE_HEADER_BYTES; i++) {
        size_t at = watch->received + i;
        uint8_t byte = (uint8_t)have.ptr[i];
        if (at == 0 && byte != MESSAGE_CLIENT_HELLO) {
            return false;
        }
        /* The first byte is looked at again with each call, until its record is whole. */
        watch->needed = at == 0 ? 0 : watch->needed << 8 | byte;
        if (at == MESSAGE_HEADER_BYTES - 1) {
            watch->needed += MESSAGE_HEADER_BYTES;
        }
    }
    return watch->received + have.len < MESSAGE_HEADER_BYTES ||
           (watch->needed <= limit_bytes && watch->received + payload_len <= watch->needed);
}

static bool is_whole(const struct hello_watch *watch)
{
    return watch->received >= MESSAGE_HEADER_BYTES && watch->received >= watch->needed;
}

bool hello_is_broken(struct hello_watch *watch, struct span bytes, size_t limit_bytes)
{
    while (watch->at < bytes.len && watch->at < limit_bytes && !is_whole(watch)) {
        struct span left = span_skip(bytes, watch->at);
        struct cursor c = cursor_make(left);
        struct hello_watch ahead = *watch;
        size_t payload_len = 0;
        struct span have;
        if (read_record(&c, &payload_len) != HELLO_BAD_NONE) {
            return true;
        }
        if (payload_len == 0) {
            return false;
        }
        have = span_skip(left, RECORD_HEADER_BYTES);
        have = span_head(have, have.len < payload_len ? have.len : payload_len);
        if (!watch_payload(&ahead, have, payload_len, limit_bytes)) {
            return true;
        }
        if (have.len < payload_len) {
            return false;
        }
        ahead.received += (uint32_t)payload_len;
        ahead.at += (uint32_t)(RECORD_HEADER_BYTES + payload_len);
        *watch = ahead;
    }
    return false;
}

enum hello_result hello_parse_ssl2(struct span bytes)
{
    static const struct {
        uint8_t mask, value;
    } start[HELLO_SSL2_BYTES] = {{0x80, 0x80}, {0, 0}, {0xff, 1}, {0xfc, 0}, {0, 0}};
    const uint8_t *at = (const uint8_t *)bytes.ptr;

    for (size_t i = 0; i < bytes.len && i < HELLO_SSL2_BYTES; i++) {
        if ((at[i] & start[i].mask) != start[i].value) {
            return HELLO_NOT_TLS;
        }
    }
    if (bytes.len < HELLO_SSL2_BYTES) {
        return HELLO_MORE;
    }
    /* The version: 0.2, or 3 and something. */
    return (at[3] == 0 && at[4] == 2) || at[3] == 3 ? HELLO_COMPLETE : HELLO_NOT_TLS;
}

bool hello_is_name(struct span name)
{
    struct hello hello;

    return use_name(&hello, name);
}

bool hello_sni_is_taken(const struct hello *hello)
{
    return hello->sni_sent.len <= HELLO_SNI_LIBRARY_MAX &&
           span_find(hello->sni_sent, '\0') == hello->sni_sent.len;
}

void hello_sni_text(const struct hello *hello, char text[HELLO_SNI_TEXT_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < hello->sni_sent.len && len + 5 < HELLO_SNI_TEXT_MAX; i++) {
        unsigned char c = (unsigned char)hello->sni_sent.ptr[i];
        bool is_plain = c > 0x20 && c < 0x7f && c != '\\';
        len +=
            (size_t)snprintf(text + len, HELLO_SNI_TEXT_MAX - len, is_plain ? "%c" : "\\x%02x", c);
    }
    text[len] = '\0';
}

bool hello_offers_alpn(const struct hello *hello, struct span protocol)
{
    for (size_t i = 0; i < hello->alpn_count; i++) {
        if (span_eq(hello->alpn[i], protocol)) {
            return true;
        }
    }
    return false;
}

/* ---- words ---- */

static const struct {
    const char *word;
    const char *text;
    enum tls_alert alert;
} reasons[] = {
    [HELLO_BAD_NONE] = {"hello_ok", "nothing is wrong with it", TLS_ALERT_INTERNAL_ERROR},
    [HELLO_BAD_TOO_LONG] = {"hello_too_long", "the ClientHello is above the limit",
                            TLS_ALERT_ILLEGAL_PARAMETER},
    [HELLO_BAD_RECORD] = {"hello_record", "another record came before the ClientHello was whole",
                          TLS_ALERT_UNEXPECTED_MESSAGE},
    [HELLO_BAD_RECORD_LENGTH] = {"hello_record_length",
                                 "a record of the ClientHello is empty or above 16384 bytes",
                                 TLS_ALERT_RECORD_OVERFLOW},
    [HELLO_BAD_MESSAGE] = {"hello_message", "the first message is no ClientHello",
                           TLS_ALERT_UNEXPECTED_MESSAGE},
    [HELLO_BAD_SYNTAX] = {"hello_syntax", "the lengths in the ClientHello do not add up",
                          TLS_ALERT_DECODE_ERROR},
    [HELLO_BAD_VERSION] = {"hello_version", "the ClientHello names no version of TLS",
                           TLS_ALERT_PROTOCOL_VERSION},
    [HELLO_BAD_EXTENSION_TWICE] = {"hello_extension_twice",
                                   "the ClientHello has an extension twice",
                                   TLS_ALERT_ILLEGAL_PARAMETER},
    [HELLO_BAD_SNI_LIST] = {"hello_sni_list",
                            "the server name extension has no name, an empty one, or more than one",
                            TLS_ALERT_DECODE_ERROR},
    [HELLO_BAD_ALPN] = {"hello_alpn", "the list of application protocols is empty, or a name in it",
                        TLS_ALERT_DECODE_ERROR},
};

const char *hello_bad_word(enum hello_bad why)
{
    return reasons[why].word;
}

const char *hello_bad_text(enum hello_bad why)
{
    return reasons[why].text;
}

enum tls_alert hello_bad_alert(enum hello_bad why)
{
    return reasons[why].alert;
}

void hello_alert(enum tls_alert alert, char out[TLS_ALERT_RECORD_BYTES])
{
    tls_alert_record(alert, out);
}
