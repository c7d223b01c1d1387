#include "edge/host_table.h"

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

    host = without_last_dot(host);
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

void *host_table_find(const struct host_table *table, struct span host)
{
    enum host_match how;

    return host_table_find_how(table, host, &how);
}
