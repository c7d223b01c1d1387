/* What a ClientHello says, before anything is answered (RFC 8446 section 4.1.2, RFC 6066 section 3,
 * RFC 7301 section 3.1): enough to choose the site and to pass the connection through untouched.
 *
 * It reads the bytes of a connection's beginning, puts the handshake message together over any
 * number of records, and consumes nothing. Not a handshake: keys, tickets and the rest are the
 * TLS library's.
 *
 * Allocates nothing. A call costs O(bytes). hello.wanted says how many bytes there must be before
 * another call can end with HELLO_COMPLETE; a caller that waits for them (or for the peer's end)
 * makes O(log bytes) calls for one hello however it is cut into records and segments. */
#ifndef TIDEGATE_TLS_HELLO_H
#define TIDEGATE_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "tls/alert.h"

/* As best_version: a client that speaks SSL 3.0 at most, which no TLS library of today does. */
#define HELLO_VERSION_SSL3 0x0300
/* So many bytes tell a ClientHello of SSL 2.0. */
#define HELLO_SSL2_BYTES 5
/* The most bytes, record headers included, that a hello may take. */
#define HELLO_BYTES_MAX 65536
/* RFC 1035 section 2.3.4, as text without the trailing dot. */
#define HELLO_SNI_MAX 253
/* Protocols kept of the ALPN list; more are counted, and valid, but not kept. */
#define HELLO_ALPN_MAX 16

enum hello_result {
    HELLO_COMPLETE,
    HELLO_MORE,    /* so far it is one; not whole yet */
    HELLO_NOT_TLS, /* the first bytes are not a TLS handshake record's */
    HELLO_BAD      /* hello.bad says why */
};

enum hello_bad {
    HELLO_BAD_NONE,
    HELLO_BAD_TOO_LONG,        /* more than limit_bytes */
    HELLO_BAD_RECORD,          /* another kind of record before the hello was whole */
    HELLO_BAD_RECORD_LENGTH,   /* empty, or above 2^14 bytes (RFC 8446 section 5.1) */
    HELLO_BAD_MESSAGE,         /* a handshake message, but no ClientHello */
    HELLO_BAD_SYNTAX,          /* lengths that do not add up, or bytes left over */
    HELLO_BAD_VERSION,         /* legacy_version below 3.0, or an empty list of versions */
    HELLO_BAD_EXTENSION_TWICE, /* RFC 8446 section 4.2 */
    HELLO_BAD_SNI_LIST,        /* empty, an empty name, or more than one name */
    HELLO_BAD_ALPN,            /* an empty list, or an empty name in it */
    HELLO_BAD_COUNT
};

struct hello {
    enum hello_bad bad;
    size_t wanted;       /* after HELLO_MORE: the total of bytes to wait for, at least one more */
    size_t record_count; /* records that the hello lies in */
    size_t consumed;     /* bytes up to the end of its last record; more may follow */
    uint16_t legacy_version;
    uint16_t best_version; /* the highest one offered that we know of, 0x0304 for TLS 1.3 */
    bool offers_tls13;
    bool offers_tls12;
    bool has_sni;          /* a host name was asked for */
    bool has_unusable_sni; /* something was that is none: as if nothing had been */
    bool has_alpn;
    uint8_t sni_len;
    char sni_name[HELLO_SNI_MAX + 1]; /* lower case, without a trailing dot, ends in a NUL */
    size_t alpn_count;
    struct span sni_sent;             /* as it came; lives as long as those of alpn */
    struct span alpn[HELLO_ALPN_MAX]; /* into `bytes`, or into `scratch` when record_count > 1 */
};

/* bytes: all that has come so far. limit_bytes: at most HELLO_BYTES_MAX. scratch: room for
 * bytes.len bytes, used only for a hello in more than one record, and only until the spans of
 * *hello are no longer needed; may be NULL when nothing lies behind the first record. */
enum hello_result hello_parse(struct hello *hello, struct span bytes, size_t limit_bytes,
                              char *scratch) MUST_CHECK;

/* How far the records of a hello that is not whole have been looked at. Begins as {0}. */
struct hello_watch {
    uint32_t at;       /* where the first record begins that is not whole */
    uint32_t received; /* bytes of the message in the records before it */
    uint32_t needed;   /* bytes of the message, its header included; 0: not known yet */
};

/* Judges the records as they come, while hello_parse waits for `wanted`: whether another call would
 * end with HELLO_BAD. In all calls together it looks at each record's header a few times, and at
 * nothing else, however the bytes are cut. */
bool hello_is_broken(struct hello_watch *watch, struct span bytes, size_t limit_bytes) MUST_CHECK;

/* Whether the bytes begin as SSL 2.0's ClientHello does, in which some old clients offer newer
 * versions too (RFC 5246 appendix E.2). It names no server, and nobody answers it any more (RFC
 * 6176). HELLO_COMPLETE: they do; HELLO_MORE: HELLO_SSL2_BYTES will tell; else HELLO_NOT_TLS. */
enum hello_result hello_parse_ssl2(struct span bytes) MUST_CHECK;

static inline struct span hello_sni(const struct hello *hello)
{
    return span_make(hello->has_sni ? hello->sni_name : NULL, hello->sni_len);
}

/* Whether that is a host name, which a site may have; else it is as if no name had been sent. */
bool hello_is_name(struct span name);
/* The longest server name that the TLS library takes, and it takes no NUL in one: whoever
 * terminates TLS must refuse others, usable or not. */
#define HELLO_SNI_LIBRARY_MAX 255
bool hello_sni_is_taken(const struct hello *hello);
/* What was asked for, for logs: bytes that are no printable ASCII as \xNN; cut to size. */
#define HELLO_SNI_TEXT_MAX 512
void hello_sni_text(const struct hello *hello, char text[HELLO_SNI_TEXT_MAX]);

bool hello_offers_alpn(const struct hello *hello, struct span protocol);

/* For logs: "hello_sni_address", and a sentence without a full stop. */
const char *hello_bad_word(enum hello_bad bad);
const char *hello_bad_text(enum hello_bad bad);
/* The alert that answers it. */
enum tls_alert hello_bad_alert(enum hello_bad bad);
/* A fatal alert record to send instead of a ServerHello. */
void hello_alert(enum tls_alert alert, char out[TLS_ALERT_RECORD_BYTES]);

#endif
