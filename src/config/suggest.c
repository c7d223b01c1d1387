#include "config/suggest.h"

void suggestion_init(struct suggestion *suggestion, struct span word)
{
    /* A third of the letters may be wrong, but always one or two. */
    *suggestion = (struct suggestion){
        .word = word, .distance = 1 + (word.len < 6 ? (word.len + 1) / 2 : word.len / 3)};
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Row by row through the matrix of distances between prefixes, with the two rows above at hand. */
size_t suggest_distance(struct span a, struct span b)
{
    size_t rows[3][SUGGEST_LENGTH_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];

    CHECK(a.len <= SUGGEST_LENGTH_MAX && b.len <= SUGGEST_LENGTH_MAX);
    for (size_t j = 0; j <= b.len; j++) {
        before[j] = above[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *oldest = before;

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = ascii_lower(a.ptr[i - 1]);
            char y = ascii_lower(b.ptr[j - 1]);

            row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) &&
                ascii_lower(a.ptr[i - 2]) == y) {
                row[j] = min(row[j], before[j - 2] + 1);
            }
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
    struct span word = span_from_cstr(candidate);
    size_t distance;

    if (word.len > SUGGEST_LENGTH_MAX || suggestion->word.len > SUGGEST_LENGTH_MAX) {
        return;
    }
    distance = suggest_distance(suggestion->word, word);
    if (distance < suggestion->distance) {
        suggestion->distance = distance;
        suggestion->best = candidate;
    }
}
