#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/h2_walk.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* A preface; HEADERS; DATA of 3 bytes, empty DATA, SETTINGS; PRIORITY of 3 on 3; one of 4 bytes. */
static const uint8_t input[] = PREFACE "\0\0\2\1\4\0\0\0\1hh"
                                       "\0\0\3\0\0\0\0\0\1abc"
                                       "\0\0\0\0\1\0\0\0\5"
                                       "\0\0\0\4\0\0\0\0\0"
                                       "\0\0\5\2\0\0\0\0\3\x80\0\0\3w"
                                       "\0\0\4\2\0\0\0\0\7abcd"
                                       "\0\0\1\x77\0\0\0\0\0z";
#define INPUT_BYTES (sizeof(input) - 1)

static const struct h2_walk_part expected[] = {
    {.kind = H2_WALK_DATA, .stream = 1, .dependency = -1},
    {.kind = H2_WALK_DATA, .stream = 5, .dependency = -1},
    {.kind = H2_WALK_PRIORITY, .stream = 3, .dependency = 3},
    {.kind = H2_WALK_PRIORITY, .stream = 7, .dependency = -1},
};
/* Where those begin. */
static const size_t begins[] = {35, 47, 65, 79};

struct seen {
    uint8_t bytes[INPUT_BYTES];
    size_t len;
    size_t watched;
};

/* Each frame comes to be judged when all before it has been handed on, and nothing of it. */
static void feed(struct h2_walk *walk, struct span piece, struct seen *seen)
{
    struct h2_walk_part part;

    while (h2_walk_next(walk, &piece, &part)) {
        assert_true(part.bytes.len != 0);
        if (part.is_watched) {
            assert_true(seen->watched < sizeof(expected) / sizeof(expected[0]));
            assert_int_equal(seen->len, begins[seen->watched]);
            assert_int_equal(part.kind, expected[seen->watched].kind);
            assert_int_equal(part.stream, expected[seen->watched].stream);
            assert_int_equal(part.dependency, expected[seen->watched].dependency);
            seen->watched++;
        }
        assert_true(seen->len + part.bytes.len <= sizeof(seen->bytes));
        memcpy(seen->bytes + seen->len, part.bytes.ptr, part.bytes.len);
        seen->len += part.bytes.len;
    }
    assert_int_equal(piece.len, 0);
}

/* In two pieces, split anywhere; and in pieces of every length. */
static void frames_are_found_however_they_come(void **state)
{
    (void)state;
    for (size_t size = 1; size <= INPUT_BYTES; size++) {
        struct h2_walk walk;
        struct seen seen = {.len = 0};
        h2_walk_init(&walk, sizeof(PREFACE) - 1);
        for (size_t at = 0; at < INPUT_BYTES; at += size) {
            size_t n = INPUT_BYTES - at < size ? INPUT_BYTES - at : size;
            uint8_t *copy = malloc(n); /* so that a byte too many is seen */
            assert_non_null(copy);
            memcpy(copy, input + at, n);
            feed(&walk, span_make(copy, n), &seen);
            free(copy);
        }
        assert_int_equal(seen.len, INPUT_BYTES);
        assert_memory_equal(seen.bytes, input, INPUT_BYTES);
        assert_int_equal(seen.watched, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_found_however_they_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
