#include "harness/balance_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/backend.h"

/* Latencies in steps of 2^(1/32): 2 % of error. */
#define STEPS 1024
#define SAMPLE_EVERY 997

struct finish {
    uint64_t at_us;
    uint64_t latency_us;
    uint32_t server;
    uint32_t worker;
};

struct sim {
    const struct sim_question *q;
    struct backend backend;
    struct balance_set all;
    char (*names)[24];
    double *slowness;    /* by server: what its service time is times the usual one */
    uint64_t *free_at;   /* by server and slot: a heap of each server's */
    unsigned *in_flight; /* by server */
    uint32_t *homes;     /* by key: the server it got last, and one; 0: none yet */
    double *key_sums;
    struct balance_member *members; /* by worker and server */
    struct endpoint_share *shares;  /* the same */
    struct balance **policies;
    struct finish *finishes; /* a heap by time */
    size_t finish_count;
    size_t finish_capacity;
    uint64_t random;
    uint64_t now_us;
    uint64_t histogram[STEPS];
    double fullest; /* sums over the samples */
    double mean;
    uint64_t moved;
};

/* ---- chance ---- */

static uint64_t draw(struct sim *sim)
{
    sim->random += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(sim->random);
}

/* In (0, 1]. */
static double draw_real(struct sim *sim)
{
    return ((double)(draw(sim) >> 11) + 1) / 9007199254740992.0;
}

/* log2 by hand, so that no machine's library has another last digit. */
static double log2_of(double x)
{
    double result = 0;
    double bit = 1;

    for (; x < 1; x *= 2) {
        result -= 1;
    }
    for (; x >= 2; x /= 2) {
        result += 1;
    }
    for (unsigned i = 0; i < 40; i++) {
        x *= x;
        bit /= 2;
        if (x >= 2) {
            x /= 2;
            result += bit;
        }
    }
    return result;
}

static double draw_exponential(struct sim *sim, double mean)
{
    return -mean * 0.69314718055994531 * log2_of(draw_real(sim));
}

/* ---- servers ---- */

/* When a slot that is free from now on takes the place of the one that was free first. */
static void sift(uint64_t *heap, unsigned count, uint64_t value)
{
    unsigned at = 0;

    for (;;) {
        unsigned child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && heap[child + 1] < heap[child]) {
            child++;
        }
        if (heap[child] >= value) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

/* First come, first served, so it is known at once when a request will be done. */
static uint64_t serve(struct sim *sim, size_t server)
{
    uint64_t *heap = &sim->free_at[server * sim->q->slots];
    double service = draw_exponential(sim, SIM_SERVICE_MS * 1000 * sim->slowness[server]);
    uint64_t start = heap[0] > sim->now_us ? heap[0] : sim->now_us;
    uint64_t end = start + (uint64_t)service + 1;

    sift(heap, sim->q->slots, end);
    return end;
}

/* ---- what is under way ---- */

static void push_finish(struct sim *sim, struct finish finish)
{
    size_t at = sim->finish_count++;

    if (at == sim->finish_capacity) {
        sim->finish_capacity = sim->finish_capacity != 0 ? 2 * sim->finish_capacity : 1024;
        sim->finishes = xrealloc(sim->finishes, sim->finish_capacity * sizeof(sim->finishes[0]));
    }
    for (; at > 0 && sim->finishes[(at - 1) / 2].at_us > finish.at_us; at = (at - 1) / 2) {
        sim->finishes[at] = sim->finishes[(at - 1) / 2];
    }
    sim->finishes[at] = finish;
}

static struct finish pop_finish(struct sim *sim)
{
    struct finish first = sim->finishes[0];
    struct finish last = sim->finishes[--sim->finish_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->finish_count) {
            break;
        }
        if (child + 1 < sim->finish_count &&
            sim->finishes[child + 1].at_us < sim->finishes[child].at_us) {
            child++;
        }
        if (sim->finishes[child].at_us >= last.at_us) {
            break;
        }
        sim->finishes[at] = sim->finishes[child];
        at = child;
    }
    sim->finishes[at] = last;
    return first;
}

