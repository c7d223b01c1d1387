/* Rows of methods of `auth` that take tokens. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_TOKENS_H
#define TIDEGATE_CONFIG_DIRECTIVES_TOKENS_H

#include "config/auth_rules.h"
#include "config/directives_internal.h"
#include "config/text_rules.h"

/* Where a token is shown, and what is said of it (struct bearer_settings). */
#define BEARER_ROWS(object)                                                                        \
    {.name = "field",                                                                              \
     .type = DIRECTIVE_TEXT,                                                                       \
     SLOT(object, bearer.field),                                                                   \
     .min = 1,                                                                                     \
     .max = NAME_BYTES_MAX,                                                                        \
     .check = rule_field_name,                                                                     \
     .doc = "A field that may have the token, besides `Authorization: Bearer`.",                   \
     .example = "field: X-Access-Token"},                                                          \
        {.name = "cookie",                                                                         \
         .type = DIRECTIVE_TEXT,                                                                   \
         SLOT(object, bearer.cookie),                                                              \
         .min = 1,                                                                                 \
         .max = NAME_BYTES_MAX,                                                                    \
         .check = rule_cookie_name,                                                                \
         .doc = "A cookie that may have it.",                                                      \
         .more = "Browsers send cookies along with requests that other sites cause: see "          \
                 "`SameSite` of whoever sets it.",                                                 \
         .example = "cookie: access_token"},                                                       \
        {.name = "realm",                                                                          \
         .type = DIRECTIVE_TEXT,                                                                   \
         SLOT(object, bearer.realm),                                                               \
         .fallback = "restricted",                                                                 \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .check = rule_realm,                                                                      \
         .pattern = "^[ !#-[\\]-~]+$",                                                             \
         .doc = "What `WWW-Authenticate` calls what is asked for.",                                \
         .example = "realm: API"},                                                                 \
    {                                                                                              \
        .name = "pass_credentials", .type = DIRECTIVE_BOOL, SLOT(object, bearer.pass_credentials), \
        .fallback = "false", .doc = "Servers get the token, too.",                                 \
        .example = "pass_credentials: true"                                                        \
    }

/* What of a token, or of an answer about one, is the user's. */
#define CLAIM(object, member, of, what, words)                                                     \
    .name = of, .type = DIRECTIVE_TEXT, SLOT(object, member), .min = 1, .max = 256,                \
    .check = rule_claim, .fallback = what, .example = of ": " words

#endif
