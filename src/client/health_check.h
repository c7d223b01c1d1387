/* One check of one server: whether it can be reached, and answers as one that is well does. Over
 * the same dial and call as traffic, with the TLS of its backend and a PROXY header that names
 * nobody where there is one; each on a connection of its own.
 *
 *   health_check_start --> on_done, once, from the loop; the check is freed behind it
 *
 * Everything has a bound: the time as a whole, the head (the client's settings) and 64 KiB of the
 * body. Runs on the loop of the client it is given. */
#ifndef TIDEGATE_CLIENT_HEALTH_CHECK_H
#define TIDEGATE_CLIENT_HEALTH_CHECK_H

#include "client/client.h"
#include "settings/settings.h"

/* Of a body, looked at for what it must hold. */
#define HEALTH_CHECK_BODY_MAX ((size_t)64 * 1024)

struct health_check;

struct health_check_ask {
    const struct backend *backend;
    const struct server *server; /* one of its; copied */
    uint64_t timeout_ms;
    bool is_plain;                          /* connects without TLS, whatever the backend has */
    const struct check_http_settings *http; /* NULL, and grpc too: it connects */
    const struct check_grpc_settings *grpc;
    const struct check_connect_settings
        *talk;     /* of one that only connects; NULL: it says nothing */
    uint16_t port; /* 0: the server's own */
};

/* The ask's parts live as long as the check. The answer is valid until on_done returns. */
struct health_check *
health_check_start(struct client *client, const struct health_check_ask *ask, void *owner,
                   void (*on_done)(void *owner, const struct health_answer *answer));
/* on_done is not called any more. Not after it; NULL is allowed. */
void health_check_cancel(struct health_check *check);

#endif
