/* The typed settings tree that a configuration file becomes.
 *
 * Filled by config/load.c through the directive tables, checked as a whole by config/check.c, and
 * then never changed: snapshots are built from it. Everything in it lives in `arena`, which the
 * tree owns; settings_destroy frees it all. Strings end in a NUL. Pointers to other parts of the
 * tree (a site's backend) are filled in by the cross-checks. Paths are absolute or relative to the
 * working directory (the loader has already joined them to the file's own folder).
 *
 * No I/O happens here and no protocol is known here. */
#ifndef TIDEGATE_SETTINGS_SETTINGS_H
#define TIDEGATE_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "settings/access_settings.h"
#include "settings/answers_settings.h"
#include "settings/auth_settings.h"
#include "settings/choices.h"
#include "settings/match_settings.h"
#include "settings/place.h"
#include "settings/rate_settings.h"

/* What the word `unlimited` becomes: sums with it don't overflow. */
#define SETTINGS_UNLIMITED ((uint64_t)INT64_MAX)

/* An address as written: "127.0.0.1:80", "[::1]:80", "name.example:80", ":443" (listeners only:
 * every address of both families), "unix:/run/app.sock". */
enum address_kind {
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_NAME,
    ADDRESS_ANY,
    ADDRESS_UNIX,
    ADDRESS_SRV /* a service, whose servers and ports the DNS has (RFC 2782) */
};

struct address_setting {
    enum address_kind kind;
    const char *text; /* as written */
    const char *host; /* without brackets; the path for ADDRESS_UNIX; "" for ADDRESS_ANY */
    /* As name servers are asked for it: with a dot at its end where that is written. */
    const char *looked_up;
    uint16_t port; /* 0 only for ADDRESS_UNIX, ADDRESS_SRV, and a listener on any free port */
    struct place place;
};

struct address_list {
    struct address_setting *items;
    size_t count;
};

struct listener_settings {
    struct address_list bind;
    struct string_list sites; /* names of the sites served here; empty: all of them */
    struct network_list proxy_protocol_from; /* peers whose PROXY header is read, alone */
    struct backend_settings *tcp;  /* not NULL: every connection is relayed to it as it is */
    struct access_settings access; /* of `tcp`: which of them */
    const char *name;              /* for logs: its first address */
    struct place place;
};

struct certificate_settings {
    const char *certificate; /* PEM file: the leaf, then its intermediates */
    const char *key;         /* PEM file */
    const char *ocsp;        /* DER file: a response to staple; NULL: none */
    struct place place;
};

struct tls_clients_settings {
    enum client_verify verify;
    const char *ca;  /* PEM bundle */
    const char *crl; /* file of revocation lists; NULL: none */
    unsigned depth;  /* intermediates between a client's certificate and its root */
    struct place place;
};

struct tls_settings {
    struct certificate_settings *certificates; /* `certificate`/`key` become the first of these */
    size_t certificate_count;
    const char *certificate; /* as written; use `certificates` */
    const char *key;
    const char *ocsp;
    enum ocsp_fetch_policy ocsp_fetch; /* for certificates without a file of a response */
    const char *certificates_from;     /* folder; NULL: none */
    uint64_t certificates_loaded;      /* of it, at most */
    enum tls_policy policy;
    const char *min_version; /* "1.0" to "1.3"; NULL: the policy's, as with the lists below */
    const char *max_version;
    struct string_list ciphers; /* TLS 1.2 and below */
    struct string_list cipher_suites;
    struct string_list groups;
    struct string_list signature_algorithms;
    enum tls_prefer prefer; /* whose order of ciphers counts */
    enum tls_protocols protocols;
    struct tls_clients_settings *clients; /* NULL: off */
    uint64_t ticket_rotation_ms;          /* how long a ticket key is the current one */
    uint64_t session_cache;               /* sessions kept for clients without tickets */
    bool early_data;                      /* 0-RTT */
    uint64_t early_data_limit;            /* bytes of a connection */
    struct place place;
};

