/* Prints what each strategy of balancing makes of the same requests: docs/balancing.md has its
 * table. The strategies are the gateway's, the servers simulated (tests/harness/balance_sim.h). */
#include <stdio.h>
#include <stdlib.h>

#include "harness/balance_sim.h"

struct pool {
    const char *title;
    enum sim_pool pool;
    bool is_weighted;
    unsigned workers;
    size_t servers; /* 0: as many as were asked for */
};

static const struct pool pools[] = {
    {"equal servers, one worker", SIM_EQUAL, false, 1, 0},
    {"equal servers, 16 workers", SIM_EQUAL, false, 16, 0},
    {"servers from half to twice the speed, 16 workers", SIM_MIXED, false, 16, 0},
    {"the same, with weights that say so", SIM_MIXED, true, 16, 0},
    {"one in twenty ten times slower, 16 workers", SIM_SLOW, false, 16, 0},
    {"four servers, two workers", SIM_EQUAL, false, 2, 4},
    {"one of four ten times slower, two workers", SIM_SLOW, false, 2, 4},
};

struct row {
    const char *name;
    const struct balance_type *type;
    unsigned bounded_load;
};

static const struct row rows[] = {
    {"round_robin", &balance_round_robin, 0},
    {"least_requests", &balance_least_requests, 0},
    {"random_of_two", &balance_random_of_two, 0},
    {"ewma", &balance_ewma, 0},
    {"hash", &balance_hash, 0},
    {"hash, bounded_load: 125", &balance_hash, 125},
    {"sticky", &balance_sticky, 0},
};

static void print_row(const struct row *row, const struct pool *pool, size_t servers,
                      uint64_t requests, double load)
{
    const struct sim_question question = {
        .type = row->type,
        .servers = servers,
        .slots = 8,
        .workers = pool->workers,
        .requests = requests,
        .load = load,
        .pool = pool->pool,
        .slow = servers < 20 ? 1 : servers / 20,
        .is_weighted = pool->is_weighted,
        .keys = 1000 * servers,
        .bounded_load = row->bounded_load,
        .seed = 1,
    };
    struct sim_answer answer;

    sim_run(&question, &answer);
    (void)printf("| %-23s | %9.1f | %8.1f | %8.1f | %9.1f | %5.1f %% |\n", row->name,
                 answer.imbalance, answer.p50_ms, answer.p99_ms, answer.p999_ms,
                 100 * answer.moved);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t servers = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    uint64_t requests = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
    double load = argc > 3 ? strtod(argv[3], NULL) / 100 : 0.7;

    if (servers < 1 || servers > BALANCE_MEMBERS_MAX || requests < 1000 || load <= 0 || load >= 1) {
        (void)fprintf(stderr,
                      "usage: bench-balance [SERVERS (1 to %d) [REQUESTS (from 1000) "
                      "[PERCENT OF LOAD (1 to 99)]]]\n",
                      BALANCE_MEMBERS_MAX);
        return 2;
    }
    for (size_t p = 0; p < ARRAY_LEN(pools); p++) {
        size_t of_pool = pools[p].servers != 0 ? pools[p].servers : servers;
        (void)printf(
            "\n%s: %zu servers, %llu requests, %.0f %% of what they can do\n\n"
            "| strategy                | imbalance |   p50 ms |   p99 ms | p99.9 ms | elsewhere |\n"
            "|---|---|---|---|---|---|\n",
            pools[p].title, of_pool, (unsigned long long)requests, 100 * load);
        for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
            print_row(&rows[r], &pools[p], of_pool, requests, load);
        }
    }
    return 0;
}
