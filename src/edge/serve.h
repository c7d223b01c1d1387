/* What serves this: from a connection's first bytes, and from a request, to the site and route that
 * serve it, or to the refusal. The one place where that is decided: live traffic, `tidegate route`
 * and the checks of the configuration all ask here. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_SERVE_H
#define TIDEGATE_EDGE_SERVE_H

#include "edge/host_table.h"
#include "edge/path.h"
#include "edge/route.h"
#include "settings/answers_settings.h"
#include "settings/choices.h"

enum edge_tls { EDGE_TLS_NONE, EDGE_TLS_ENDS, EDGE_TLS_PASSES };
/* What becomes of paths that servers read in different ways (edge/path.h). */
enum edge_paths {
    EDGE_PATHS_FREE,        /* no rule depends on the path */
    EDGE_PATHS_STRICT,      /* they are refused */
    EDGE_PATHS_EACH_READING /* the strictest answer of any reading counts */
};

/* Protocols that a client may offer inside TLS (ALPN). */
struct edge_protocols {
    const struct span *names;
    size_t count;
};

/* What a route, or a site, says of answers that decides what becomes of a request. */
struct edge_answers {
    bool has_cors;                                  /* preflights are answered here */
    const struct maintenance_settings *maintenance; /* NULL: all are served */
};

/* What is asked of a site. Host tables map to these. */
struct edge_site {
    enum edge_tls tls;
    enum plain_http plain_http;
    enum edge_paths paths;
    enum site_www www;
    enum site_starttls starttls;
    bool is_tcp; /* what is inside its TLS is relayed: no request is its own */
    const struct edge_protocols *by_alpn; /* whose clients' TLS goes elsewhere, undecrypted */
    size_t by_alpn_count;
    bool wants_client; /* its TLS lets in none but clients with a certificate */
    /* Sites with the same number present the same certificates and ask the same of clients, so that
     * a connection that was made for one is as good for the other. */
    size_t tls_class;
    struct route_table table;
    struct edge_answers answers;          /* where no route is taken */
    const struct edge_answers *of_routes; /* of each in the table, with what it has of the site's */
};

/* ---- connections ---- */

enum edge_door {
    EDGE_DOOR_TERMINATES,
    EDGE_DOOR_PASSES,
    EDGE_DOOR_PASSES_BY_ALPN,
    EDGE_DOOR_NO_NAME,      /* no name was sent, and there is no default site */
    EDGE_DOOR_UNKNOWN_NAME, /* no site has it, and there is no default site */
    EDGE_DOOR_NO_TLS,       /* the site has neither `tls` nor `passthrough` */
    EDGE_DOOR_NO_STARTTLS,  /* the client began as the clients of another kind of site do */
    EDGE_DOOR_NEEDS_STARTTLS
};

/* What a TLS connection begins with. */
struct edge_hello {
    struct span sni;   /* may be absent; an IP address in it is no name (RFC 6066 section 3) */
    struct span local; /* the address connected to; absent where it is not known */
    const struct span *alpn; /* the protocols that the client offers */
    size_t alpn_count;
    enum site_starttls starttls; /* what came before */
};

struct edge_entrance {
    enum edge_door door;
    const struct edge_site *site; /* NULL: none was found */
    enum host_match how;          /* it was found */
    size_t alpn;                  /* EDGE_DOOR_PASSES_BY_ALPN: which of the site's by_alpn */
};

/* Which site a TLS connection is for, and what is done with it there. A client without a name gets
 * the site that has `local` for a host, else the default. What the client offers is looked for in
 * the order of the site's by_alpn, whatever it offers first. */
struct edge_entrance edge_find_door(const struct host_table *hosts, const struct edge_hello *hello);

/* ---- requests ---- */

struct edge_request {
    const struct host_table *hosts;    /* of the listener */
    const struct edge_site *connected; /* that the TLS connection was made for; NULL: plain HTTP */
    bool is_https;    /* as the client sees it: TLS here, or at a trusted proxy that took it off */
    struct span host; /* without port; absent: none was named */
    struct span path; /* as received, without query */
    struct span method;
    const struct http_request *message; /* its fields and query; NULL: it has none */
    bool is_peer_trusted;               /* in what it says of the client */
    /* Who the client is, asked only where a rule wants it; returns NULL for nobody. */
    const struct client_names *(*client)(void *asker);
    /* Its address: see struct match_facts. */
    const uint8_t *(*address)(void *asker);
    /* The authority as the client wrote it, also where a trusted proxy has asked with another;
     * asked only for redirects. Absent: none. */
    struct span (*authority)(void *asker);
    void *asker;
};

/* PREFLIGHT: the question for leave that a browser sends before another request (edge/cors.h),
 * which is answered for the route that would be taken then. */
enum edge_verdict { EDGE_ROUTE, EDGE_PREFLIGHT, EDGE_REDIRECT, EDGE_REFUSE };

struct edge_decision {
    enum edge_verdict verdict;
    const struct edge_site *site; /* NULL: none was found */
    enum host_match how;          /* the site was found */
    bool has_asked_routes;        /* nothing else had decided it before */
    struct span method;     /* that they were asked for: of a preflight, the other request's */
    bool has_route;         /* EDGE_ROUTE, EDGE_PREFLIGHT, and perhaps one in maintenance */
    size_t route;           /* has_route */
    bool is_in_maintenance; /* EDGE_REFUSE, whatever else would have become of it */
    struct path path;
    const char *location; /* EDGE_REDIRECT; in the arena */
    unsigned status;      /* EDGE_REDIRECT, EDGE_REFUSE */
    /* EDGE_REFUSE, and why EDGE_REDIRECT; texts are static or in the arena. */
    bool closes; /* the connection is not to be used again */
    const char *reason;
    const char *detail;
    const char *mend; /* may be NULL */
};

/* What the routes of the site are asked of the request with this path. */
struct match_facts edge_facts(const struct edge_request *request, struct span path,
                              struct arena *arena);
void edge_decide(const struct edge_request *request, struct arena *arena,
                 struct edge_decision *decision);

#endif