struct respond_settings {
    unsigned status;
    const char *body;        /* "" by default */
    const char *file;        /* in place of `body`; NULL: none */
    const char *json;        /* the same, a JSON text; NULL: none */
    const char *type;        /* Content-Type; NULL: by what the body is */
    uint64_t retry_after_ms; /* 0: not said */
    bool echo;               /* answer with the request as JSON instead of a body */
    bool close;              /* no answer at all: the connection ends */
    struct header_setting *fields;
    size_t field_count;
    struct place place;
};

/* What is done to the fields of a message that passes (edge/field_rules.h). */
struct field_rules_settings {
    struct string_list remove;
    struct header_setting *set;
    size_t set_count;
    struct header_setting *add;
    size_t add_count;
    struct header_setting *defaults;
    size_t default_count;
    struct place place;
};

/* Requests that have no line in the access log: those that fit each list that is not empty. */
struct log_exclude_settings {
    struct string_list paths; /* exact, or with a '*' at the beginning or the end */
    struct string_list methods;
    struct string_list statuses; /* "200", "2xx" */
    struct network_list clients; /* the real ones */
    struct place place;
};

/* One of the places that lines go to, as it is written. */
struct log_place_settings {
    const char *to; /* observe/log_place.h */
    enum log_format format;
    const char *template;
    const char *ca;          /* of syslog+tls: PEM bundle; NULL: the system's */
    const char *server_name; /* that the collector's certificate has; NULL: as `to` names it */
    const char *certificate; /* that it is shown; NULL: none */
    const char *key;
    struct place place;
};

/* One of the places that lines go to, and the form that they have there: what the log that counts
 * for a request comes to (config/log_outlets.h). */
struct log_outlet_settings {
    const char *name; /* a file's path, "-" for standard output, or as it is written */
    bool is_file;     /* it is a path */
    enum log_format format;
    const char *template; /* of LOG_FORMAT_TEMPLATE, with variables; else NULL */
    const char *ca;       /* as in struct log_place_settings, these four */
    const char *server_name;
    const char *certificate;
    const char *key;
    struct place place;
};

/* Which lines a file's, a site's or a route's requests have, what is in them, and where they go.
 * What a site and a route say is added to what stands above them (gateway/log_rules.h), but for the
 * places, which take the place of those above unless `keep_above` says otherwise. */
struct log_rules_settings {
    const char *access; /* a file, "-" for standard output (the file's default), "off", or NULL */
    struct log_place_settings *to; /* none: `file` alone */
    size_t to_count;
    bool keep_above;
    enum log_format format;
    const char *template;                /* of LOG_FORMAT_TEMPLATE, with variables */
    struct log_outlet_settings *outlets; /* of all that, once it is finished; none: off */
    size_t outlet_count;
    struct header_setting *fields; /* further ones of a line: values with variables */
    size_t field_count;
    struct string_list redact; /* parameters of queries whose values are not written; lower case */
    struct log_exclude_settings *exclude;
    size_t exclude_count;
    const char *sample; /* "1 of 100"; NULL: as above it, or all */
    struct place place;
};

/* Responses that are kept and given to others who ask the same (RFC 9111). */
struct cache_settings {
    enum cache_mode mode;
    uint64_t max_entry;              /* bytes of a response's body; larger ones are not kept */
    uint64_t default_ttl_ms;         /* of responses that do not say how long they are fresh */
    uint64_t stale_revalidate_ms;    /* RFC 5861, where responses do not say; 0: not at all */
    uint64_t stale_error_ms;         /* the same */
    uint64_t wait_ms;                /* for the response to somebody else's request */
    struct string_list key;          /* texts with variables, besides the URL and Vary */
    struct string_list ignore_query; /* parameters that make no other URL */
    bool cache_status;               /* clients get Cache-Status (RFC 9211) */
    struct place place;
};

struct files_settings {
    const char *root;         /* directory */
    const char *strip_prefix; /* off the path, for files alone; NULL: nothing */
    struct string_list index; /* file names served for a directory, in turn; default index.html */
    struct string_list tries; /* paths with variables, looked for in turn; none: the request's */
    bool precompressed;       /* "a.js.br" in place of "a.js" (edge/file_rules.h) */
    bool listing;             /* of folders without an index */
    struct header_setting *cache_control; /* by patterns of names */
    size_t cache_control_count;
    struct header_setting *types; /* by endings of names */
    size_t type_count;
    const char *charset; /* of text; "none": not said */
    struct place place;
};

