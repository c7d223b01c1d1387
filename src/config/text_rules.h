/* Rules for single texts, as the directive tables name them. Each takes one text and says whether
 * it can be. */
#ifndef TIDEGATE_CONFIG_TEXT_RULES_H
#define TIDEGATE_CONFIG_TEXT_RULES_H

#include <stdbool.h>

#include "base/span.h"
#include "config/complaint.h"

/* A name of a site, backend or route: letters, digits, '.', '_', '-', and '/' and ':' nowhere, so
 * that it is never taken for an address. */
bool rule_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* What a server's certificate must carry: a host name, or an IP address without brackets. */
bool rule_server_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* A route's path: "/" first, '*' only last, or '*' first; no query. */
bool rule_path_pattern(struct span text, struct complaint *complaint) MUST_CHECK;
/* A method (RFC 9110 section 9.1), never CONNECT. */
bool rule_method(struct span text, struct complaint *complaint) MUST_CHECK;
/* A protocol that Upgrade may name (RFC 9110 section 7.8), such as websocket. */
bool rule_protocol(struct span text, struct complaint *complaint) MUST_CHECK;
/* How the names of scripts end: ".php". */
bool rule_split_path(struct span text, struct complaint *complaint) MUST_CHECK;
/* A protocol's name in TLS (ALPN, RFC 7301), such as h2. */
bool rule_alpn(struct span text, struct complaint *complaint) MUST_CHECK;
/* http:// or https://, as base/url.h reads it. */
bool rule_url(struct span text, struct complaint *complaint) MUST_CHECK;
/* What a request may be sent again for. */
bool rule_retry_on(struct span text, struct complaint *complaint) MUST_CHECK;
/* "200" or "2xx". */
bool rule_statuses(struct span text, struct complaint *complaint) MUST_CHECK;
/* What a request of ours may ask for: a path, perhaps with a query. */
bool rule_target(struct span text, struct complaint *complaint) MUST_CHECK;
/* What Host of a request of ours may say: a host, perhaps with a port. */
bool rule_authority(struct span text, struct complaint *complaint) MUST_CHECK;
/* A single file name, without a folder. */
bool rule_file_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* A system user or group: its name or number. */
bool rule_account(struct span text, struct complaint *complaint) MUST_CHECK;
/* A file to name in another directive: not empty, no control bytes. */
bool rule_path(struct span text, struct complaint *complaint) MUST_CHECK;
/* A path, or the URI of a key in a token (base/key_uri.h). */
bool rule_key(struct span text, struct complaint *complaint) MUST_CHECK;
/* A whole path, of settings/token_files.h. */
bool rule_module_file(struct span text, struct complaint *complaint) MUST_CHECK;
/* A file to include: a path, with wildcards in the file's name alone. */
bool rule_include(struct span text, struct complaint *complaint) MUST_CHECK;
/* A request's field to look at, a cookie, a parameter of a query. */
bool rule_field_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* What stands between quotes in a challenge (RFC 9110 section 11.5). */
bool rule_realm(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_cookie_name(struct span text, struct complaint *complaint) MUST_CHECK;
bool rule_query_name(struct span text, struct complaint *complaint) MUST_CHECK;
/* A field of a response that `respond` may set: a token that is not about the connection or the
 * message's length (RFC 9110 sections 5.1 and 7.6.1), and a value without line breaks. */
bool rule_field(struct span name, struct span value, struct complaint *complaint) MUST_CHECK;

#endif
