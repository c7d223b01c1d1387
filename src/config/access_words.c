#include "config/access_words.h"

#include "config/match_rules.h"
#include "edge/claim_match.h"
#include "edge/hours.h"

bool rule_access_name(struct span text, struct complaint *complaint)
{
    if (text.len == 0) {
        complain(complaint, "an empty name, which nobody has");
        return complain_hint(complaint, "write a name, or \"*\" for any");
    }
    return rule_match_value(text, complaint);
}

bool rule_claim_value(struct span name, struct span value, struct complaint *complaint)
{
    struct span rest;
    double number;

    if (name.len == 0 || name.ptr[0] == '.' || name.ptr[name.len - 1] == '.') {
        complain(complaint, "%s is no claim's path", quote(name).text);
        return complain_hint(complaint, "for example claims: { realm_access.roles: admin }");
    }
    if (claim_order_of(value, &rest) == CLAIM_TEXT) {
        return rule_match_value(value, complaint);
    }
    if (claim_number(rest, &number)) {
        return true;
    }
    complain(complaint, "%s has no number behind its sign", quote(value).text);
    return complain_hint(complaint, "for example claims: { level: \">= 3\" }; a text that begins "
                                    "so is \"re:^>\"");
}

bool rule_country(struct span text, struct complaint *complaint)
{
    bool is_code = text.len == 2 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' &&
                   text.ptr[1] >= 'A' && text.ptr[1] <= 'Z';

    if (is_code || span_eq(text, SPAN_OF("unknown"))) {
        return true;
    }
    complain(complaint, "%s is no country", quote(text).text);
    return complain_hint(complaint, "write two capital letters (ISO 3166-1), such as DE, or "
                                    "'unknown'");
}

bool rule_time_of_day_end(struct span text, struct complaint *complaint)
{
    unsigned minutes;

    if (hours_parse_time(text, &minutes)) {
        return true;
    }
    complain(complaint, "%s is no time of day", quote(text).text);
    return complain_hint(complaint, "write hours and minutes in quotes, \"08:00\" to \"24:00\"");
}

bool rule_time_of_day(struct span text, struct complaint *complaint)
{
    unsigned minutes;

    if (hours_parse_time(text, &minutes) && minutes < HOURS_DAY_MINUTES) {
        return true;
    }
    complain(complaint, "%s is no time at which something begins", quote(text).text);
    return complain_hint(complaint, "write hours and minutes in quotes, \"00:00\" to \"23:59\"");
}

bool rule_days(struct span text, struct complaint *complaint)
{
    unsigned days = 0;

    if (hours_parse_days(text, &days)) {
        return true;
    }
    complain(complaint, "%s is no day of the week", quote(text).text);
    return complain_hint(complaint,
                         "write mon, tue, wed, thu, fri, sat or sun, or a range: mon-fri");
}
