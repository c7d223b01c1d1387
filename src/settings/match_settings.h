/* Which requests something is for: a route, a rule. See settings.h. */
#ifndef TIDEGATE_SETTINGS_MATCH_SETTINGS_H
#define TIDEGATE_SETTINGS_MATCH_SETTINGS_H

#include "settings/access_settings.h"
#include "settings/place.h"

/* Whom a route is for, by the certificate: one of each list that is not empty. */
struct match_client_settings {
    struct string_list dns;
    struct string_list uri;
    struct string_list email;
    struct string_list subject;
    struct string_list issuer;
    struct place place;
};

/* All that is given must hold. */
struct match_settings {
    /* "/v1/" "*", "*" ".php" or exact. Of a route "/" "*" by default, of a part of one NULL: any.
     */
    const char *path;
    const char *regex;              /* found in the path, too; NULL: any */
    struct string_list methods;     /* empty: all but TRACE and CONNECT */
    struct header_setting *headers; /* the values: text, text*, *text, * or re:... */
    size_t header_count;
    struct header_setting *query;
    size_t query_count;
    struct header_setting *cookies;
    size_t cookie_count;
    struct network_list client_address;
    const char *scheme;             /* "http", "https"; NULL: any */
    struct match_settings *negated; /* `not`; NULL: nothing */
    struct match_settings *any;     /* one of them at least */
    size_t any_count;
    struct match_settings *all;
    size_t all_count;
    struct match_client_settings *client; /* NULL: whoever it is; of a route's part always */
    struct access_match_settings access;  /* of rules of `access` and their parts alone */
    struct place place;
};

#endif
