#include "observe/reason.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const struct reason table[] = {
#define REASON(part, who, word, sentence, mend) {REASON_##part, who, word, sentence, mend},
#include "observe/reason_table.h"
#undef REASON
};

static void append(struct reason_book *book, const struct reason *reason)
{
    if (book->count == book->capacity) {
        book->capacity = book->capacity != 0 ? book->capacity * 2 : 2 * ARRAY_LEN(table);
        book->rows = xrealloc(book->rows, book->capacity * sizeof(*book->rows));
    }
    book->rows[book->count++] = *reason;
}

void reason_book_init(struct reason_book *book)
{
    *book = (struct reason_book){0};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        append(book, &table[i]);
    }
}

void reason_book_add(struct reason_book *book, enum reason_part part, const char *word,
                     const char *sentence, const char *mend)
{
    CHECK(book->sorted == NULL);
    append(book, &(struct reason){part, "gateway", word, sentence, mend});
}

/* By word; of equal ones the first in the book first. */
static int by_word(const void *a, const void *b)
{
    const struct reason *x = *(const struct reason *const *)a;
    const struct reason *y = *(const struct reason *const *)b;
    int order = strcmp(x->word, y->word);

    return order != 0 ? order : (x > y) - (x < y);
}

void reason_book_seal(struct reason_book *book)
{
    size_t kept = 0;

    book->sorted = xcalloc(book->count, sizeof(*book->sorted));
    for (size_t i = 0; i < book->count; i++) {
        book->sorted[i] = &book->rows[i];
    }
    qsort(book->sorted, book->count, sizeof(book->sorted[0]), by_word);
    for (size_t i = 0; i < book->count; i++) {
        if (kept == 0 || strcmp(book->sorted[kept - 1]->word, book->sorted[i]->word) != 0) {
            book->sorted[kept++] = book->sorted[i];
        }
    }
    book->sorted_count = kept;
}

const struct reason *reason_book_at(const struct reason_book *book, size_t i)
{
    return i < book->count ? &book->rows[i] : NULL;
}

static int compare(struct span word, const char *other)
{
    size_t len = strlen(other);
    int order = memcmp(word.ptr, other, word.len < len ? word.len : len);

    return order != 0 ? order : (word.len > len) - (word.len < len);
}

const struct reason *reason_book_find(const struct reason_book *book, struct span word)
{
    size_t low = 0;
    size_t high = book->sorted_count;

    while (word.len != 0 && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(word, book->sorted[middle]->word);
        if (order == 0) {
            return book->sorted[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
