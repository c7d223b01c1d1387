#include "config/match_rules.h"

#include "config/address.h"
#include "config/text_rules.h"
#include "edge/condition.h"
#include "edge/field_senders.h"
#include "edge/host_table.h"

static bool is_pattern(struct span text, unsigned flags, struct complaint *complaint)
{
    struct arena arena;
    struct error error;
    size_t offset;
    bool is_one;

    arena_init(&arena, 4096);
    is_one = pattern_compile(text, flags, &arena, &error, &offset) != NULL;
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

bool rule_regex(struct span text, struct complaint *complaint)
{
    return is_pattern(text, 0, complaint);
}

bool rule_host(struct span text, struct complaint *complaint)
{
    size_t mark = host_is_pattern(text);

    if (mark == 0) {
        return host_check(text, complaint);
    }
    if (is_pattern(span_skip(text, mark), HOST_PATTERN_FLAGS, complaint)) {
        return true;
    }
    complaint->offset += complaint->offset != 0 ? mark : 0;
    return false;
}

/* A '*' within is most likely meant for one of them. */
static bool is_value(struct span value, struct complaint *complaint)
{
    size_t mark = text_match_is_pattern(value);
    struct span rest = value;

    if (mark != 0) {
        return rule_regex(span_skip(value, mark), complaint);
    }
    if (rest.len != 0 && rest.ptr[rest.len - 1] == '*') {
        rest.len--;
    } else if (rest.len != 0 && rest.ptr[0] == '*') {
        rest = span_skip(rest, 1);
    }
    if (span_find(rest, '*') != rest.len) {
        complain(complaint, "%s has '*' within", quote(value).text);
        return complain_hint(complaint, "'*' is the end or the beginning of a value; for more "
                                        "write a regular expression: \"re:...\", where a '*' as "
                                        "such is \\*");
    }
    return true;
}

bool rule_match_value(struct span text, struct complaint *complaint)
{
    return is_value(text, complaint);
}

bool rule_match_header(struct span name, struct span value, struct complaint *complaint)
{
    if (!rule_field_name(name, complaint)) {
        return complain_hint(complaint, "for example headers: { X-Debug: \"on\" }");
    }
    if (field_sender(name) == FIELD_FROM_NOBODY) {
        complain(complaint, "no request has a field %s that could be trusted", quote(name).text);
        return complain_hint(complaint, "the gateway writes it itself: by certificates routes are "
                                        "told apart with match.client");
    }
    return is_value(value, complaint);
}

bool rule_match_query(struct span name, struct span value, struct complaint *complaint)
{
    return rule_query_name(name, complaint) && is_value(value, complaint);
}

bool rule_match_cookie(struct span name, struct span value, struct complaint *complaint)
{
    return rule_cookie_name(name, complaint) && is_value(value, complaint);
}