static struct endpoint_share *share_of(struct sim *sim, size_t worker, size_t server)
{
    return &sim->shares[worker * sim->q->servers + server];
}

static void count_lease(struct sim *sim, size_t worker, size_t server, int more)
{
    struct balance *policy = sim->policies[worker];

    endpoint_count(&share_of(sim, worker, server)->leases, more);
    if (policy->type->moved != NULL) {
        policy->type->moved(policy, server);
    }
}

static void note_latency(struct sim *sim, uint64_t latency_us)
{
    size_t step = (size_t)(32 * log2_of((double)latency_us + 1));

    sim->histogram[step < STEPS ? step : STEPS - 1]++;
}

static void finish_until(struct sim *sim, uint64_t now_us)
{
    while (sim->finish_count != 0 && sim->finishes[0].at_us <= now_us) {
        struct finish done = pop_finish(sim);
        const struct balance_outcome outcome = {LEASE_OK, {200, done.latency_us, done.at_us}};
        struct balance *policy = sim->policies[done.worker];

        count_lease(sim, done.worker, done.server, -1);
        sim->in_flight[done.server]--;
        note_latency(sim, done.latency_us);
        if (policy->type->done != NULL) {
            policy->type->done(policy, done.server, &outcome);
        }
    }
}

/* ---- clients ---- */

