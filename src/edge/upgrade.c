#include "edge/upgrade.h"

static bool is_allowed(struct span protocol, const char *const *allowed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_ieq(protocol, span_from_cstr(allowed[i]))) {
            return true;
        }
    }
    return false;
}

static struct span append(struct span list, struct span protocol, struct arena *arena)
{
    if (list.ptr == NULL) {
        return protocol;
    }
    return span_from_cstr(arena_printf(arena, "%.*s, %.*s", SPAN_ARG(list), SPAN_ARG(protocol)));
}

/* A list of many would be copied for each of them: what is in it beyond these is dropped unseen. */
#define PROTOCOLS_MAX 16

struct upgrade_choice upgrade_choose(struct span offered, const char *const *allowed, size_t count,
                                     struct arena *arena)
{
    struct upgrade_choice choice = {{NULL, 0}, {NULL, 0}};
    struct span rest = offered;
    struct span protocol;

    for (size_t seen = 0; seen < PROTOCOLS_MAX && span_split(&rest, ',', &protocol);) {
        protocol = span_trim(protocol);
        if (protocol.len == 0) {
            continue;
        }
        seen++;
        if (is_allowed(protocol, allowed, count)) {
            choice.passed = append(choice.passed, protocol, arena);
        } else {
            choice.dropped = append(choice.dropped, protocol, arena);
        }
    }
    return choice;
}

struct span upgrade_first(struct span list)
{
    struct span one;

    while (span_split(&list, ',', &one)) {
        one = span_trim(one);
        if (one.len != 0) {
            return one;
        }
    }
    return span_make(NULL, 0);
}

bool upgrade_has(struct span list, struct span protocol)
{
    struct span one;

    while (span_split(&list, ',', &one)) {
        one = span_trim(one);
        if (one.len != 0 && span_ieq(one, protocol)) {
            return true;
        }
    }
    return false;
}
