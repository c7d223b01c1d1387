#include "keys/key_use.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "tls/signer.h"

/* Digests are as good as random, so their first byte chooses. */
#define BUCKETS 256

struct use {
    struct list node;
    struct key_id id;
    unsigned times; /* it was read */
    unsigned count; /* it is kept */
};

static struct {
    pthread_mutex_t lock;
    bool is_ready;
    struct list buckets[BUCKETS];
    key_unused_fn *tell;
    void *arg;
} uses = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* All below: under the lock. */

static struct list *bucket_of(const struct key_id *id)
{
    for (size_t i = 0; !uses.is_ready && i < BUCKETS; i++) {
        list_init(&uses.buckets[i]);
    }
    uses.is_ready = true;
    return &uses.buckets[id->bytes[0]];
}

static struct use *find(const struct key_id *id)
{
    LIST_FOR_EACH(node, bucket_of(id))
    {
        struct use *use = LIST_ENTRY(node, struct use, node);
        if (key_id_equal(&use->id, id)) {
            return use;
        }
    }
    return NULL;
}

static struct use *find_or_add(const struct key_id *id)
{
    struct use *use = find(id);

    if (use == NULL) {
        use = xcalloc(1, sizeof(*use));
        use->id = *id;
        list_push_front(bucket_of(id), &use->node);
    }
    return use;
}

void key_use_took(const struct key_id *id)
{
    struct use *use;

    (void)pthread_mutex_lock(&uses.lock);
    use = find_or_add(id);
    use->times++;
    use->count++;
    (void)pthread_mutex_unlock(&uses.lock);
}

void key_use_keep(struct signer *signer, struct span key)
{
    struct key_id id;

    (void)signer;
    if (!key_id_of(key, &id)) {
        return;
    }
    (void)pthread_mutex_lock(&uses.lock);
    find_or_add(&id)->count++;
    (void)pthread_mutex_unlock(&uses.lock);
}

void key_use_let_go(struct signer *signer, struct span key)
{
    struct key_id id;
    struct use *use;

    (void)signer;
    if (!key_id_of(key, &id)) {
        return;
    }
    (void)pthread_mutex_lock(&uses.lock);
    use = find(&id);
    if (use != NULL && --use->count == 0) {
        list_remove(&use->node);
        if (uses.tell != NULL) {
            uses.tell(uses.arg, &use->id, use->times);
        }
        free(use);
    }
    (void)pthread_mutex_unlock(&uses.lock);
}

void key_use_tell(key_unused_fn *fn, void *arg)
{
    (void)pthread_mutex_lock(&uses.lock);
    uses.tell = fn;
    uses.arg = arg;
    (void)pthread_mutex_unlock(&uses.lock);
}
