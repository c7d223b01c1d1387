#include "config/match_rules.h"

bool rule_regex(struct span text, struct complaint *complaint)
{
    struct arena arena;
    struct error error;
    size_t offset;
    bool is_one;

    arena_init(&arena, 4096);
    is_one = pattern_compile(text, 0, &arena, &error, &offset) != NULL;
    arena_destroy(&arena);
    if (is_one) {
        return true;
    }
    complain(complaint, "%s is no regular expression: %s", quote(text).text, error.text);
    if (offset < text.len) {
        complain_hint(complaint, "it was noticed at byte %zu, before %s", offset + 1,
                      quote(span_skip(text, offset)).text);
        complaint->offset = offset;
    } else {
        complain_hint(complaint, "it was noticed at its end");
    }
    return false;
}
