/* One line of the access log: a request, or a connection that never became one.
 *
 * The JSON names are a contract with those who read the logs (see access_record_json). Formatting
 * does no I/O, no printf and no allocation but the buffer's own growth. Not thread-safe: each
 * worker has its own buffer and clock. */
#ifndef TIDEGATE_OBSERVE_ACCESS_RECORD_H
#define TIDEGATE_OBSERVE_ACCESS_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/span.h"
#include "base/strbuf.h"

/* A longer value is cut and ends in ACCESS_CUT_MARK. */
#define ACCESS_VALUE_MAX 2048
#define ACCESS_CUT_MARK "...(cut)"

enum access_kind { ACCESS_REQUEST, ACCESS_CONNECTION };
enum access_mode {
    ACCESS_MODE_NONE,
    ACCESS_PASSTHROUGH,
    ACCESS_TERMINATE,
    ACCESS_PLAIN,
    ACCESS_TCP
};

/* Times of the phases, in microseconds; -1: not reached, not known. */
struct access_times {
    int64_t tls_us;        /* the handshake */
    int64_t head_us;       /* from the request's first byte to its whole head */
    int64_t connect_us;    /* to get a connection to the server; 0 or so when pooled */
    int64_t first_byte_us; /* from there to the response's first byte */
    int64_t total_us;
};

/* One that the configuration names. */
struct access_member {
    struct span name; /* as JSON has it: nothing in it is escaped */
    struct span value;
};

/* A server that it was tried on. */
struct access_try {
    struct span server;
    struct span address;
    struct span outcome; /* a reason; empty: it answered */
    unsigned status;
    int64_t us;
};

/* Spans with ptr NULL (or, for text, of length 0) and status 0 are left out. Zero-initialise with
 * access_record_init. */
struct access_record {
    enum access_kind kind;
    enum access_mode mode;
    int64_t time_us;      /* wall clock since 1970, when the request or connection began */
    struct span client;   /* "203.0.113.7:51234", "[2001:db8::7]:51234", "unix" */
    struct span proxy;    /* the peer, where it told of the client */
    struct span listener; /* "0.0.0.0:443" */
    struct span sni;
    struct span tls; /* "TLSv1.3" */
    struct span cipher;
    bool is_early; /* the request came before the handshake was over */
    struct span client_subject;
    struct span client_unverified; /* in its place, where the certificate was not verified */
    struct span client_verdict;    /* and why it was not */
    struct span site;
    struct span route;
    struct span backend;
    struct span server; /* the address of the one that answered */
    struct span method;
    struct span authority;
    struct span target;
    struct span version; /* "HTTP/1.1" */
    unsigned status;
    uint64_t bytes_in;  /* from the client: body of a request; all of a passthrough */
    uint64_t bytes_out; /* to the client */
    struct span request_id;
    struct span user;  /* as the route's `auth` has found */
    struct span auth;  /* by which method */
    struct span rule;  /* of `access`, that let it pass or did not */
    struct span limit; /* of `rates`, that it was over */
    bool is_limit_dry; /* which refuses nothing */
    struct span user_agent;
    struct span referer;
    struct span cache;                   /* "hit", "miss", ...; empty: its route has none */
    struct span reason;                  /* a word, stable, when something failed */
    struct span detail;                  /* a sentence */
    struct span mend;                    /* what to do about it */
    struct span refused_by;              /* who ended a handshake or a connection */
    const struct access_member *members; /* besides these */
    size_t member_count;
    const struct access_try *tries; /* where there was more than one, or the only one failed */
    size_t try_count;
    struct access_times times;
};

/* The text of the second last written, so that the calendar is asked once a second. Zero-init. */
struct access_clock {
    time_t second;
    bool is_set;
    char rfc3339[20]; /* "2026-01-31T23:59:59" */
    char common[27];  /* "31/Jan/2026:23:59:59 +0000" */
};

/* Whether a line may have a member of that name by itself. */
bool access_record_has(struct span name);
/* All absent, times -1. */
void access_record_init(struct access_record *record, enum access_kind kind);

/* Appends one line with its "\n": {"time": RFC 3339 in UTC with milliseconds, "kind": "request" or
 * "connection", "client", "proxy", "listener", "mode": "passthrough", "terminate", "plain" or
 * "tcp", "sni", "tls", "cipher", "early_data": true, "client_subject", "site", "route", "backend",
 * "server", "method", "authority", "target", "version", "status", "bytes_in", "bytes_out",
 * "request_id", "user_agent", "referer", "cache_status", "reason", "refused_by", "detail", "mend",
 * "tries":
 * [{"server", "address", "outcome" or "status", "ms"}], "ms": {"tls", "head", "connect",
 * "first_byte", "total"}}. Absent ones are left out, bytes_in and bytes_out never are. The members
 * that the configuration names stand before "ms". */
void access_record_json(const struct access_record *record, struct access_clock *access_clock,
                        struct strbuf *out);

/* A server's state has changed. */
struct access_server_record {
    int64_t time_us;
    struct span backend;
    struct span server;
    struct span from; /* "up", "down", "ejected", "trial" */
    struct span to;
    int64_t lasted_s;   /* how long it was in `from`; -1: since the start */
    struct span detail; /* why */
    struct span mend;
};
/* The same form, with the kind "server": "backend", "server", "from", "to", "lasted_s", "detail",
 * "mend". */
void access_record_server_json(const struct access_server_record *record,
                               struct access_clock *access_clock, struct strbuf *out);

/* The "combined" format of the Apache server. Quotes, backslashes, controls and bytes above 0x7e
 * are written \xHH. Members that the configuration names follow, in quotes. A connection's request
 * is "-" and its status 000. */
void access_record_combined(const struct access_record *record, struct access_clock *access_clock,
                            struct strbuf *out);

/* A value as the combined format has it; "-" where it is empty. */
void access_put_escaped(struct strbuf *out, struct span value);

#endif
