/* A simulation of balancing: servers that are queues, workers that each have a policy of their own
 * and see no more than what they themselves have sent, and requests that come at random. The
 * policies are the gateway's. Deterministic: the same question has the same answer everywhere. */
#ifndef TIDEGATE_TESTS_HARNESS_BALANCE_SIM_H
#define TIDEGATE_TESTS_HARNESS_BALANCE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/balance.h"

/* How the servers differ. */
enum sim_pool {
    SIM_EQUAL,
    SIM_MIXED, /* from half to twice the usual speed */
    SIM_SLOW   /* `slow` of them take ten times as long */
};

struct sim_question {
    const struct balance_type *type;
    size_t servers;
    unsigned slots; /* of a server: requests at work at once; others wait in line */
    unsigned workers;
    uint64_t requests;
    double load; /* of what all servers can do together, 0 to 1 */
    enum sim_pool pool;
    size_t slow;
    bool is_weighted; /* weights say how fast servers are */
    size_t keys; /* of clients: the most frequent hundredth comes a hundred times as often as the
                    last */
    unsigned bounded_load;
    uint64_t seed;
};

struct sim_answer {
    double p50_ms;
    double p99_ms;
    double p999_ms;
    double imbalance; /* of requests in flight on the fullest server to the mean, over time */
    double moved;     /* share of requests that did not get their key's usual server */
};

/* A request takes 10 ms on an idle server of usual speed, in the mean; exponentially spread. */
#define SIM_SERVICE_MS 10.0

void sim_run(const struct sim_question *question, struct sim_answer *answer);

#endif
