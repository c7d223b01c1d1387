/* Balancing: which member of a group of servers gets the next connection or request.
 *
 * A policy is one short file with a table of functions. Its object belongs to one worker and
 * one set of servers, so that workers share nothing; when the backend has another set, another
 * object is made, which may take over what the one before has learned. Whoever owns it
 * (upstream/upstream.h) keeps the members' facts up to date, says who may be chosen, and tells it
 * how leases ended. A policy keeps no lists of its own of who is down or busy, and reads no clock.
 */
#ifndef TIDEGATE_UPSTREAM_BALANCE_H
#define TIDEGATE_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "upstream/server_set.h"

struct backend;

/* Members of a group. */
#define BALANCE_MEMBERS_MAX SERVER_SET_MAX
#define BALANCE_NONE SIZE_MAX

/* Some of a group's members, by their index. Zero-initialised. */
struct balance_set {
    uint64_t bits[BALANCE_MEMBERS_MAX / 64];
    size_t count;
};

static inline bool balance_set_has(const struct balance_set *set, size_t member)
{
    return (set->bits[member / 64] >> (member % 64) & 1) != 0;
}

/* One that it does not have yet. */
static inline void balance_set_add(struct balance_set *set, size_t member)
{
    set->bits[member / 64] |= UINT64_C(1) << (member % 64);
    set->count++;
}

/* What a policy sees of a member. */
struct balance_member {
    const char
        *name;       /* as the configuration has it; the same one in every worker and at any time */
    unsigned weight; /* 1 to SERVER_WEIGHT_MAX */
    const struct endpoint_share *share; /* what this worker has seen of it */
};

/* Requests and tunnels on it now, of this worker. */
static inline uint64_t balance_load(const struct balance_member *member)
{
    return atomic_load_explicit(&member->share->leases, memory_order_relaxed);
}

struct balance_ask {
    uint64_t key; /* of requests that should get the same member the same key; 0: it is all one */
    uint64_t random;                 /* another one each time, where the type asks for it; else 0 */
    uint64_t now_us;                 /* monotonic */
    const struct balance_set *tried; /* for the same request before; none of them is a choice */
    const struct balance_set *choices; /* at least one */
    uint64_t choices_serial; /* another one each time these are others, as long as the object lives;
                                0: they are this request's alone */
};

/* How a lease ended. */
enum lease_how {
    LEASE_OK,            /* the server has served it, whatever it answered */
    LEASE_SERVER_FAILED, /* it did not, and that was its fault, or the way's */
    LEASE_CLIENT_LEFT,   /* the client ended it, or was the reason: says nothing of the server */
    LEASE_UNUSED /* no request has been put to the server, or it may repeat that elsewhere */
};

/* What was seen of the server meanwhile. */
struct lease_seen {
    unsigned status;     /* of its final response; 0: there was none */
    uint64_t latency_us; /* from the request to the first byte of that; 0: not seen */
    uint64_t now_us;     /* monotonic */
};

struct balance_outcome {
    enum lease_how how; /* LEASE_OK or LEASE_SERVER_FAILED */
    struct lease_seen seen;
};

/* What a failure counts as, so that a server which fails at once does not look like the fastest. */
#define BALANCE_FAILURE_US (UINT64_C(1) * 1000 * 1000)
/* No latency counts for more: sums stay in 64 bits. */
#define BALANCE_LATENCY_MAX_US (UINT64_C(3600) * 1000 * 1000)
/* What it says of how long the member takes, for policies; 0: nothing. */
static inline uint64_t balance_latency_of(const struct balance_outcome *outcome)
{
    bool is_failure = outcome->how == LEASE_SERVER_FAILED || outcome->seen.status >= 500;
    uint64_t latency_us = outcome->seen.latency_us;

    if (is_failure && latency_us < BALANCE_FAILURE_US) {
        return BALANCE_FAILURE_US;
    }
    return latency_us < BALANCE_LATENCY_MAX_US ? latency_us : BALANCE_LATENCY_MAX_US;
}

/* The beginning of a policy's object. */
struct balance {
    const struct balance_type *type;
};

struct balance_type {
    const char *name;
    bool is_random; /* it wants ask->random */
    /* `members` has `count` of them, perhaps none, and lives longer than the object. */
    struct balance *(*create)(const struct backend *backend, const struct balance_member *members,
                              size_t count);
    /* `old` served the set before, and ends next: its member `from[i]` is this one's `i`, the same
     * endpoint; BALANCE_NONE: that one is new. What was seen of it as a share stays anyway. NULL:
     * the policy begins anew. */
    void (*take_over)(struct balance *self, const struct balance *old, const size_t *from);
    /* One of ask->choices. */
    size_t (*pick)(struct balance *self, const struct balance_ask *ask);
    /* A lease on the member was taken, or has ended, so its load is another one. Where others use
     * it besides, it may have changed without this. NULL: the policy looks for itself. */
    void (*moved)(struct balance *self, size_t member);
    /* A lease on the member ended in a way that says something of it; NULL: the policy does not
     * care. */
    void (*done)(struct balance *self, size_t member, const struct balance_outcome *outcome);
    void (*destroy)(struct balance *self);
};

/* By turns: over any run of sum(weight) picks each server is chosen weight times, spread evenly. */
extern const struct balance_type balance_round_robin;
/* The one with the least on it for its weight; among equals by turns. One that answers several
 * times more slowly than the others counts as having so many times more on it. */
extern const struct balance_type balance_least_requests;
/* Two are drawn, by weight; the one with less on it for its weight. */
extern const struct balance_type balance_random_of_two;
/* Two are drawn, by weight; the one that would answer sooner, by the peak EWMA of its latency and
 * what is on it. */
extern const struct balance_type balance_ewma;
/* The first one in the order of the configuration: the next one is for when that is full, or down.
 */
extern const struct balance_type balance_first;
/* By the key, with Maglev's table (Eisenbud et al., NSDI 2016, section 3.4); without one, random of
 * two. */
extern const struct balance_type balance_hash;
/* The member whose token (upstream/sticky.h) the key is of; without one, or where that is no
 * choice, the one with the least on it. */
extern const struct balance_type balance_sticky;

/* For balance_ask, of what requests have in common; 0: nothing (ptr NULL). */
static inline uint64_t balance_key_of(struct span text)
{
    return text.ptr != NULL ? hash_text(text) | 1 : 0;
}

/* How the backend chooses. */
const struct balance_type *balance_type_of(enum balance_kind kind);

#endif
