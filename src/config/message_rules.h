/* Rules for what the configuration says of requests and responses: fields, redirects, rewrites. As
 * those of text_rules.h. */
#ifndef TIDEGATE_CONFIG_MESSAGE_RULES_H
#define TIDEGATE_CONFIG_MESSAGE_RULES_H

#include <stdbool.h>

#include "base/span.h"
#include "config/complaint.h"

/* A field that requests, or responses, may get, with a value that may have variables
 * (edge/template.h). */
bool rule_request_field(struct span name, struct span value,
                        struct complaint *complaint) MUST_CHECK;
bool rule_response_field(struct span name, struct span value,
                         struct complaint *complaint) MUST_CHECK;
/* A field's name, or the beginning of names with '*' behind it. */
bool rule_request_field_pattern(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_response_field_pattern(struct span text, struct complaint *complaint) MUST_CHECK;
/* A member of the access log's lines, with a value that may have variables. */
bool rule_log_field(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;
/* A parameter of FastCGI requests that the gateway does not say itself, with variables. */
bool rule_fastcgi_param(struct span name, struct span value,
                        struct complaint *complaint) MUST_CHECK;
/* A line of the access log, with variables. */
bool rule_log_template(struct span text, struct complaint *complaint) MUST_CHECK;
/* Paths whose requests the log leaves out; which of them it has; where it is written. */
bool rule_log_path(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_sample(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_log_place(struct span text, struct complaint *complaint) MUST_CHECK;
/* "1 of 100". False: it is not of that form, or its numbers cannot be. */
#define SAMPLE_MAX 1000000
bool sample_parse(struct span text, unsigned *taken, unsigned *of) MUST_CHECK;
/* What the cache tells requests by; a parameter that it does not, perhaps with '*' at its end. */
bool rule_cache_key(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_cache_parameter(struct span text, struct complaint *complaint) MUST_CHECK;
/* A name of a query's parameter. */
bool rule_parameter(struct span text, struct complaint *complaint) MUST_CHECK;
/* A content coding that we have; a media type, or a pattern of them. */
bool rule_encoding(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_media_type_pattern(struct span text, struct complaint *complaint) MUST_CHECK;
/* Where a redirect leads: a URL, or a path, with variables. */
bool rule_redirect_target(struct span text, struct complaint *complaint) MUST_CHECK;
/* A path to look for a file by, with variables. */
/* What replaces a part of a path: a piece of one, with variables. */
bool rule_replacement(struct span text, struct complaint *complaint) MUST_CHECK;
/* A query, with variables. */
bool rule_rewrite_query(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_try(struct span text, struct complaint *complaint) MUST_CHECK;
/* A field that names the client. */
bool rule_address_field(struct span text, struct complaint *complaint) MUST_CHECK;
/* What stands at the beginning of a path: "/api". */
bool rule_path_prefix(struct span text, struct complaint *complaint) MUST_CHECK;

#endif
