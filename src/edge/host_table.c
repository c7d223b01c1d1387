#include "edge/host_table.h"

#include <arpa/inet.h>
#include <stdio.h>

void host_table_init(struct host_table *table)
{
    map_init(&table->exact);
    map_init(&table->wildcard);
    table->fallback = NULL;
}

void host_table_free(struct host_table *table)
{
    map_free(&table->exact);
    map_free(&table->wildcard);
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
    if (span_starts_with(pattern, SPAN_OF("*."))) {
        return map_add(&table->wildcard, span_skip(pattern, 2), site) == NULL;
    }
    return map_add(&table->exact, pattern, site) == NULL;
}

void *host_table_find_how(const struct host_table *table, struct span host, enum host_match *how)
{
    void *site = NULL;
    char text[HOST_ADDRESS_MAX];

    host = host_canonical(without_last_dot(host), text);
    *how = HOST_MATCH_EXACT;
    if (host.len != 0) {
        site = map_find(&table->exact, host);
    }
    if (site == NULL && host.len != 0) {
        size_t dot = span_find(host, '.');
        /* The star stands for one label, which is not empty. */
        if (dot != 0 && dot + 1 < host.len) {
            *how = HOST_MATCH_WILDCARD;
            site = map_find(&table->wildcard, span_skip(host, dot + 1));
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