/* Which responses are compressed (policy/compress_rule.h). */
struct compress_settings {
    enum compress_mode mode;
    struct string_list encodings; /* the one that is liked best first */
    struct string_list types;     /* patterns (http/media_type.h) */
    uint64_t from;                /* bytes */
    enum compress_level level;
    enum compress_breach breach;
    struct place place;
};

struct backend_settings;

/* When another server is asked, too, while the first one has not answered. */
struct hedge_settings {
    const char *after;  /* as written; use these: */
    unsigned per_mille; /* of how long requests take; 0: after_ms */
    uint64_t after_ms;
    unsigned max; /* at once, of each worker and backend */
    struct place place;
};

/* When a request is sent again: see edge/retry.h. */
struct retries_settings {
    unsigned times;
    struct string_list on; /* as written; use on_bits */
    unsigned on_bits;      /* enum retry_on (edge/retry.h) */
    uint64_t per_try_ms;   /* to the head of the answer; 0: as long as it may take as a whole */
    unsigned budget;       /* retries to a hundred requests */
    bool any_method;       /* doing it twice is harmless, whatever the method */
    struct hedge_settings *hedge; /* NULL: never */
    struct place place;
};

struct route_settings {
    struct match_settings match;
    enum otherwise otherwise; /* for what fits all but the rule about clients, else the methods */
    struct backend_settings *backend; /* exactly one of backend, respond, files, redirect */
    struct split_part_settings
        *split; /* in its place (settings/split_settings.h), then its first */
    size_t split_count;
    struct balance_hash_settings *split_by;       /* NULL: each request by itself */
    struct balance_sticky_settings *split_sticky; /* NULL: no cookie */
    const char *split_of;           /* whose it is, for the cookie: the route's or the site's */
    struct mirror_settings *mirror; /* settings/mirror_settings.h; NULL: no copies are sent */
    struct respond_settings *respond;
    struct files_settings *files;
    struct redirect_settings *redirect;
    struct rewrite_settings *rewrite;            /* NULL: the path as it is */
    struct field_rules_settings *request_fields; /* NULL: none; behind the site's */
    struct field_rules_settings *response_fields;
    struct compress_settings *compress;       /* NULL: off; what it leaves out is the site's */
    enum security_fields security_fields;     /* its own, else the site's */
    bool access_log;                          /* the same */
    struct answers_settings answers;          /* the same */
    bool grpc_web;                            /* the same */
    struct string_list early_hints;           /* values of Link (RFC 8297) */
    struct route_timeouts_settings *timeouts; /* NULL: as `timeouts` */
    struct log_rules_settings *log;           /* NULL: as its site has it */
    struct cache_settings *cache;             /* its own, else the site's; NULL: none */
    struct string_list upgrade; /* protocols that Upgrade may ask for; default [websocket] */
    uint64_t body_limit;        /* bytes; UINT64_MAX: take limits.body */
    uint64_t response_limit;    /* bytes of a server's response; UINT64_MAX: none */
    uint64_t delay_ms;          /* before anything is done with a request; 0: none */
    struct auth_settings *auth; /* its own, else the site's; NULL: anybody may ask */
    const struct oidc_settings *signs_in; /* nobody has written it: it answers this one's paths */
    struct access_settings access;        /* its own, besides the site's */
    bool site_access;                     /* the site's counts, too */
    struct rate_settings *rates;          /* its own, besides the site's */
    size_t rate_count;
    uint64_t replay_limit;            /* bytes of a request's body that are kept to be sent again */
    struct retries_settings *retries; /* its own, else the site's, else the backend's; or NULL */
    enum client_close on_client_close; /* its own, else the site's, else the file's */
    enum priority priority;            /* its own, else the site's */
    const char *name;                  /* for logs: as written, or "site/N" counted from 1 */
    struct place place;
};

/* Whether it is found out who sends a request of the route; `auth: off` is none. */
static inline bool settings_has_auth(const struct route_settings *route)
{
    return route->auth != NULL && route->auth->mode != AUTH_MODE_OFF;
}

