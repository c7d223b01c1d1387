/* Prints what counting a request costs: of one key, of a million, and with four threads at once. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "access/rate_table.h"
#include "base/clock.h"

#define ROUNDS 5000000U
#define THREADS 4

struct round {
    struct rate_table *table;
    uint32_t keys;
    enum rate_kind kind;
};

static void *run(void *arg)
{
    const struct round *round = arg;
    const struct rate_terms terms = {round->kind, 100, 1000000, 100, 0};
    uint64_t passed = 0;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t key[4] = {(i * 2654435761U) % round->keys, 1, 2, 3}; /* as long as an address */
        passed +=
            rate_table_take(round->table, span_make(key, sizeof(key)), &terms, clock_us()).passes;
    }
    return (void *)(uintptr_t)passed;
}

static void print(const char *name, enum rate_kind kind, uint32_t keys, int threads)
{
    struct round round = {rate_table_get(name, 65536), keys, kind};
    pthread_t ids[THREADS];
    uint64_t since = clock_us();

    for (int i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, run, &round) != 0) {
            return;
        }
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
    }
    (void)printf("%-36s %6.0f ns a request\n", name,
                 (double)(clock_us() - since) * 1000 / ROUNDS / threads);
    rate_table_release(round.table);
}

int main(void)
{
    print("bucket, one key", RATE_BUCKET, 1, 1);
    print("bucket, a million keys", RATE_BUCKET, 1000000, 1);
    print("window, a million keys", RATE_WINDOW, 1000000, 1);
    print("bucket, one key, 4 threads", RATE_BUCKET, 1, THREADS);
    print("bucket, a million keys, 4 threads", RATE_BUCKET, 1000000, THREADS);
    return 0;
}
