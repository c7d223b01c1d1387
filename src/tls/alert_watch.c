#include "tls/alert_watch.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "tls/handshake_error.h"

/* Of records (RFC 8446 section 5.1). */
#define HEADER_BYTES 5
#define TYPE_ALERT 21
#define TYPE_HANDSHAKE 22
#define LEVEL_FATAL 2

void alert_watch_init(struct alert_watch *watch)
{
    *watch = (struct alert_watch){.alert = TLS_ALERT_NONE};
}

/* A record's header is whole. What follows a ChangeCipherSpec is encrypted, and so is what looks
 * like data, or like an alert of another length. */
static void take_header(struct alert_watch *watch)
{
    uint32_t len = (uint32_t)watch->head[3] << 8 | watch->head[4];

    if (watch->head[1] != 3) {
        watch->is_over = true;
    } else if (watch->head[0] == TYPE_HANDSHAKE) {
        watch->skip = len;
        watch->head_len = 0;
    } else {
        watch->is_over = watch->head[0] != TYPE_ALERT || len != 2;
    }
}

static void take_alert(struct alert_watch *watch)
{
    if (watch->head[HEADER_BYTES] == LEVEL_FATAL) {
        watch->alert = watch->head[HEADER_BYTES + 1];
        watch->is_over = true;
    }
    watch->head_len = 0; /* warnings end nothing */
}

void alert_watch_take(struct alert_watch *watch, struct span bytes)
{
    while (!watch->is_over && bytes.len != 0) {
        size_t step = watch->skip < bytes.len ? watch->skip : bytes.len;

        if (step == 0) {
            watch->head[watch->head_len++] = (uint8_t)bytes.ptr[0];
            step = 1;
            if (watch->head_len == HEADER_BYTES) {
                take_header(watch);
            } else if (watch->head_len == sizeof(watch->head)) {
                take_alert(watch);
            }
        } else {
            watch->skip -= (uint32_t)step;
        }
        bytes = span_skip(bytes, step);
        watch->seen += (uint32_t)step;
        watch->is_over |= watch->seen >= ALERT_WATCH_BYTES_MAX;
    }
}

/* ---- what they mean ---- */

struct row {
    int alert;
    const char *sentence;
    const char *mend;
};

#define SEE_CERTIFICATE                                                                            \
    "see that the server's certificate covers the name that the client asked for, is current, "    \
    "and "                                                                                         \
    "comes with its intermediates"
#define SEE_BOTH                                                                                   \
    "compare the TLS versions and ciphers of the two; `tidegate explain` shows what the server "   \
    "takes"

static const struct row by_clients[] = {
    {TLS_ALERT_UNKNOWN_CA, "the client does not trust the CA that issued the server's certificate",
     "put the intermediates into the server's certificate file, or add the root to the client's "
     "trust store"},
    {TLS_ALERT_CERTIFICATE_UNKNOWN, "the client refused the server's certificate", SEE_CERTIFICATE},
    {TLS_ALERT_BAD_CERTIFICATE,
     "the client found the server's certificate broken or for another name", SEE_CERTIFICATE},
    {TLS_ALERT_CERTIFICATE_EXPIRED, "the client says that the server's certificate has expired",
     "renew it on the server; if it is current, the client's clock is wrong"},
    {TLS_ALERT_CERTIFICATE_REVOKED, "the client says that the server's certificate was revoked",
     "request a new certificate with a new key for the server"},
    {TLS_ALERT_UNSUPPORTED_CERTIFICATE,
     "the client cannot use the server's kind of certificate, or not for a server",
     "give the server one with an RSA or P-256 key that is meant for servers"},
    {TLS_ALERT_HANDSHAKE_FAILURE, "the client does not take the settings that the server chose",
     SEE_BOTH},
    {TLS_ALERT_PROTOCOL_VERSION, "the client does not take the TLS version that the server chose",
     SEE_BOTH},
};

static const struct row by_servers[] = {
    {TLS_ALERT_HANDSHAKE_FAILURE,
     "the server found no common settings with the client, or wants a certificate of it", SEE_BOTH},
    {TLS_ALERT_PROTOCOL_VERSION, "the server takes none of the client's TLS versions", SEE_BOTH},
    {TLS_ALERT_INSUFFICIENT_SECURITY, "the server wants stronger ciphers than the client offers",
     SEE_BOTH},
    {TLS_ALERT_UNRECOGNIZED_NAME, "the server has no site of the name that the client asked for",
     "add the name on the server, or let another backend have it"},
    {TLS_ALERT_NO_APPLICATION_PROTOCOL,
     "the server speaks none of the protocols that the client offers (ALPN)",
     "see the server's protocols; passthrough_by_alpn sends such clients to another backend"},
    {TLS_ALERT_UNKNOWN_CA, "the server does not trust the CA that issued the client's certificate",
     "add that CA to the server's list of client authorities"},
    {TLS_ALERT_BAD_CERTIFICATE, "the server refused the client's certificate, or wants one",
     "see the server's log, and the client's certificate"},
    {TLS_ALERT_CERTIFICATE_REQUIRED, "the server wants a certificate of the client",
     "give the client one that the server takes"},
    {TLS_ALERT_CERTIFICATE_EXPIRED, "the server says that the client's certificate has expired",
     "renew the client's certificate; if it is current, the server's clock is wrong"},
    {TLS_ALERT_CERTIFICATE_REVOKED, "the server says that the client's certificate was revoked",
     "give the client a new one"},
};

static const struct row others[2] = {
    {TLS_ALERT_NONE, "the server ended the handshake with the client by an alert",
     "see the server's log"},
    {TLS_ALERT_NONE, "the client ended the handshake with the server by an alert",
     "see the client's own log"},
};

static const struct row *find(const struct row *rows, size_t count, int alert)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].alert == alert) {
            return &rows[i];
        }
    }
    return NULL;
}

struct alert_meaning alert_watch_meaning(int alert, bool by_client)
{
    struct handshake_facts facts = {.is_server = by_client, .alert_received = alert};
    const struct row *row = by_client ? find(by_clients, ARRAY_LEN(by_clients), alert)
                                      : find(by_servers, ARRAY_LEN(by_servers), alert);

    row = row != NULL ? row : &others[by_client];
    return (struct alert_meaning){handshake_cause_of(&facts)->word, row->sentence, row->mend};
}
