#include "world.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "unit/tls_test.h"

#define BACKLOG 64
#define PATHS 8

struct world *world_open(void)
{
    struct world *world = xcalloc(1, sizeof(*world));

    log_set_level(LOG_LEVEL_ERROR);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/tidegate-world-XXXXXX");
    CHECK(mkdtemp(world->folder) != NULL);
    return world;
}

const char *world_path(const struct world *world, const char *name)
{
    static char paths[PATHS][128];
    static unsigned next;
    char *path = paths[next++ % PATHS];

    CHECK(snprintf(path, sizeof(paths[0]), "%s/%s", world->folder, name) < (int)sizeof(paths[0]));
    return path;
}

void world_write_file(struct world *world, const char *name, struct span bytes)
{
    FILE *file = fopen(world_path(world, name), "w");

    CHECK(file != NULL && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    CHECK(fclose(file) == 0);
}

/* What was written to memory. */
static void write_memory(struct world *world, const char *host, const char *ending, BIO *memory)
{
    char name[64];
    char *bytes;
    long len = BIO_get_mem_data(memory, &bytes);

    CHECK(snprintf(name, sizeof(name), "%s.%s", host, ending) < (int)sizeof(name));
    world_write_file(world, name, span_make(bytes, (size_t)len));
    BIO_free(memory);
}

void world_write_certificate(struct world *world, const char *host)
{
    char names[64];
    struct identity_options options = {
        .subject = host, .names = names, .from_days = -1, .until_days = 36500};
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_mem());

    CHECK(snprintf(names, sizeof(names), "DNS:%s", host) < (int)sizeof(names));
    struct identity identity = identity_make(&options, NULL);
    CHECK(PEM_write_bio_X509(certificate, identity.certificate) == 1);
    CHECK(PEM_write_bio_PrivateKey(key, identity.key, NULL, NULL, 0, NULL, NULL) == 1);
    write_memory(world, host, "crt", certificate);
    write_memory(world, host, "key", key);
    identity_free(&identity);
}

/* ---- servers ---- */

static struct world_server *find_server(struct world *world, struct span name)
{
    for (size_t i = 0; i < world->server_count; i++) {
        if (span_eq_cstr(name, world->servers[i].name)) {
            return &world->servers[i];
        }
    }
    CHECK(false);
    return NULL;
}

static int listen_at(const struct sock_address *address)
{
    struct error error;
    int fd = sock_listen(address, BACKLOG, &error);

    CHECK(fd >= 0);
    return fd;
}

static int listen_in_folder(struct world *world, const char *name)
{
    struct sock_address address;

    CHECK(sock_address_from_path(&address, world_path(world, name)));
    return listen_at(&address);
}

static int listen_on_loopback(void)
{
    struct sock_address address;

    CHECK(sock_address_from_ip(&address, "127.0.0.1", 0));
    return listen_at(&address);
}

static uint16_t port_of(int fd)
{
    struct sock_address address;

    CHECK(sock_local_address(fd, &address));
    return peer_from(&address).port;
}

static void add_server(struct world *world, const char *name, int fd, uint16_t port)
{
    struct world_server *server = &world->servers[world->server_count++];

    CHECK(world->server_count <= WORLD_SOCKETS_MAX && strlen(name) < sizeof(server->name));
    (void)snprintf(server->name, sizeof(server->name), "%s", name);
    server->fd = fd;
    server->port = port;
}

void world_serve(struct world *world, const char *name)
{
    add_server(world, name, listen_in_folder(world, name), 0);
}

void world_serve_tcp(struct world *world, const char *name)
{
    int fd = listen_on_loopback();

    add_server(world, name, fd, port_of(fd));
}

static void close_if_open(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void world_stop_serving(struct world *world, const char *name)
{
    close_if_open(&find_server(world, span_from_cstr(name))->fd);
}

int world_accept(struct world *world, const char *name)
{
    struct sock_address peer;
    int fd = find_server(world, span_from_cstr(name))->fd;

    return fd >= 0 ? sock_accept(fd, &peer) : -1;
}

/* ---- the configuration ---- */

/* Adds what $WORD stands for, and returns how much of the text that was. */
static size_t add_word(struct world *world, struct strbuf *out, struct span text)
{
    static const struct span dir = SPAN("$DIR");
    static const struct span port = SPAN("$PORT(");

    if (span_starts_with(text, dir)) {
        strbuf_add_cstr(out, world->folder);
        return dir.len;
    }
    CHECK(span_starts_with(text, port));
    struct span name = span_skip(text, port.len);
    name = span_head(name, span_find(name, ')'));
    strbuf_add_u64(out, find_server(world, name)->port);
    return port.len + name.len + 1;
}

static void fill_in(struct world *world, struct strbuf *out, struct span text)
{
    while (text.len != 0) {
        size_t plain = span_find(text, '$');
        strbuf_add(out, span_head(text, plain));
        text = span_skip(text, plain);
        if (text.len != 0) {
            text = span_skip(text, add_word(world, out, text));
        }
    }
}

static void open_doors(struct world *world)
{
    for (size_t i = 0; i < world->settings->listener_count; i++) {
        const struct address_list *bind = &world->settings->listeners[i].bind;
        for (size_t k = 0; k < bind->count; k++) {
            struct sock_address address;
            CHECK(world->door_count < WORLD_SOCKETS_MAX);
            if (bind->items[k].kind == ADDRESS_UNIX) {
                CHECK(sock_address_from_path(&address, bind->items[k].host));
            } else {
                CHECK(sock_address_from_ip(&address, bind->items[k].host, bind->items[k].port));
            }
            world->doors[world->door_count++] = listen_at(&address);
        }
    }
}

void world_load(struct world *world, const char *yaml)
{
    struct config_report report;
    struct strbuf text;

    CHECK(world->snapshot == NULL);
    strbuf_init(&text);
    fill_in(world, &text, span_from_cstr(yaml));
    config_report_init(&report);
    world->settings = config_load_text(strbuf_span(&text), "test.yaml", &report);
    if (world->settings != NULL) {
        world->snapshot = snapshot_create(world->settings, &report);
    }
    if (world->snapshot == NULL) {
        config_report_print(&report, stderr, false);
        abort();
    }
    config_report_free(&report);
    strbuf_free(&text);
    open_doors(world);
}

static void unload(struct world *world)
{
    for (size_t i = 0; i < world->door_count; i++) {
        close_if_open(&world->doors[i]);
    }
    world->door_count = 0;
    if (world->snapshot != NULL) {
        snapshot_release(world->snapshot);
        world->snapshot = NULL;
    }
    settings_destroy(world->settings);
    world->settings = NULL;
}

void world_load_again(struct world *world, const char *yaml)
{
    unload(world);
    world_load(world, yaml);
}

/* ---- the end ---- */

static void remove_folder(const struct world *world)
{
    DIR *folder = opendir(world->folder);
    const struct dirent *entry;

    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)unlink(world_path(world, entry->d_name));
        }
    }
    (void)closedir(folder);
    CHECK(rmdir(world->folder) == 0);
}

void world_close(struct world *world)
{
    if (world == NULL) {
        return;
    }
    unload(world);
    for (size_t i = 0; i < world->server_count; i++) {
        close_if_open(&world->servers[i].fd);
    }
    remove_folder(world);
    free(world);
}
