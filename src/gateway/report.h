/* How the workers are doing, for the administration. Each is asked by a message to its loop and
 * answers with its own numbers, so nothing is shared with the data path; one that does not answer
 * in time counts as silent.
 *
 * Made before the workers run and destroyed after they have ended. Asked from one thread. */
#ifndef TIDEGATE_GATEWAY_REPORT_H
#define TIDEGATE_GATEWAY_REPORT_H

#include "gateway/worker_base.h"
#include "upstream/server_health.h"

/* How long a worker has for its answer. */
#define REPORT_WAIT_MS 500

struct current;

struct report_server {
    const char *address; /* the set's */
    uint64_t idle;       /* parked connections, over all workers */
    unsigned down_at;    /* workers that pass it over because it is not well */
    bool has_addresses;  /* its name is resolved */
    uint64_t p50_us;     /* from a request to its response's head; 0: there was none */
    uint64_t p90_us;
    uint64_t p99_us;
    enum server_order_word order;
    double weight;      /* in the configuration's unit; a share of it where a name has addresses */
    int ordered_weight; /* or SERVER_WEIGHT_DEFAULT */
    struct server_health_view health;
    struct endpoint_tally tally;
    uint64_t now_us;
};

/* Names and lists of a backend that are told of; the others are left out. */
#define REPORT_NAMES_MAX 64

/* See struct discovery_told. */
struct report_name {
    char *name;
    const char *kind;
    char *values;
    int64_t age_s;
    int64_t next_s;
    char *problem; /* NULL: none */
};

struct report_backend {
    char *name;
    uint64_t leases;        /* requests and tunnels on its servers */
    struct server_set *set; /* those that it had when it was asked for; held */
    bool has_queue;         /* its servers have limits, or it has */
    bool has_concurrency;
    struct concurrency_look concurrency;
    uint64_t shed[PRIORITY_LEVELS]; /* got no server, as there was no room */
    size_t waiting;                 /* requests and tunnels, for one that is not full */
    uint64_t turned_away;           /* as too many waited already */
    struct report_server *servers;
    size_t server_count;
    struct report_name *names; /* that its servers come from */
    size_t name_count;
};

/* Problems with OCSP responses that are named; the rest are counted only. */
#define REPORT_OCSP_MAX 20

struct report_ocsp_problem {
    char *certificate;
    char *responder;
    char *problem;
    bool is_stapled; /* the response before still holds */
};

/* Certificates whose OCSP responses are fetched. */
struct report_ocsp {
    size_t certificates;
    size_t stapled;
    size_t failing;
    struct report_ocsp_problem problems[REPORT_OCSP_MAX];
    size_t problem_count;
};

/* Configurations that are told of; there are hardly ever so many. */
#define REPORT_GENERATIONS_MAX 64

/* A configuration that workers have (gateway/generation.h), summed over them. */
struct report_generation {
    uint64_t number; /* from 1 on, in the order of being taken up */
    int64_t made_ms; /* wall clock */
    bool is_present; /* the newest: what begins has it */
    unsigned workers;
    uint64_t sessions;  /* connections that have it, tunnels too */
    uint64_t exchanges; /* requests that began with it */
};

/* Over all workers; what was counted is so since the start. */
struct report_compression {
    uint64_t active;       /* responses that are being compressed */
    uint64_t memory;       /* bytes that their compressors may have */
    uint64_t responses;    /* that were */
    uint64_t uncompressed; /* that were not, as limits.compression_memory was reached */
    uint64_t bytes_in;
    uint64_t bytes_out;
};

struct report {
    unsigned workers;
    unsigned silent; /* of these */
    uint64_t sessions;
    uint64_t exchanges;
    struct report_backend *backends;
    size_t backend_count;
    struct report_ocsp ocsp;
    struct report_compression compression;
    struct report_generation generations[REPORT_GENERATIONS_MAX]; /* the newest first */
    size_t generation_count;
    uint64_t longest_follow_us; /* that a worker was held by one, at a time */
};

struct reporter;

struct reporter *reporter_create(struct current *current, struct worker **workers, unsigned count);
void reporter_destroy(struct reporter *reporter);
/* The report is the reporter's, and lasts until it is asked again. */
const struct report *reporter_ask(struct reporter *reporter);

#endif
