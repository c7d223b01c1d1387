/* Which requests may pass: what a site, a route or a policy that they share says of it. See
 * settings.h. */
#ifndef TIDEGATE_SETTINGS_ACCESS_SETTINGS_H
#define TIDEGATE_SETTINGS_ACCESS_SETTINGS_H

#include <stdbool.h>

#include "settings/choices.h"
#include "settings/place.h"

struct match_settings;
struct policy_settings;

/* A part of each day, or of some days. */
struct hours_settings {
    const char *from;        /* "08:00" */
    const char *until;       /* "18:00": the first minute that does not belong to it; before `from`:
                                of the next day */
    struct string_list days; /* "mon", "mon-fri": on which it begins; empty: every day */
    enum hours_zone zone;
    struct place place;
};

/* What rules compare besides what routes do. Part of struct match_settings; of routes nothing. */
struct access_match_settings {
    const char *who; /* "all", "known"; NULL: not said */
    struct string_list users;
    struct string_list groups;
    struct string_list scopes;
    struct header_setting *claims; /* texts as of fields, or ">= 3" */
    size_t claim_count;
    struct string_list countries; /* "DE", or "unknown" */
    const char *address_file;     /* networks, one in a line; NULL: none */
    struct hours_settings *hours; /* NULL: always */
};

/* One of `allow`, `deny` and `policy`. */
struct access_rule_settings {
    const char *name; /* for people: as written, or made of where it stands */
    struct match_settings *allow;
    struct match_settings *deny;
    const char *policy;                   /* as written; use `shared` */
    const struct policy_settings *shared; /* whose rules stand here; NULL: its own */
    struct place place;
};

struct access_settings {
    struct access_rule_settings *rules;
    size_t count;
    bool is_given; /* with no rules: nobody may pass */
};

struct policy_settings {
    const char *name;
    struct access_rule_settings *rules; /* none of which has a policy */
    size_t rule_count;
    struct place place;
};

#endif
