/* A snapshot: the configuration as the data path uses it. Built whole from settings, or not at all;
 * never changed afterwards (but for the addresses of servers that are given by name), so every
 * worker reads it without a lock. Counted: each session holds the one it began with.
 *
 * The settings it was built from must outlive it, or are its own (snapshot_load). */
#ifndef TIDEGATE_GATEWAY_SNAPSHOT_H
#define TIDEGATE_GATEWAY_SNAPSHOT_H

#include "access/access_rules.h"
#include "access/ban_rule.h"
#include "certs/owned_certificate.h"
#include "certs/trust.h"
#include "config/config.h"
#include "config/serving.h"
#include "edge/field_rules.h"
#include "edge/rewrite.h"
#include "files/files_root.h"
#include "gateway/log_rules.h"
#include "gateway/log_targets.h"
#include "gateway/snapshot_auth.h"
#include "policy/body_filter.h"
#include "policy/phase.h"
#include "settings/settings.h"
#include "tls/tls_context.h"
#include "upstream/backend.h"

struct cache_store;
struct rate_limit;
struct call_retries;
struct compress_rule;
struct backend_tls;
struct ocsp_registry;
struct route_cache;
struct route_mirror;
struct site_tls;

struct page;

/* The pages of `errors`. */
struct error_pages {
    struct page *pages[ERROR_PAGES];
    bool has[ERROR_PAGES];
    bool from_servers;
};

/* What is answered in place of something else: a route's own, else its site's. */
struct answer_pages {
    const struct error_pages *errors;               /* NULL: none */
    const struct maintenance_settings *maintenance; /* NULL: all are served */
    struct page *maintenance_page;                  /* NULL: none */
};

struct route {
    const struct route_settings *settings;
    struct span name;
    struct backend *backend;         /* NULL: respond or files */
    const struct route_split *split; /* NULL: all requests go there; else that is the first part */
    const struct route_mirror *mirror; /* NULL: no copies are sent */
    struct files_root *files;          /* NULL: none */
    const struct template *params;     /* the values of settings->backend->params */
    struct files_root *scripts; /* of a FastCGI backend; NULL: none, or it is not looked at */
    struct template *tries;     /* of settings->files->tries */
    size_t try_count;
    const struct call_retries *retries; /* NULL: as usual */
    uint64_t body_limit;
    const struct cookies_settings *cookies; /* its own, else the site's; NULL: none */
    const struct cors_settings *cors;       /* the same */
    struct answer_pages pages;
    struct page *respond_page; /* of settings->respond->file; NULL: none */
    struct phase_list phases;
    const struct access_phase *access;       /* of these; NULL: none */
    struct body_filter_list filters;         /* of responses */
    const struct compress_rule *compress;    /* NULL: off */
    const struct field_rules *request_rules; /* NULL: none, as below */
    const struct field_rules *response_rules;
    const struct log_rules *log_rules;
    const struct route_cache *cache; /* NULL: none */
    const struct rewrite *rewrite;   /* NULL: none */
    struct template redirect_to;     /* of settings->redirect */
    struct span mark; /* by which a request that came through it before is known (edge/hops.h) */
};

struct site {
    const struct site_settings *settings;
    struct span name;
    struct tls_context *tls;         /* NULL: it does not terminate */
    struct site_tls *tls_source;     /* what it was built from; for the control thread */
    struct backend *passthrough;     /* NULL: it does not pass through */
    struct backend *tcp;             /* NULL: what is inside its TLS is HTTP */
    struct backend **by_alpn;        /* of edge->by_alpn */
    const struct edge_site *edge;    /* what decides about it */
    const struct rate_limit **rates; /* of settings->rates */
    struct access_list access;       /* whose rules count where settings->access is given */
    struct route *routes;            /* in the order of edge->table */
    const struct field_rules *response_rules; /* where no route was found; NULL: none */
    const struct log_rules *log_rules;        /* the same */
    struct answer_pages pages;                /* the same */
};

struct listener {
    const struct listener_settings *settings;
    const struct host_table *hosts; /* to struct edge_site; snapshot_site */
    enum site_starttls starttls;    /* of any of its sites */
    struct backend *tcp;            /* NULL: its connections are sites' */
    struct access_list access;      /* of these connections */
};

#define SNAPSHOT_NEW SIZE_MAX