/* Clients that offer one of the protocols inside TLS go to the backend, undecrypted. */
struct by_alpn_settings {
    struct string_list protocols;
    struct backend_settings *backend;
    struct place place;
};

struct site_settings {
    const char *name;         /* for logs and listeners' `sites`; default: the first host */
    struct string_list hosts; /* lower case; exact, "*.example.com", or "*" for the default site */
    struct tls_settings *tls; /* NULL: plain HTTP only, or passthrough */
    struct backend_settings *passthrough; /* not NULL: TLS is relayed, never decrypted */
    struct backend_settings *tcp; /* not NULL: what is inside its TLS is relayed, whatever it is */
    struct string_list alpn;      /* of `tcp`: what is spoken there; empty: ALPN is not answered */
    bool alpn_required;           /* clients must offer one of them */
    struct by_alpn_settings *by_alpn; /* the same by the protocol that is offered */
    size_t by_alpn_count;
    struct backend_settings *acme_passthrough; /* as written; use `by_alpn` */
    enum site_starttls starttls;               /* what clients of `passthrough` say before TLS */
    enum plain_http
        plain_http; /* default: redirect where the site has TLS or passthrough, else serve */
    enum site_www www;
    enum site_paths paths;
    struct retries_settings *retries; /* of routes without their own; NULL: the backend's */
    struct auth_settings *auth;       /* of routes without their own */
    struct access_settings access;    /* of all routes but those that say otherwise */
    struct rate_settings *rates;      /* of all its routes together */
    size_t rate_count;
    enum client_close on_client_close;
    enum priority priority;        /* of routes without their own, and of its tunnels */
    struct route_settings *routes; /* a `backend` of the site is a last route "/" "*" */
    size_t route_count;
    struct field_rules_settings *request_fields; /* NULL: none */
    struct field_rules_settings *response_fields;
    struct compress_settings *compress; /* NULL: off */
    enum security_fields security_fields;
    bool access_log;
    bool grpc_web;
    struct answers_settings answers;
    struct log_rules_settings *log;    /* NULL: as the file has it */
    struct cache_settings *cache;      /* of routes without their own; NULL: none */
    struct split_part_settings *split; /* of routes without their own, as all these five */
    size_t split_count;
    struct balance_hash_settings *split_by;
    struct balance_sticky_settings *split_sticky;
    struct mirror_settings *mirror;
    struct backend_settings *backend; /* these four as written; use `routes` */
    struct respond_settings *respond;
    struct files_settings *files;
    struct redirect_settings *redirect;
    struct place place;
};

/* How the names of servers are looked up. */
struct resolve_settings {
    struct string_list servers; /* name servers, "A:P"; none: those of resolv.conf */
    enum resolve_family family;
    uint64_t every_ms; /* whatever TTLs say; 0: as they say, within these: */
    uint64_t ttl_min_ms;
    uint64_t ttl_max_ms;
    uint64_t keep_ms;    /* how long the last good answer is used while others fail */
    uint64_t timeout_ms; /* of one question to one name server */
    struct place place;
};

/* Where a list of servers comes from besides the configuration. */
struct servers_from_settings {
    const char *file; /* exactly one of these */
    const char *url;
    const char *ca;      /* by which the URL's host is verified; NULL: the system's */
    uint64_t every_ms;   /* how often it is looked at; 0: a file every second, a URL every ten */
    uint64_t timeout_ms; /* of one fetch */
    struct place place;
};

struct backend_tls_settings;

/* What people may say; shares of a name's addresses are finer. */
#define SERVER_WEIGHT_SAID_MAX 1000

struct server_settings {
    struct address_setting address;
    unsigned weight;                  /* 1 to SERVER_WEIGHT_SAID_MAX; default 1 */
    bool backup;                      /* for when no other one is well */
    const char *zone;                 /* where it is; NULL: not said */
    const char *server_name;          /* of TLS, in place of the backend's; NULL: that one */
    struct backend_tls_settings *tls; /* in place of the backend's as a whole; NULL: that one */
    const char *host;                 /* Host, or :authority, that it gets; NULL: the client's */
    unsigned max_requests;            /* on it at once, of all workers; 0: no limit */
    unsigned max_connections; /* in use at once: a limit of requests, where each has one; 0: none */
    struct place place;
};

