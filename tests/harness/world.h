/* What surrounds a worker under test, for as many workers as come one after another: a folder of
 * its own, a configuration with its snapshot, the sockets that it is reached at and those of the
 * servers that the test plays. No threads and no descriptors beyond these.
 *
 * In the text of the configuration $DIR stands for the folder and $PORT(NAME) for the port of
 * a server that world_serve_tcp made. Listeners bind to "unix:$DIR/NAME" or "127.0.0.1:0". */
#ifndef TIDEGATE_TESTS_HARNESS_WORLD_H
#define TIDEGATE_TESTS_HARNESS_WORLD_H

#include <stdint.h>

#include "gateway/snapshot.h"
#include "io/sock.h"

#define WORLD_SOCKETS_MAX 16

struct world_server {
    char name[32];
    int fd; /* listens; -1: connections are refused */
    uint16_t port;
};

struct world {
    char folder[64];
    struct settings *settings;
    struct snapshot *snapshot;
    int doors[WORLD_SOCKETS_MAX]; /* the listeners' sockets, in the configuration's order */
    size_t door_count;
    struct world_server servers[WORLD_SOCKETS_MAX];
    size_t server_count;
};

/* An empty one, with a folder. Everything that fails in here is a CHECK. */
struct world *world_open(void);
/* NULL is allowed. No worker uses it any more. */
void world_close(struct world *world);

/* A path in the folder; valid until eight more were asked for. */
const char *world_path(const struct world *world, const char *name);
void world_write_file(struct world *world, const char *name, struct span bytes);
/* A certificate for `host` that signs itself, and its key: $DIR/HOST.crt and $DIR/HOST.key. Good
 * for as long as any test moves the clock. */
void world_write_certificate(struct world *world, const char *host);

/* A server's listening socket: on the Unix socket $DIR/NAME, or on a free port of loopback. The
 * first has everything arrive at once; the second can be reset. */
void world_serve(struct world *world, const char *name);
void world_serve_tcp(struct world *world, const char *name);
/* Connections to it are refused from now on. */
void world_stop_serving(struct world *world, const char *name);
/* And a connection that waits there; -1: none. */
int world_accept(struct world *world, const char *name);

/* Reads the configuration and builds the snapshot; opens the listeners' sockets. */
void world_load(struct world *world, const char *yaml);
/* The next worker has another configuration, with the same sockets of servers. */
void world_load_again(struct world *world, const char *yaml);

#endif
