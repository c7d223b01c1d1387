#include "access/named.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static struct named *find(struct named_tables *tables, const char *name, uint64_t size)
{
    LIST_FOR_EACH(node, &tables->all)
    {
        struct named *named = LIST_ENTRY(node, struct named, node);
        if (named->size == size && strcmp(named->name, name) == 0) {
            return named;
        }
    }
    return NULL;
}

struct named *named_get(struct named_tables *tables, const char *name, uint64_t size,
                        struct named *(*make)(uint64_t size))
{
    struct named *named;

    (void)pthread_mutex_lock(&tables->lock);
    named = find(tables, name, size);
    if (named == NULL) {
        named = make(size);
        named->name = xstrdup(name);
        named->size = size;
        named->references = 0;
        list_push_back(&tables->all, &named->node);
    }
    named->references++;
    (void)pthread_mutex_unlock(&tables->lock);
    return named;
}

void named_hold(struct named_tables *tables, struct named *named)
{
    (void)pthread_mutex_lock(&tables->lock);
    named->references++;
    (void)pthread_mutex_unlock(&tables->lock);
}

bool named_release(struct named_tables *tables, struct named *named)
{
    bool is_last;

    (void)pthread_mutex_lock(&tables->lock);
    is_last = --named->references == 0;
    if (is_last) {
        list_remove(&named->node);
    }
    (void)pthread_mutex_unlock(&tables->lock);
    if (is_last) {
        free(named->name);
    }
    return is_last;
}
