#include "gateway/mirror_counts.h"

#include <pthread.h>
#include <string.h>

#include "base/span.h"

static struct mirror_counts others = {.route = "(others)", .backend = "(others)"};
static struct {
    pthread_mutex_t lock;
    struct mirror_counts *first; /* the last of them is `others` */
    unsigned count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .first = &others};

static struct mirror_counts *find(const char *route, const char *backend)
{
    struct mirror_counts *counts = table.first;

    while (counts != &others &&
           (strcmp(counts->route, route) != 0 || strcmp(counts->backend, backend) != 0)) {
        counts = counts->next;
    }
    if (counts != &others || table.count == MIRROR_COUNTS_MAX) {
        return counts;
    }
    counts = xcalloc(1, sizeof(*counts));
    counts->route = xstrdup(route);
    counts->backend = xstrdup(backend);
    counts->next = table.first;
    table.first = counts;
    table.count++;
    return counts;
}

struct mirror_counts *mirror_counts_of(const char *route, const char *backend)
{
    struct mirror_counts *counts;

    (void)pthread_mutex_lock(&table.lock);
    counts = find(route, backend);
    (void)pthread_mutex_unlock(&table.lock);
    return counts;
}

void mirror_counts_each(void (*each)(void *arg, const struct mirror_counts *counts), void *arg)
{
    struct mirror_counts *counts;

    (void)pthread_mutex_lock(&table.lock);
    counts = table.first;
    (void)pthread_mutex_unlock(&table.lock);
    for (; counts != NULL; counts = counts->next) { /* what is behind the first never changes */
        uint64_t sum = 0;
        for (int i = 0; i < MIRROR_COUNTS; i++) {
            sum += mirror_counts_get(counts, (enum mirror_count)i);
        }
        if (sum != 0) {
            each(arg, counts);
        }
    }
}