/* TLS towards a backend. Verification is on unless it is spelled out. */
struct backend_tls_settings {
    const char *ca;          /* PEM bundle; NULL: the system's */
    const char *server_name; /* SNI and the name to check; NULL: the server's address when a name */
    bool name_from_client;   /* or the host of each request: then server_name is NULL */
    const char *certificate; /* with `key`: two-way TLS */
    const char *key;
    bool verify;             /* default true */
    const char *crl;         /* file of revocation lists; NULL: none */
    struct string_list pins; /* "sha256/..." of public keys, one of which must be in the chain */
    enum backend_min_version min_version;
    struct place place;
};

/* Which requests get the same server. */
struct balance_hash_settings {
    enum balance_key key;
    const char *header; /* with the key of that kind */
    const char *cookie;
    const char *query;
    const char *claim;
    unsigned bounded_load; /* percent of the mean; 0: no bound */
    struct place place;
};

/* The cookie by which a client stays with its server. */
struct balance_sticky_settings {
    const char *cookie;  /* its name; default: by the backend's */
    uint64_t max_age_ms; /* 0: until the browser is closed */
    enum same_site same_site;
    const char *key; /* file; NULL: one is made */
    struct place place;
};

/* Those that wait while all servers are full. */
struct queue_settings {
    uint64_t size;
    uint64_t timeout_ms;
};

/* How many requests a backend gets at once. */
struct concurrency_settings {
    enum concurrency_adapt adapt;
    unsigned min;
    unsigned max;
    unsigned start;
    unsigned tolerance;    /* percent of the time that requests take without a line */
    uint64_t probe_ms;     /* between two looks at that */
    unsigned normal_share; /* percent, while requests of a higher priority come */
    unsigned low_share;
    struct place place;
};

struct balance_settings {
    enum balance_kind strategy;
    struct balance_hash_settings *hash;     /* of BALANCE_HASH */
    struct balance_sticky_settings *sticky; /* of BALANCE_STICKY */
};

/* What a server is asked to see whether it is well; one of the four. */
struct check_connect_settings {
    const char *send;   /* once it is connected; NULL: nothing */
    const char *expect; /* what it must say; NULL: nothing */
    struct place place;
};

struct check_http_settings {
    const char *body_regex; /* what the body must fit somewhere; NULL: nothing */
    const char *path;
    const char *method;
    const char *host; /* NULL: the server's own */
    struct header_setting *fields;
    size_t field_count;
    struct string_list expect; /* statuses: "200", "2xx"; empty: 2xx and 3xx */
    const char *body;          /* that the answer must hold; NULL: whatever it is */
    struct place place;
};

struct check_grpc_settings {
    const char *service; /* "": the server as a whole */
    struct place place;
};

struct health_check_settings {
    const char *path; /* as written; use `http` */
    struct check_connect_settings *tcp;
    struct check_connect_settings *tls;
    struct check_http_settings *http;
    struct check_grpc_settings *grpc;
    uint64_t interval_ms;
    uint64_t timeout_ms;
    unsigned rise;
    unsigned fall;
    enum health_assume assume;
    unsigned port;      /* 0: the server's own */
    bool use_down;      /* those that are down get requests where too few are well */
    bool close_on_down; /* what is relayed to one that goes down ends */
    struct place place;
};

/* When traffic puts a server out. */
struct outliers_settings {
    unsigned failures; /* in a row; 0: they do not */
    unsigned errors;   /* percent of the requests of a window; 0: they do not */
    unsigned slow;     /* times the median of the others; 0: it does not matter */
    unsigned requests; /* that a window must have for that */
    uint64_t window_ms;
    uint64_t eject_ms;     /* the first time */
    uint64_t eject_max_ms; /* after several */
    unsigned max_share;    /* percent of the servers that may be put out so */
    unsigned panic;        /* with fewer percent well, the others are used too */
    struct place place;
};

