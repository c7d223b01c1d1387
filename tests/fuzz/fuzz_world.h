/* A worker with everything behind it, for fuzz targets that drive whole requests: a configuration
 * with a route of each kind, and two servers (HTTP/1.1 and HTTP/2) that listen on Unix sockets,
 * which the target plays itself. Header only, as each target is one program of one file. */
#ifndef TIDEGATE_FUZZ_WORLD_H
#define TIDEGATE_FUZZ_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "gateway/front_h2.h"
#include "gateway/session.h"

/* What the two servers' sockets and the served file lie in; removed at the end. */
static struct {
    char folder[64];
    char h1_path[80];
    char h2_path[80];
    char file_path[80];
    int h1_fd; /* listening */
    int h2_fd;
    struct settings *settings;
    struct snapshot *snapshot;
} world = {.h1_fd = -1, .h2_fd = -1};

static void world_remove(void)
{
    (void)unlink(world.h1_path);
    (void)unlink(world.h2_path);
    (void)unlink(world.file_path);
    (void)rmdir(world.folder);
    snapshot_release(world.snapshot);
    settings_destroy(world.settings);
}

static int world_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 64) == 0);
    return fd;
}

static void world_make_file(void)
{
    FILE *file = fopen(world.file_path, "w");

    CHECK(file != NULL);
    for (int i = 0; i < 1000; i++) {
        (void)fprintf(file, "line %d\n", i);
    }
    CHECK(fclose(file) == 0);
}

/* Times are short, so that what waits for one is over soon. */
static void world_make_snapshot(void)
{
    static char text[4096];
    struct config_report report;

    (void)snprintf(
        text, sizeof(text),
        "listeners: [ { bind: \"127.0.0.1:1\", proxy_protocol_from: [unix, 127.0.0.0/8] } ]\n"
        "trusted_proxies: [10.0.0.0/8]\n"
        "backends:\n"
        "  - { name: one, servers: [\"unix:%s\"], response_timeout: 100ms }\n"
        "  - { name: two, servers: [\"unix:%s\"], protocol: h2c, response_timeout: 100ms }\n"
        "  - { name: headed, servers: [\"unix:%s\"], proxy_protocol: v2, response_timeout: 100ms "
        "}\n"
        "sites: [ { hosts: [\"*\"], routes: [\n"
        "    { match: { path: /1* }, backend: one, upgrade: [websocket, tcp] },\n"
        "    { match: { path: /2* }, backend: two },\n"
        "    { match: { path: /3* }, backend: headed },\n"
        "    { match: { path: /file.txt }, files: %s },\n"
        "    { match: { path: /echo }, respond: { echo: true } },\n"
        "    { match: { path: /* }, respond: { body: hello }, body_limit: 1k } ] },\n"
        "  { hosts: [pass.test], passthrough: \"unix:%s\" } ]\n"
        "timeouts: { first_byte: 100ms, head: 100ms, body: 100ms, send: 100ms, keep_alive: 100ms "
        "}\n"
        "limits: { head: 4k, fields: 80, target: 256, streams: 8 }\n"
        "log: { access: \"off\" }\n",
        world.h1_path, world.h2_path, world.h1_path, world.folder, world.h1_path);
    config_report_init(&report);
    world.settings = config_load_text(span_from_cstr(text), "fuzz.yaml", &report);
    if (world.settings != NULL) {
        world.snapshot = snapshot_create(world.settings, &report);
    }
    if (world.snapshot == NULL) {
        config_report_print(&report, stderr, false);
        abort();
    }
    config_report_free(&report);
}

/* Once for all inputs. */
static void world_make(void)
{
    if (world.snapshot != NULL) {
        return;
    }
    log_set_level(LOG_LEVEL_ERROR);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(world.folder, sizeof(world.folder), "/tmp/tidegate-fuzz-XXXXXX");
    CHECK(mkdtemp(world.folder) != NULL);
    (void)snprintf(world.h1_path, sizeof(world.h1_path), "%s/h1", world.folder);
    (void)snprintf(world.h2_path, sizeof(world.h2_path), "%s/h2", world.folder);
    (void)snprintf(world.file_path, sizeof(world.file_path), "%s/file.txt", world.folder);
    world.h1_fd = world_listen(world.h1_path);
    world.h2_fd = world_listen(world.h2_path);
    world_make_file();
    world_make_snapshot();
    (void)atexit(world_remove);
}

static int world_accept(int fd)
{
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* What the gateway does not take is of no interest. */
static void world_put(int fd, const void *bytes, size_t len)
{
    if (fd >= 0 && len != 0) {
        (void)!send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* Returns whether anything came. */
static bool world_sink(int fd)
{
    char bytes[65536];
    bool any = false;

    while (fd >= 0 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        any = true;
    }
    return any;
}

static void world_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* A session on one end of a socket pair; returns the other end. */
static int world_connect(struct worker *worker, struct worker_socket *listening)
{
    struct sock_address unnamed = {0};
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    *listening =
        (struct worker_socket){.worker = worker, .listener = &world.snapshot->listeners[0]};
    session_create(worker, listening, pair[0], &unnamed);
    return pair[1];
}

/* Connections that were made and never accepted must not be the next input's. */
static void world_refuse_the_rest(void)
{
    int fd;

    while ((fd = world_accept(world.h1_fd)) >= 0 || (fd = world_accept(world.h2_fd)) >= 0) {
        (void)close(fd);
    }
}

#endif
