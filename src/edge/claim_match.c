#include "edge/claim_match.h"

#include <stdlib.h>

enum claim_order claim_order_of(struct span text, struct span *rest)
{
    static const struct {
        struct span sign;
        enum claim_order order;
    } orders[] = {{SPAN(">="), CLAIM_AT_LEAST},
                  {SPAN("<="), CLAIM_AT_MOST},
                  {SPAN(">"), CLAIM_MORE},
                  {SPAN("<"), CLAIM_LESS}};

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (span_starts_with(text, orders[i].sign)) {
            *rest = span_trim(span_skip(text, orders[i].sign.len));
            return orders[i].order;
        }
    }
    *rest = text;
    return CLAIM_TEXT;
}

bool claim_number(struct span text, double *number)
{
    char copy[64];
    char *end;

    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i]; /* strtod() takes more: hexadecimal, "inf", blanks */
        if (!ascii_is_digit(c) && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E') {
            return false;
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *number = strtod(copy, &end);
    return *end == '\0';
}

struct claim_match claim_match_make(struct span text, struct arena *arena)
{
    struct claim_match match = {0};
    struct span rest;

    match.order = claim_order_of(text, &rest);
    if (match.order == CLAIM_TEXT) {
        match.text = text_match_make(text, arena);
    } else {
        CHECK(claim_number(rest, &match.number));
    }
    return match;
}

enum condition_result claim_match_check(const struct claim_match *match, struct span value,
                                        bool is_number, int64_t *steps)
{
    double number;
    bool holds = false;

    if (match->order == CLAIM_TEXT) {
        return text_match_check(&match->text, value, steps);
    }
    if (!is_number || !claim_number(value, &number)) {
        return CONDITION_FAILS;
    }
    switch (match->order) {
    case CLAIM_AT_LEAST:
        holds = number >= match->number;
        break;
    case CLAIM_MORE:
        holds = number > match->number;
        break;
    case CLAIM_AT_MOST:
        holds = number <= match->number;
        break;
    case CLAIM_LESS:
        holds = number < match->number;
        break;
    case CLAIM_TEXT:
        break;
    }
    return holds ? CONDITION_HOLDS : CONDITION_FAILS;
}
