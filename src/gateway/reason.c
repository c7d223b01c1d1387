#include "observe/reason.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "edge/head_limits.h"
#include "edge/path.h"
#include "http/h1_parse.h"
#include "http/h2_budget.h"
#include "http/h2_fields.h"
#include "tls/hello.h"

static const struct reason own[] = {
#define REASON(part, who, word, sentence, mend) {REASON_##part, who, word, sentence, mend},
#include "gateway/reason_table.h"
#undef REASON
};

#define MALFORMED_MEND                                                                             \
    "whoever sent it, or something on the way, builds the message wrongly: see the rule; "         \
    "docs/strictness.md says what can be loosened"
#define HELLO_MEND                                                                                 \
    "the client, or something on the way, is broken, or does not speak TLS; if it should work, "   \
    "look at its own log and version"
#define FLOOD_MEND "an attack, or a broken client: the connection was closed with ENHANCE_YOUR_CALM"

#define ALL_MAX                                                                                    \
    (ARRAY_LEN(own) + H1_ERROR_COUNT + H2_ERROR_COUNT + H2_EVENT_COUNT + PATH_ERROR_COUNT +        \
     HELLO_BAD_COUNT)

static struct {
    pthread_once_t once;
    struct reason rows[ALL_MAX]; /* in the order of the tables */
    size_t count;
    const struct reason *sorted[ALL_MAX]; /* by word, one of each */
    size_t sorted_count;
} all = {.once = PTHREAD_ONCE_INIT};

static void add(enum reason_part part, const char *word, const char *sentence, const char *mend)
{
    all.rows[all.count++] = (struct reason){part, "gateway", word, sentence, mend};
}

/* By word; of equal ones the first in the tables first. */
static int by_word(const void *a, const void *b)
{
    const struct reason *x = *(const struct reason *const *)a;
    const struct reason *y = *(const struct reason *const *)b;
    int order = strcmp(x->word, y->word);

    return order != 0 ? order : (x > y) - (x < y);
}

static void sort(void)
{
    size_t kept = 0;

    for (size_t i = 0; i < all.count; i++) {
        all.sorted[i] = &all.rows[i];
    }
    qsort(all.sorted, all.count, sizeof(all.sorted[0]), by_word);
    for (size_t i = 0; i < all.count; i++) {
        if (kept == 0 || strcmp(all.sorted[kept - 1]->word, all.sorted[i]->word) != 0) {
            all.sorted[kept++] = all.sorted[i];
        }
    }
    all.sorted_count = kept;
}

/* The first of each enum means that nothing is wrong. */
static void gather(void)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        all.rows[all.count++] = own[i];
    }
    for (int i = 1; i < HELLO_BAD_COUNT; i++) {
        add(REASON_HELLO, hello_bad_word((enum hello_bad)i), hello_bad_text((enum hello_bad)i),
            HELLO_MEND);
    }
    for (int i = 1; i < PATH_ERROR_COUNT; i++) {
        const char *mend = path_error_mend((enum path_error)i);
        add(REASON_PATH, path_error_word((enum path_error)i), path_error_text((enum path_error)i),
            mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 1; i < H1_ERROR_COUNT; i++) {
        const char *mend = head_mend_h1((enum h1_error)i, HEAD_OF_EITHER);
        add(REASON_H1, h1_error_word((enum h1_error)i), h1_error_text((enum h1_error)i),
            mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 1; i < H2_ERROR_COUNT; i++) {
        const char *mend = head_mend_h2((enum h2_error)i, HEAD_OF_EITHER);
        add(REASON_H2, h2_error_word((enum h2_error)i), h2_error_text((enum h2_error)i),
            mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 0; i < H2_EVENT_COUNT; i++) {
        /* Several prices, one word: the first says it best. */
        if (i != 0 &&
            strcmp(h2_event_word((enum h2_event)i), h2_event_word((enum h2_event)(i - 1))) == 0) {
            continue;
        }
        add(REASON_FLOOD, h2_event_word((enum h2_event)i), h2_event_text((enum h2_event)i),
            FLOOD_MEND);
    }
    CHECK(all.count <= ALL_MAX);
    sort();
}

const struct reason *reason_at(size_t i)
{
    (void)pthread_once(&all.once, gather);
    return i < all.count ? &all.rows[i] : NULL;
}

static int compare(struct span word, const char *other)
{
    size_t len = strlen(other);
    int order = memcmp(word.ptr, other, word.len < len ? word.len : len);

    return order != 0 ? order : (word.len > len) - (word.len < len);
}

const struct reason *reason_find(struct span word)
{
    size_t low = 0;
    size_t high;

    (void)pthread_once(&all.once, gather);
    high = all.sorted_count;
    while (word.len != 0 && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(word, all.sorted[middle]->word);
        if (order == 0) {
            return all.sorted[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

bool reason_is_of_server(const char *word)
{
    const struct reason *reason = reason_find(span_from_cstr(word));

    return reason != NULL && strcmp(reason->who, "backend") == 0;
}
