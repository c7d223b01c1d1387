#include "edge/host_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

void host_table_init(struct host_table *table)
{
    map_init(&table->exact);
    map_init(&table->wildcard);
    map_init(&table->any_depth);
    table->has_any_depth = false;
    table->patterns = NULL;
    table->pattern_count = 0;
    table->fallback = NULL;
}

void host_table_free(struct host_table *table)
{
    map_free(&table->exact);
    map_free(&table->wildcard);
    map_free(&table->any_depth);
    free(table->patterns);
    table->patterns = NULL;
    table->pattern_count = 0;
    table->fallback = NULL;
}

/* As inet_pton takes it, which wants a string. */
static bool to_address(struct span host, int family, void *address)
{
    char text[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.ptr, '\0', host.len) != NULL) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, address) == 1;
}

static struct span without_brackets(struct span host)
{
    bool has_both = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

    return has_both ? span_make(host.ptr + 1, host.len - 2) : host;
}

/* What ends in no digit is no IPv4 address, what has no colon no IPv6 one: so of a name, as nearly
 * all are, inet_pton is not asked. */
bool host_is_address(struct span host)
{
    struct in6_addr address;
    bool may_be_ipv4 = host.len != 0 && ascii_is_digit(host.ptr[host.len - 1]);

    return (may_be_ipv4 && to_address(host, AF_INET, &address)) ||
           (span_find(host, ':') != host.len &&
            to_address(without_brackets(host), AF_INET6, &address));
}

struct span host_canonical(struct span host, char text[HOST_ADDRESS_MAX])
{
    struct in6_addr address;
    char plain[INET6_ADDRSTRLEN];

    /* Names have no colon, so most are done here. */
    if (span_find(host, ':') == host.len ||
        !to_address(without_brackets(host), AF_INET6, &address) ||
        inet_ntop(AF_INET6, &address, plain, sizeof(plain)) == NULL) {
        return host;
    }
    int len = snprintf(text, HOST_ADDRESS_MAX, "[%s]", plain);
    return span_make(text, (size_t)len);
}

static struct span without_last_dot(struct span host)
{
    if (host.len > 1 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    return host;
}

bool host_table_add(struct host_table *table, struct span pattern, void *site)
{
    CHECK(site != NULL);
    pattern = without_last_dot(pattern);
    if (span_eq(pattern, SPAN_OF("*"))) {
        bool is_new = table->fallback == NULL;
        if (is_new) {
            table->fallback = site;
        }
        return is_new;
    }
    if (span_starts_with(pattern, SPAN_OF("**."))) {
        table->has_any_depth = true;
        return map_add(&table->any_depth, span_skip(pattern, 3), site) == NULL;
    }
    if (span_starts_with(pattern, SPAN_OF("*."))) {
        return map_add(&table->wildcard, span_skip(pattern, 2), site) == NULL;
    }
    return map_add(&table->exact, pattern, site) == NULL;
}

size_t host_is_pattern(struct span pattern)
{
    return span_starts_with(pattern, SPAN_OF("re:")) ? 3 : 0;
}

void host_table_add_pattern(struct host_table *table, const struct pattern *pattern, void *site)
{
    table->patterns =
        xrealloc(table->patterns, (table->pattern_count + 1) * sizeof(*table->patterns));
    table->patterns[table->pattern_count++] = (struct host_pattern){pattern, site};
}

/* The star stands for one label, which is not empty. */
static void *find_wildcard(const struct host_table *table, struct span host)
{
    size_t dot = span_find(host, '.');

    return dot != 0 && dot + 1 < host.len ? map_find(&table->wildcard, span_skip(host, dot + 1))
                                          : NULL;
}

/* Labels that are empty are none: "a..example.com" is no name below example.com. A name has 127
 * labels at most; what is longer than any is no name. */
static void *find_any_depth(const struct host_table *table, struct span host)
{
    void *site = NULL;

    if (LIKELY(!table->has_any_depth) || host.len > 255) {
        return NULL;
    }
    while (site == NULL) {
        size_t dot = span_find(host, '.');
        if (dot == 0 || dot + 1 >= host.len) {
            return NULL;
        }
        host = span_skip(host, dot + 1);
        site = map_find(&table->any_depth, host);
    }
    return site;
}

/* False: it is not known which one it is. */
static bool find_pattern(const struct host_table *table, struct span host, void **site)
{
    int64_t steps = 4 * PATTERN_STEPS_MAX;

    for (size_t i = 0; i < table->pattern_count; i++) {
        switch (pattern_search_within(table->patterns[i].pattern, host, NULL, &steps)) {
        case PATTERN_FOUND:
            *site = table->patterns[i].site;
            return true;
        case PATTERN_EXCEEDED:
            return false;
        case PATTERN_NOT_FOUND:
            break;
        }
    }
    return true;
}

void *host_table_find_how(const struct host_table *table, struct span host, enum host_match *how)
{
    void *site = NULL;
    char text[HOST_ADDRESS_MAX];

    host = host_canonical(without_last_dot(host), text);
    if (host.len != 0) {
        *how = HOST_MATCH_EXACT;
        site = map_find(&table->exact, host);
        if (site == NULL) {
            *how = HOST_MATCH_WILDCARD;
            site = find_wildcard(table, host);
        }
        if (site == NULL) {
            *how = HOST_MATCH_ANY_DEPTH;
            site = find_any_depth(table, host);
        }
        if (site == NULL) {
            *how = HOST_MATCH_PATTERN;
            if (!find_pattern(table, host, &site)) {
                *how = HOST_MATCH_NONE;
                return NULL;
            }
        }
    }
    if (site == NULL) {
        site = table->fallback;
        *how = site != NULL ? HOST_MATCH_DEFAULT : HOST_MATCH_NONE;
    }
    return site;
}

void *host_table_find_address(const struct host_table *table, struct span address)
{
    char text[HOST_ADDRESS_MAX];

    return address.len != 0 ? map_find(&table->exact, host_canonical(address, text)) : NULL;
}

void *host_table_find(const struct host_table *table, struct span host)
{
    enum host_match how;

    return host_table_find_how(table, host, &how);
}