struct snapshot {
    const struct settings *settings;
    struct arena arena;
    struct serving serving;
    struct listener *listeners;
    struct site *sites;
    struct backend **backends;
    size_t backend_count;
    /* Of each: which one of the configuration before it takes the place of, SNAPSHOT_NEW: of none.
     * NULL: there was none before. */
    size_t *backend_was;
    struct backend_tls *backend_tls; /* of each; for the control thread */
    struct files_root **scripts;     /* of each; NULL: none */
    struct backend_tls *server_tls;  /* of servers that have their own, of all backends */
    size_t server_tls_count;
    struct trust trust;     /* changed by the control thread alone, through trust_refresh */
    struct auth_plans auth; /* what routes ask for of who sends requests */
    struct access_files access_files; /* that rules ask */
    struct ban_rules bans;
    struct rate_limit **rates; /* of all sites and routes */
    size_t rate_count;
    size_t rate_capacity;
    struct ocsp_registry *ocsp;        /* certificates whose responses are fetched */
    struct cache_store *cache;         /* counted; NULL: no route has one */
    struct log_targets log_targets;    /* of all logs */
    const struct log_rules *log_rules; /* where no site was found */
    struct page **pages;               /* each file that is named as one, once */
    size_t page_count;
    struct settings *own_settings; /* that go with it; NULL: they are the caller's */
    uint64_t number;               /* of the process's, from 1 on */
    int64_t made_ms;               /* wall clock */
    atomic_uint references;
};

/* What a snapshot is made with, besides the settings. */
struct snapshot_means {
    /* The one that is in use, whose ticket keys, OCSP responses and open log go on; NULL: none. */
    const struct snapshot *previous;
    struct log_fds logs;   /* opened already; taken over */
    bool is_started_again; /* what has gone from the disk since is no error */
};

/* Loads certificates and keys, opens folders and the access log, builds every table. NULL with
 * errors in the report. Needs the rights to read the files, so it comes before privileges are
 * dropped. */
struct snapshot *snapshot_create(const struct settings *settings,
                                 struct config_report *report) MUST_CHECK;
/* From the configuration and the files of a bundle. On the thread that looks for changed files. */
struct bundle;
struct snapshot *snapshot_load(struct bundle *bundle, const char *path,
                               const struct snapshot_means *means,
                               struct config_report *report) MUST_CHECK;
/* The same checks without keeping anything and without opening the log; true: it would start. */
bool snapshot_check(const struct settings *settings, struct config_report *report);
/* For settings that have errors: reports what is wrong with the files that the sites name all the
 * same, so that all that is to be mended is told at once. */
void snapshot_check_files(const struct settings *settings, struct config_report *report);
/* Looks for files that have changed: certificates (certs/site_tls.h, certs/backend_tls.h), users
 * and keys (snapshot_auth.h). On the control thread. True: some had, and were read. */
bool snapshot_refresh_certificates(struct snapshot *snapshot);
/* Calls `each` for every file that is looked at for changes later, with whose it is ("site shop");
 * a folder's files are not among them. */
typedef void snapshot_file_fn(void *arg, const char *owner, const char *path);
void snapshot_each_file(const struct snapshot *snapshot, snapshot_file_fn *each, void *arg);
/* The same for folders: of certificates, whose files are read when they are asked for, and the
 * roots of `files`. */
typedef void snapshot_folder_fn(void *arg, const char *path, bool has_files);
void snapshot_each_folder(const struct snapshot *snapshot, snapshot_folder_fn *each, void *arg);
/* Calls `each` for every certificate of ours: of sites, of their folders, and those shown to
 * servers; and for what is read from files to verify others by: authorities, revocation lists. From
 * any thread; the texts are valid during the call alone. `each` must be short. */
typedef void snapshot_certificate_fn(void *arg, const struct owned_certificate *certificate);
void snapshot_each_certificate(const struct snapshot *snapshot, snapshot_certificate_fn *each,
                               void *arg);
struct snapshot *snapshot_hold(struct snapshot *snapshot);
/* The last one frees it. */
void snapshot_release(struct snapshot *snapshot);
/* NULL for NULL. */
const struct site *snapshot_site(const struct snapshot *snapshot, const struct edge_site *site);
/* Which listener a socket belongs to: sockets are bound in the order of the settings. */
const struct listener *snapshot_listener_of_socket(const struct snapshot *snapshot,
                                                   size_t socket_index);

#endif