/* Their number is the place in the sums of 1/n that a throw hits. */
static size_t draw_key(struct sim *sim)
{
    double at = draw_real(sim) * sim->key_sums[sim->q->keys - 1];
    size_t low = 0;
    size_t high = sim->q->keys - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sim->key_sums[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What a client's request says: by `sticky` the cookie that it was given. */
static uint64_t key_of(struct sim *sim, size_t client)
{
    if (sim->q->type == &balance_sticky) {
        char token[STICKY_TOKEN_LEN];
        if (sim->homes[client] == 0) {
            return 0;
        }
        sticky_token(sim->backend.sticky_key, sim->backend.name, sim->names[sim->homes[client] - 1],
                     token);
        return balance_key_of(span_make(token, sizeof(token)));
    }
    return hash_mix(client + 1) | 1;
}

static void sample(struct sim *sim)
{
    unsigned most = 0;
    double sum = 0;

    for (size_t i = 0; i < sim->q->servers; i++) {
        most = sim->in_flight[i] > most ? sim->in_flight[i] : most;
        sum += sim->in_flight[i];
    }
    sim->fullest += most;
    sim->mean += sum / (double)sim->q->servers;
}

static void ask(struct sim *sim)
{
    static const struct balance_set none;
    size_t client = draw_key(sim);
    size_t worker = (size_t)(draw(sim) % sim->q->workers);
    const struct balance_ask request = {
        .key = key_of(sim, client),
        .random = draw(sim),
        .now_us = sim->now_us,
        .tried = &none,
        .choices = &sim->all,
        .choices_serial = 1,
    };
    struct balance *policy = sim->policies[worker];
    size_t server = policy->type->pick(policy, &request);
    uint64_t end = serve(sim, server);

    if (sim->homes[client] != 0 && sim->homes[client] != server + 1) {
        sim->moved++;
    }
    sim->homes[client] = (uint32_t)server + 1;
    sim->in_flight[server]++;
    count_lease(sim, worker, server, 1);
    push_finish(sim, (struct finish){end, end - sim->now_us, (uint32_t)server, (uint32_t)worker});
}

/* ---- the whole ---- */

static double slowness_of(const struct sim_question *q, size_t server)
{
    static const double mixed[] = {0.5, 0.75, 1, 1.5, 2};

    switch (q->pool) {
    case SIM_MIXED:
        return mixed[server % ARRAY_LEN(mixed)];
    case SIM_SLOW:
        return server < q->slow ? 10 : 1;
    case SIM_EQUAL:
        break;
    }
    return 1;
}

static void set_up(struct sim *sim, const struct sim_question *q)
{
    double sum = 0;

    memset(sim, 0, sizeof(*sim));
    sim->q = q;
    sim->random = q->seed;
    sim->backend.name = "simulated";
    sim->backend.bounded_load = q->bounded_load;
    sim->names = xcalloc(q->servers, sizeof(sim->names[0]));
    sim->slowness = xcalloc(q->servers, sizeof(double));
    sim->free_at = xcalloc(q->servers * q->slots, sizeof(uint64_t));
    sim->in_flight = xcalloc(q->servers, sizeof(unsigned));
    sim->homes = xcalloc(q->keys, sizeof(uint32_t));
    sim->key_sums = xcalloc(q->keys, sizeof(double));
    sim->members = xcalloc(q->workers * q->servers, sizeof(sim->members[0]));
    sim->shares = xcalloc(q->workers * q->servers, sizeof(sim->shares[0]));
    sim->policies = xcalloc(q->workers, sizeof(struct balance *));
    for (size_t i = 0; i < q->keys; i++) {
        sum += 1 / ((double)i + (double)q->keys / 100 + 1);
        sim->key_sums[i] = sum;
    }
    for (size_t i = 0; i < q->servers; i++) {
        (void)snprintf(sim->names[i], sizeof(sim->names[i]), "10.0.%u.%u:80",
                       (unsigned)(i / 256) % 256, (unsigned)(i % 256));
        sim->slowness[i] = slowness_of(q, i);
        balance_set_add(&sim->all, i);
    }
    for (size_t w = 0; w < q->workers; w++) {
        struct balance_member *members = &sim->members[w * q->servers];
        for (size_t i = 0; i < q->servers; i++) {
            members[i] = (struct balance_member){
                .name = sim->names[i],
                .weight = q->is_weighted ? (unsigned)(60 / sim->slowness[i]) : 1,
                .share = share_of(sim, w, i),
            };
        }
        sim->policies[w] = q->type->create(&sim->backend, members, q->servers);
    }
}

static void tear_down(struct sim *sim)
{
    for (size_t w = 0; w < sim->q->workers; w++) {
        sim->policies[w]->type->destroy(sim->policies[w]);
    }
    free(sim->policies);
    free(sim->shares);
    free(sim->members);
    free(sim->key_sums);
    free(sim->homes);
    free(sim->in_flight);
    free(sim->free_at);
    free(sim->slowness);
    free(sim->names);
    free(sim->finishes);
}

/* The latency below which a share of all are. */
static double quantile(const struct sim *sim, double share)
{
    uint64_t total = 0;
    uint64_t below = 0;
    size_t step = 0;
    double us = 1;

    for (size_t i = 0; i < STEPS; i++) {
        total += sim->histogram[i];
    }
    for (; step < STEPS - 1; step++) {
        below += sim->histogram[step];
        if ((double)below >= share * (double)total) {
            break;
        }
    }
    for (size_t i = 0; i <= step; i++) {
        us *= 1.0218971486541166; /* 2^(1/32) */
    }
    return us / 1000;
}

static double capacity_per_us(const struct sim *sim)
{
    double sum = 0;

    for (size_t i = 0; i < sim->q->servers; i++) {
        sum += sim->q->slots / (SIM_SERVICE_MS * 1000 * sim->slowness[i]);
    }
    return sum;
}

void sim_run(const struct sim_question *question, struct sim_answer *answer)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    uint64_t warm_up = question->requests / 10;
    double pause;
    double at = 1000000;

    set_up(sim, question);
    pause = 1 / (question->load * capacity_per_us(sim));
    for (uint64_t i = 0; i < question->requests; i++) {
        at += draw_exponential(sim, pause);
        sim->now_us = (uint64_t)at;
        finish_until(sim, sim->now_us);
        if (i == warm_up) {
            memset(sim->histogram, 0, sizeof(sim->histogram));
            sim->moved = 0;
        }
        ask(sim);
        if (i >= warm_up && i % SAMPLE_EVERY == 0) {
            sample(sim);
        }
    }
    finish_until(sim, UINT64_MAX);
    *answer = (struct sim_answer){
        .p50_ms = quantile(sim, 0.5),
        .p99_ms = quantile(sim, 0.99),
        .p999_ms = quantile(sim, 0.999),
        .imbalance = sim->fullest / sim->mean,
        .moved = (double)sim->moved / (double)(question->requests - warm_up),
    };
    tear_down(sim);
    free(sim);
}
