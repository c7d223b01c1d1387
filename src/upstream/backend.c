#include "upstream/backend.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

void server_publish(struct server *server, const struct sock_address *items, size_t count)
{
    struct server_addresses *fresh = xcalloc(1, sizeof(*fresh));

    fresh->count = count < SERVER_ADDRESSES_MAX ? count : SERVER_ADDRESSES_MAX;
    memcpy(fresh->items, items, fresh->count * sizeof(*items));
    fresh->older = atomic_load_explicit(&server->addresses, memory_order_relaxed);
    atomic_store_explicit(&server->addresses, fresh, memory_order_release);
}

void server_free_addresses(struct server *server)
{
    struct server_addresses *at = atomic_load_explicit(&server->addresses, memory_order_relaxed);

    while (at != NULL) {
        struct server_addresses *older = at->older;
        free(at);
        at = older;
    }
    atomic_store_explicit(&server->addresses, NULL, memory_order_relaxed);
}

bool server_resolve(struct server *server, struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct sock_address items[SERVER_ADDRESSES_MAX];
    size_t count = 0;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", server->port);
    int result = getaddrinfo(server->host, port, &hints, &found);
    if (result != 0) {
        return error_set(error, "cannot resolve %s: %s", server->host, gai_strerror(result));
    }
    for (struct addrinfo *at = found; at != NULL && count < SERVER_ADDRESSES_MAX;
         at = at->ai_next) {
        if (at->ai_addrlen > sizeof(items[0].v6)) {
            continue;
        }
        items[count] = (struct sock_address){.len = at->ai_addrlen};
        memcpy(&items[count].any, at->ai_addr, at->ai_addrlen);
        count++;
    }
    freeaddrinfo(found);
    if (count == 0) {
        return error_set(error, "%s has no IPv4 or IPv6 address", server->host);
    }
    server_publish(server, items, count);
    return true;
}
