#include "access/rule_counts.h"

#include <pthread.h>
#include <string.h>

#include "base/map.h"
#include "base/strbuf.h"

static struct {
    pthread_mutex_t lock;
    struct map by_name;
    struct rule_count *items[RULE_COUNTS_MAX];
    size_t count;
    struct rule_count others;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .others = {.name = "(others)", .word = "all"}};

/* `key`: the word, a blank, and the name. */
static struct rule_count *find(struct span key, const char *word)
{
    struct rule_count *count = table.count != 0 ? map_find(&table.by_name, key) : NULL;
    char *text;

    if (count != NULL) {
        return count;
    }
    if (table.count == RULE_COUNTS_MAX) {
        return &table.others;
    }
    text = xstrdup(key.ptr);
    count = xcalloc(1, sizeof(*count));
    count->name = text + strlen(word) + 1;
    count->word = word;
    (void)map_add(&table.by_name, span_from_cstr(text), count);
    table.items[table.count++] = count;
    return count;
}

struct rule_count *rule_count_of(const char *name, const char *word)
{
    struct rule_count *count;
    struct strbuf key;

    strbuf_init(&key);
    strbuf_printf(&key, "%s %s", word, name);
    strbuf_add_char(&key, '\0');
    (void)pthread_mutex_lock(&table.lock);
    if (table.count == 0) {
        map_init(&table.by_name);
    }
    count = find(span_from_cstr(strbuf_span(&key).ptr), word);
    (void)pthread_mutex_unlock(&table.lock);
    strbuf_free(&key);
    return count;
}

void rule_counts_each(void (*each)(void *arg, const char *name, const char *word, uint64_t hits),
                      void *arg)
{
    size_t count;

    (void)pthread_mutex_lock(&table.lock);
    count = table.count;
    (void)pthread_mutex_unlock(&table.lock);
    for (size_t i = 0; i <= count; i++) {
        struct rule_count *item = i < count ? table.items[i] : &table.others;
        uint64_t hits = atomic_load_explicit(&item->hits, memory_order_relaxed);
        if (hits != 0) {
            each(arg, item->name, item->word, hits);
        }
    }
}
