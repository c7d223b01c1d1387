#include "policy/coder_pool.h"

#include <stdlib.h>
#include <time.h>

#include "io/conn.h"

static const struct coder_type *const types[CODING_COUNT] = {
    [CODING_GZIP] = &coder_gzip, [CODING_BROTLI] = &coder_brotli, [CODING_ZSTD] = &coder_zstd};

void coder_pool_init(struct coder_pool *pool, struct loop *loop)
{
    *pool = (struct coder_pool){.loop = loop};
    for (size_t i = 0; i < CODING_COUNT; i++) {
        list_init(&pool->idle[i]);
    }
}

void coder_pool_destroy(struct coder_pool *pool)
{
    struct list *node;

    CHECK(pool->active == 0);
    for (size_t i = 0; i < CODING_COUNT; i++) {
        while ((node = list_pop_front(&pool->idle[i])) != NULL) {
            struct coder *coder = LIST_ENTRY(node, struct coder, node);
            coder->type->destroy(coder);
        }
    }
    free(pool->room);
    pool->room = NULL;
}

bool coder_pool_is_busy(uint64_t cpu_us, uint64_t wall_us)
{
    return cpu_us * 100 > wall_us * CODER_POOL_BUSY_PERCENT;
}

/* Asked only where something is compressed, and not often. */
static void look_at_load(struct coder_pool *pool)
{
    uint64_t now_us = loop_now_us(pool->loop);
    struct timespec used;
    uint64_t cpu_us;

    if ((pool->looked_us != 0 && now_us - pool->looked_us < CODER_POOL_LOOK_US) ||
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
        return;
    }
    cpu_us = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
    pool->is_busy =
        pool->looked_us != 0 && coder_pool_is_busy(cpu_us - pool->cpu_us, now_us - pool->looked_us);
    pool->looked_us = now_us;
    pool->cpu_us = cpu_us;
}

static struct coder *take(struct coder_pool *pool, enum coding coding)
{
    struct list *node = list_pop_front(&pool->idle[coding]);

    if (node == NULL) {
        return types[coding]->create();
    }
    pool->idle_count[coding]--;
    return LIST_ENTRY(node, struct coder, node);
}

struct coder *coder_pool_take(struct coder_pool *pool, enum coding coding, enum coder_level level,
                              uint64_t size, uint64_t memory_max)
{
    const struct coder_type *type = types[coding];
    struct coder *coder = NULL;

    look_at_load(pool);
    if (pool->memory + type->memory <= memory_max) {
        coder = take(pool, coding);
    }
    if (coder == NULL) {
        pool->refused++;
        return NULL;
    }
    if (!type->begin(coder, pool->is_busy ? CODER_FAST : level, size)) {
        pool->refused++;
        type->destroy(coder);
        return NULL;
    }
    list_init(&coder->node);
    pool->memory += type->memory;
    pool->active++;
    pool->began++;
    return coder;
}

void coder_pool_give_back(struct coder_pool *pool, struct coder *coder)
{
    enum coding coding = coder->type->coding;

    pool->memory -= coder->type->memory;
    pool->active--;
    if (!coder->type->may_rest || pool->idle_count[coding] == CODER_POOL_IDLE) {
        coder->type->destroy(coder);
        return;
    }
    list_push_front(&pool->idle[coding], &coder->node);
    pool->idle_count[coding]++;
}

char *coder_pool_room(struct coder_pool *pool, size_t *size)
{
    if (pool->room == NULL) {
        pool->room = xmalloc(CODER_POOL_ROOM);
    }
    if (CODER_POOL_ROOM - pool->room_used < CODER_ROOM_MIN) {
        conn_flush_all(pool->loop);
        pool->room_used = 0;
    }
    *size = CODER_POOL_ROOM - pool->room_used;
    return pool->room + pool->room_used;
}

void coder_pool_use_room(struct coder_pool *pool, size_t n)
{
    CHECK(n <= CODER_POOL_ROOM - pool->room_used);
    pool->room_used += n;
}
