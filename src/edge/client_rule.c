#include "edge/client_rule.h"

/* Case does not count, and a wildcard stands for one label, as in certificates (RFC 9525 section
 * 6.3). A wildcard in the certificate itself is a name like any other: it says nothing about who
 * the client is. */
static bool dns_matches(struct span pattern, struct span name)
{
    size_t dot;

    if (!span_starts_with(pattern, SPAN_OF("*."))) {
        return span_ieq(pattern, name);
    }
    dot = span_find(name, '.');
    return dot != 0 && dot < name.len && !span_eq(span_head(name, dot), SPAN_OF("*")) &&
           span_ieq(span_skip(pattern, 1), span_skip(name, dot));
}

/* RFC 3986 would let the scheme and the host differ by case; SPIFFE IDs may not, and a rule about
 * identity had better be exact. */
static bool uri_matches(struct span pattern, struct span name)
{
    if (pattern.len != 0 && pattern.ptr[pattern.len - 1] == '*') {
        return span_starts_with(name, span_head(pattern, pattern.len - 1));
    }
    return span_eq(pattern, name);
}

/* The local part counts with its case, the host without (RFC 5280 section 7.5). */
static bool email_matches(struct span pattern, struct span name)
{
    size_t pattern_at = span_find(pattern, '@');
    size_t at = span_find(name, '@');

    if (at >= name.len || pattern_at >= pattern.len ||
        !span_ieq(span_skip(pattern, pattern_at), span_skip(name, at))) {
        return false;
    }
    return span_eq(span_head(pattern, pattern_at), SPAN_OF("*")) ||
           span_eq(span_head(pattern, pattern_at), span_head(name, at));
}

static bool subject_matches(struct span pattern, struct span name)
{
    return span_eq(pattern, name);
}

static bool list_fits(const struct client_name_list *patterns, const struct client_name_list *names,
                      bool (*matches)(struct span pattern, struct span name))
{
    for (size_t p = 0; p < patterns->count; p++) {
        for (size_t n = 0; n < names->count; n++) {
            if (matches(patterns->items[p], names->items[n])) {
                return true;
            }
        }
    }
    return patterns->count == 0;
}

bool client_rule_fits(const struct client_rule *rule, const struct client_names *client)
{
    if (client == NULL) {
        return false;
    }
    struct client_name_list subject = {&client->subject, 1};
    struct client_name_list issuer = {&client->issuer, 1};
    return list_fits(&rule->dns, &client->dns, dns_matches) &&
           list_fits(&rule->uris, &client->uris, uri_matches) &&
           list_fits(&rule->emails, &client->emails, email_matches) &&
           list_fits(&rule->subjects, &subject, subject_matches) &&
           list_fits(&rule->issuers, &issuer, subject_matches);
}