struct backend_settings {
    const char *name; /* given, or the address for one written in place */
    struct server_settings *servers;
    size_t server_count;                        /* with `servers_from` perhaps none */
    struct servers_from_settings *servers_from; /* NULL: nowhere */
    struct balance_settings balance;
    struct queue_settings queue;
    struct concurrency_settings *concurrency; /* NULL: as many as come */
    const char *gateway_zone;                 /* settings.zone, for whoever has the backend alone */
    uint64_t slow_start_ms; /* until one that came back gets its whole share; 0: at once */
    struct backend_tls_settings *tls; /* NULL: plain */
    struct resolve_settings *resolve; /* its own, else the file's */
    enum backend_protocol protocol;
    enum backend_host host_from; /* whose the Host is that servers get */
    const char *host;            /* as written: client, server, or the name itself */
    const char *root;            /* of BACKEND_FASTCGI, as all these: the folder of the scripts */
    const char *index;
    const char *split_path;        /* how scripts' names end */
    struct header_setting *params; /* further parameters of requests: values with variables */
    size_t param_count;
    enum script_files script_files;
    uint64_t body_buffer; /* bytes of a request's body that does not say how long it is */
    enum backend_proxy_protocol proxy_protocol;
    bool forwarded;          /* default true: send X-Forwarded-*, Forwarded, X-Request-Id */
    bool via;                /* default false */
    bool client_certificate; /* send Client-Cert and Client-Cert-Chain (RFC 9440) */
    bool forwarded_client_certificate; /* send X-Forwarded-Client-Cert */
    uint64_t connect_timeout_ms;
    uint64_t response_timeout_ms; /* from the request's end to the response's head */
    uint64_t idle_timeout_ms;
    uint64_t ack_timeout_ms;                    /* 0: none */
    uint64_t ping_timeout_ms;                   /* a pooled connection's */
    unsigned idle_connections;                  /* pooled, per worker and server */
    struct health_check_settings *health_check; /* NULL: none */
    struct outliers_settings outliers;
    struct retries_settings *retries; /* NULL: as without */
    struct place place;
};

struct limits_settings {
    uint64_t head;                   /* bytes of a request's head; 431 */
    uint64_t target;                 /* bytes of the request target; 414 */
    uint64_t fields;                 /* fields in a request's head or trailers; 431 */
    uint64_t response_head;          /* bytes of a response's head; 502 */
    uint64_t response_fields;        /* fields in a response's head or trailers; 502 */
    uint64_t body;                   /* bytes of a request's body; 413 */
    uint64_t body_rate;              /* bytes a second of a request's body; 0: none */
    uint64_t send_rate;              /* bytes a second that a client takes of what waits; 0: none */
    uint64_t connections;            /* client connections per worker */
    uint64_t connections_of_address; /* the same of an address, over all workers; 0: no limit */
    uint64_t connections_a_second;   /* new ones of an address; 0: no limit */
    uint64_t handshakes_a_second;    /* of TLS, of an address, over all workers; 0: no limit */
    uint64_t accepts_a_second;       /* connections of all, over all workers; 0: no limit */
    uint64_t connections_kept;       /* percent of `connections` that strangers do not get */
    struct network_list connections_kept_for; /* those who do; none of these limits is for them */
    uint64_t hello;                           /* bytes of a ClientHello, at most 64 KiB */
    uint64_t streams;                         /* open HTTP/2 streams of one client connection */
    uint64_t h2_tokens;                       /* of its budget against floods (http/h2_budget.h) */
    uint64_t h2_tokens_per_second;
    uint64_t response_window;  /* bytes of one HTTP/2 response that a server may have on the way */
    uint64_t response_windows; /* of all of a worker, above what each may have at first */
    uint64_t request_window;   /* the same of a request and its client */
    uint64_t request_windows;
    uint64_t held;               /* of responses, bytes that wait for one HTTP/2 connection */
    uint64_t held_worker;        /* and for all those of a worker */
    uint64_t files;              /* open at once while they wait, for one client connection */
    uint64_t files_worker;       /* and for all those of a worker */
    uint64_t compression_memory; /* bytes that a worker's compressors may have */
    uint64_t signatures;         /* a second, for one worker (keys/keyholder.h) */
    uint64_t cache;              /* bytes of responses that are kept, of all workers */
};

/* Marks of the process's memory, in bytes; SETTINGS_UNLIMITED: none. */
struct memory_settings {
    uint64_t soft;
    uint64_t hard;
    struct place place;
};

