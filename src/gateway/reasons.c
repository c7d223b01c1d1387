#include "gateway/reasons.h"

#include <pthread.h>
#include <string.h>

#include "edge/head_mend.h"
#include "edge/path.h"
#include "http/h1_parse.h"
#include "http/h2_budget.h"
#include "http/h2_fields.h"
#include "tls/hello.h"

#define MALFORMED_MEND                                                                             \
    "whoever sent it, or something on the way, builds the message wrongly: see the rule; "         \
    "docs/strictness.md says what can be loosened"
#define HELLO_MEND                                                                                 \
    "the client, or something on the way, is broken, or does not speak TLS; if it should work, "   \
    "look at its own log and version"
#define FLOOD_MEND "an attack, or a broken client: the connection was closed with ENHANCE_YOUR_CALM"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct reason_book book; /* as long as the process */

/* The first of each enum means that nothing is wrong. */
static void gather(void)
{
    reason_book_init(&book);
    for (int i = 1; i < HELLO_BAD_COUNT; i++) {
        reason_book_add(&book, REASON_HELLO, hello_bad_word((enum hello_bad)i),
                        hello_bad_text((enum hello_bad)i), HELLO_MEND);
    }
    for (int i = 1; i < PATH_ERROR_COUNT; i++) {
        const char *mend = path_error_mend((enum path_error)i);
        reason_book_add(&book, REASON_PATH, path_error_word((enum path_error)i),
                        path_error_text((enum path_error)i), mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 1; i < H1_ERROR_COUNT; i++) {
        const char *mend = head_mend_h1((enum h1_error)i, HEAD_OF_EITHER);
        reason_book_add(&book, REASON_H1, h1_error_word((enum h1_error)i),
                        h1_error_text((enum h1_error)i), mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 1; i < H2_ERROR_COUNT; i++) {
        const char *mend = head_mend_h2((enum h2_error)i, HEAD_OF_EITHER);
        reason_book_add(&book, REASON_H2, h2_error_word((enum h2_error)i),
                        h2_error_text((enum h2_error)i), mend != NULL ? mend : MALFORMED_MEND);
    }
    for (int i = 0; i < H2_EVENT_COUNT; i++) {
        /* Several prices, one word: the first says it best. */
        if (i != 0 &&
            strcmp(h2_event_word((enum h2_event)i), h2_event_word((enum h2_event)(i - 1))) == 0) {
            continue;
        }
        reason_book_add(&book, REASON_FLOOD, h2_event_word((enum h2_event)i),
                        h2_event_text((enum h2_event)i), FLOOD_MEND);
    }
    reason_book_seal(&book);
}

const struct reason *reasons_at(size_t i)
{
    (void)pthread_once(&once, gather);
    return reason_book_at(&book, i);
}

const struct reason *reasons_find(struct span word)
{
    (void)pthread_once(&once, gather);
    return reason_book_find(&book, word);
}

bool reasons_is_of_server(const char *word)
{
    const struct reason *reason = reasons_find(span_from_cstr(word));

    return reason != NULL && strcmp(reason->who, "backend") == 0;
}

bool reasons_is_bad_request(const char *word)
{
    const struct reason *reason = reasons_find(span_from_cstr(word));

    return reason != NULL && strcmp(reason->who, "gateway") == 0 &&
           (reason->part == REASON_H1 || reason->part == REASON_H2 || reason->part == REASON_PATH ||
            reason->part == REASON_FLOOD || reason->part == REASON_HELLO);
}
