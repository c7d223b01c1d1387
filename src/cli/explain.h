/* The record of `tidegate explain`, which plays the client of one URL (explain_play.h): each step
 * that it takes or sees, with its time, for the diagram (explain_draw.h) and the JSON
 * (explain_json.h). What plays, reads and tells is in modules above, which fill this one.
 *
 * Blocking: one connection, one deadline. Everything lives in the arena of struct explain. The
 * first failure ends the play, and is what the last three lines are about. */
#ifndef TIDEGATE_CLI_EXPLAIN_H
#define TIDEGATE_CLI_EXPLAIN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/sock.h"
#include "tls/handshake_error.h"

enum { EXPLAIN_HEADERS_MAX = 64, EXPLAIN_ADDRESSES_MAX = 16, EXPLAIN_BODY_START = 512 };

struct explain_options {
    const char *url;
    const char *ca;          /* PEM; NULL: the system's */
    const char *certificate; /* with key; NULL: none */
    const char *key;
    const char *sni; /* NULL: the URL's host; "": none */
    const char *method;
    const char *data;
    const char *connect; /* ADDRESS:PORT; NULL: by the URL */
    const char *headers[EXPLAIN_HEADERS_MAX];
    size_t header_count;
    uint64_t timeout_ms;
    bool tls12;
    bool http11;
    bool resume;
    bool json;
};

/* The URL, taken apart. */
struct explain_target {
    bool is_tls;
    bool is_bytes;    /* no HTTP is spoken: tcp://, and with is_tls tls:// */
    const char *host; /* without brackets and port */
    uint16_t port;
    const char *authority; /* for Host */
    const char *target;    /* path and query */
};

enum explain_side { EXPLAIN_HERE, EXPLAIN_TO_SERVER, EXPLAIN_TO_CLIENT };

struct explain_line {
    const char *label; /* also the JSON's name, with '_' for ' ' */
    const char *value;
};

struct explain_step {
    enum explain_side side;
    const char *name; /* "client_hello" */
    const char *title;
    uint64_t at_us; /* since the beginning */
    bool is_bad;
    struct explain_line *lines;
    size_t count;
    size_t capacity;
};

struct explain_failure {
    const struct handshake_cause *cause; /* NULL: nothing has failed */
    const char *who;
    const char *why;
    const char *detail; /* NULL: none */
};

struct explain {
    struct arena arena;
    const struct explain_options *options;
    struct explain_target target;
    struct explain_step *steps;
    size_t step_count;
    size_t step_capacity;
    uint64_t began_us;
    uint64_t deadline_us;
    struct explain_failure failure;

    struct sock_address addresses[EXPLAIN_ADDRESSES_MAX];
    size_t address_count;
    const char *server;        /* "127.0.0.1:8443", once connected */
    struct sock_address local; /* ours, then; len 0: not yet */
    int fd;

    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain, or no handshake yet */
    SSL_SESSION *session;
    STACK_OF(X509) * sent; /* the server's chain as it came; NULL: not yet */
    bool has_handshake;    /* our side of it is complete */
    bool was_asked;        /* for a client certificate */
    bool is_revoked;       /* the server's certificate, by its own stapled response */
    bool answered_http;    /* plain HTTP where a ServerHello belongs */
    int alert_received;
    bool was_resumed;
    const char *protocol;                /* "HTTP/1.1", "HTTP/2" */
    unsigned status;                     /* 0: no response */
    uint64_t body_bytes;                 /* of a session of bytes: all that came */
    const char *ended;                   /* how such a one ended, as a sentence; NULL: it has not */
    char body_start[EXPLAIN_BODY_START]; /* of the answer, as far as it is kept */
    size_t body_start_len;
    const char *request_id; /* that the answer names; NULL: none */
    bool is_second;         /* the connection that tries to resume */
};

void explain_init(struct explain *ex, const struct explain_options *options);
void explain_free(struct explain *ex);
/* Ends the connection, and forgets what was of it alone. May be called twice. */
void explain_disconnect(struct explain *ex);

/* ---- the record ---- */

struct explain_step *explain_step(struct explain *ex, enum explain_side side, const char *name,
                                  const char *title);
/* Steps move in memory when one is added: this always speaks of the last one. */
void explain_note(struct explain *ex, const char *label, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same for a step that is not the last one; by its index. */
void explain_note_at(struct explain *ex, size_t step, const char *label, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Ends the play; always false. The first one counts. who NULL: this client. */
bool explain_fail(struct explain *ex, const struct handshake_cause *cause, const char *who,
                  const char *detail);
/* "the server (127.0.0.1:8443)" */
const char *explain_server(struct explain *ex);
/* Whom the certificate must name, and whom we ask for unless --sni is empty: as curl does, without
 * a dot at the end. */
const char *explain_name(struct explain *ex);
/* The index of the step in which the server's certificate came; step_count: it has not. */
size_t explain_certificate_step(const struct explain *ex);

#endif
