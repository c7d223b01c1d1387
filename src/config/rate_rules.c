#include "config/rate_rules.h"

#include "config/text_rules.h"
#include "edge/template.h"

/* A word alone would be one key for all, which is most likely not what was meant. */
static bool has_variable(const struct template *template)
{
    for (size_t i = 0; i < template->count; i++) {
        if (template->parts[i].variable != VARIABLE_NONE) {
            return true;
        }
    }
    return false;
}

bool rule_rate_by(struct span text, struct complaint *complaint)
{
    struct template template;
    struct arena arena;
    struct error error;
    bool is_fine;

    if (span_eq(text, SPAN_OF("address")) || span_eq(text, SPAN_OF("exact_address")) ||
        span_eq(text, SPAN_OF("all"))) {
        return true;
    }
    arena_init(&arena, 1024);
    is_fine = template_parse(text, false, &arena, &template, &error);
    if (!is_fine) {
        complain(complaint, "%s: %s", quote(text).text, error.text);
        complain_hint(complaint, "for example by: \"{user}\"");
    } else if (!has_variable(&template)) {
        is_fine = false;
        complain(complaint, "%s is the same for all requests", quote(text).text);
        complain_hint(complaint, "write address, exact_address, all, or a text with variables: by: "
                                 "\"{user}\"");
    }
    arena_destroy(&arena);
    return is_fine;
}

bool rule_ban_of(struct span text, struct complaint *complaint)
{
    struct complaint ignored;

    if (span_eq(text, SPAN_OF("bad_request")) || span_eq(text, SPAN_OF("handshake")) ||
        rule_statuses(text, &ignored)) {
        return true;
    }
    complain(complaint, "%s is nothing that could be counted", quote(text).text);
    return complain_hint(complaint, "write statuses, such as 404 or 4xx, bad_request or handshake");
}