/* Of timeouts.upgrade: whoever asks for one waits for longer. */
#define UPGRADE_MS_MAX (UINT64_C(10) * 60 * 1000)

struct timeouts_settings {
    uint64_t first_byte_ms;   /* from accept until a PROXY header, ClientHello or request line has
                                 come whole */
    uint64_t handshake_ms;    /* the TLS handshake as a whole */
    uint64_t head_ms;         /* a request's head, from its first byte; 408 */
    uint64_t body_ms;         /* between two reads of a request's body; 408 */
    uint64_t body_total_ms;   /* a request's body as a whole; 0: no limit */
    uint64_t send_ms;         /* without the client taking a byte of what waits for it */
    uint64_t request_ms;      /* from a request's head to its response's end; 0: no limit */
    uint64_t stream_idle_ms;  /* between two pieces of a server's response; 0: no limit */
    uint64_t half_closed_ms;  /* a client that said FIN, and no byte of a response */
    uint64_t keep_alive_ms;   /* between two requests */
    uint64_t tunnel_idle_ms;  /* passthrough and upgraded connections: no byte either way */
    uint64_t tunnel_total_ms; /* 0: no limit */
    uint64_t ocsp_ms;         /* one fetch of an OCSP response */
    uint64_t drain_ms;        /* from SIGTERM until what still runs is cut off */
    uint64_t upgrade_ms;      /* from another version's start until it serves */
};

struct log_settings {
    const char *level; /* error, warn, info (default), debug: messages on standard error */
    uint64_t queue;    /* bytes that may wait for each place */
    struct log_rules_settings rules;
};

/* What a configuration was read from: all that is needed to read it again, elsewhere too
 * (config/source.h). Texts are as they were read. */
struct settings_file {
    const char *name; /* the one given, or joined to the folder of the file that includes it */
    struct span text;
};

struct settings_folder {
    const char *name;
    struct string_list entries; /* names that a pattern of `include` took, in no order */
};

struct settings_variable {
    const char *name;
    const char *value; /* of the environment; NULL: it has none */
};

struct settings_origin {
    struct settings_file *files; /* the first is the one that was named */
    size_t file_count;
    struct settings_folder *folders;
    size_t folder_count;
    struct settings_variable *variables; /* that are referred to, each once */
    size_t variable_count;
};

struct settings {
    struct arena arena;
    const char *file; /* as named */
    struct settings_origin origin;
    struct string_list include;          /* as written, in all files; what they name is read */
    struct config_places *places;        /* of single values; see config_place() */
    struct listener_settings *listeners; /* default: ":80" and ":443" */
    size_t listener_count;
    struct site_settings *sites;
    size_t site_count;
    struct site_settings *defaults;    /* as written; sites have what is theirs of it; or NULL */
    struct backend_settings *backends; /* named ones, then those written in place */
    size_t backend_count;
    struct policy_settings *policies; /* named rules of `access` */
    size_t policy_count;
    const char *countries; /* a MaxMind DB file; NULL: none */
    struct ban_settings *bans;
    size_t ban_count;
    struct limits_settings limits;
    struct memory_settings memory;
    struct resolve_settings resolve;
    struct timeouts_settings timeouts;
    struct log_settings log;
    struct network_list trusted_proxies; /* peers whose Forwarded and X-Forwarded-* are believed */
    const char *client_address_from;     /* their field that names the client; NULL: these */
    struct network_list ocsp_networks;   /* besides public ones: where OCSP responders may be */
    enum client_close on_client_close;
    uint64_t workers;                    /* 0: one per core */
    const char *zone;                    /* where the gateway is; NULL: not said */
    const char *control;                 /* path of the control socket; "off": none */
    uint64_t reload_certificates_ms;     /* between looks for changed files; 0: never */
    enum key_process key_process;        /* where private keys are */
    struct string_list key_module_files; /* for keys in tokens; none: settings/token_files.h */
    const char *tls_key_log;             /* file; NULL: none */
    enum watch_choice watch;             /* default off */
    enum sandbox_choice sandbox;         /* default on */
    const char *user;                    /* to become when started as root; NULL: base/account.h */
    const char *group;                   /* default: the user's own */
};

#endif
