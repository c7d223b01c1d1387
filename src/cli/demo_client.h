/* The demo's client: one request over plain HTTP or TLS to a port of 127.0.0.1, and everything a
 * person may want to know about how it went. Blocking, with a limit of a few seconds per step. */
#ifndef TIDEGATE_CLI_DEMO_CLIENT_H
#define TIDEGATE_CLI_DEMO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/demo_ca.h"

enum { DEMO_CLIENT_REPLY_MAX = 64 * 1024, DEMO_CLIENT_TIMEOUT_S = 10 };

struct demo_request {
    uint16_t port;
    const char *host; /* for SNI, for Host, and to check the certificate against */
    const char *target;
    bool use_tls;
    const char *ca_file;          /* the only authority trusted */
    const char *certificate_file; /* with key_file: shown when asked for; NULL: none */
    const char *key_file;
};

struct demo_reply {
    char error[256];    /* what went wrong, in words; "" when a reply came */
    bool has_handshake; /* the client's side of it was complete */
    int alert;          /* the TLS alert that the other side sent (RFC 8446 section 6.2), or -1 */
    char version[16];   /* "TLSv1.3" */
    char cipher[64];    /* "TLS_AES_256_GCM_SHA384" */
    char subject[256];  /* of the certificate that the client was shown */
    char issuer[256];   /* */
    char fingerprint[DEMO_FINGERPRINT_SIZE];
    bool is_trusted;    /* the chain and the name were good */
    unsigned status;    /* 0: no HTTP reply */
    char location[256]; /* "" when there is none */
    char *bytes;        /* the whole reply, ends in a NUL */
    size_t len;
    const char *body; /* in bytes */
};

/* Fills the reply, and returns whether there was one to the request. Free it in either case. */
bool demo_client_get(const struct demo_request *request, struct demo_reply *reply);
void demo_reply_free(struct demo_reply *reply);

#endif
