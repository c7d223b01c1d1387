/* Reasons that the access log gives: what each means, who ends what in it, and what to do. Those of
 * requests, clients, servers and tunnels are in reason_table.h; a book has them and those that
 * protocols bring (gateway/reasons.h has the one book of all). */
#ifndef TIDEGATE_OBSERVE_REASON_H
#define TIDEGATE_OBSERVE_REASON_H

#include <stddef.h>

#include "base/span.h"

enum reason_part {
    REASON_REQUEST, /* refused, though well-formed */
    REASON_CLIENT,
    REASON_SERVER,
    REASON_TUNNEL,
    REASON_HELLO, /* a ClientHello that is none */
    REASON_PATH,
    REASON_H1, /* malformed messages, of clients and servers */
    REASON_H2,
    REASON_FLOOD,
    REASON_PART_COUNT
};

struct reason {
    enum reason_part part;
    const char *who; /* "gateway", "client", "backend" or "network" */
    const char *word;
    const char *sentence;
    const char *mend;
};

/* Reasons in the order in which they were added, and by word. Whoever made it owns it; once sealed
 * it never changes, and any thread may ask. */
struct reason_book {
    struct reason *rows;
    const struct reason **sorted; /* by word, one of each */
    size_t count;
    size_t capacity;
    size_t sorted_count;
};

/* With the table's. */
void reason_book_init(struct reason_book *book);
/* Static texts; the gateway ends it. */
void reason_book_add(struct reason_book *book, enum reason_part part, const char *word,
                     const char *sentence, const char *mend);
void reason_book_seal(struct reason_book *book);
/* NULL after the last. */
const struct reason *reason_book_at(const struct reason_book *book, size_t i);
/* NULL: none has this word. Where two parts have it (the versions of HTTP do), the first one's. */
const struct reason *reason_book_find(const struct reason_book *book, struct span word);

#endif
