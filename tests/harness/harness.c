#include "harness.h"

#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/generation.h"
#include "gateway/session.h"

/* More turns without an end are a loop that goes round. */
#define TURNS_MAX 100000
/* Of HARNESS_UNTIL: ten seconds. */
#define TRIES_MAX 10000

struct harness *harness_start(struct world *world)
{
    struct harness *h = xcalloc(1, sizeof(*h));

    fake_clock_start();
    list_init(&h->actors);
    strbuf_init(&h->log);
    h->world = world;
    h->worker = worker_create(world->snapshot, 0, world->doors, world->door_count);
    CHECK(h->worker != NULL);
    return h;
}

/* ---- turns ---- */

/* Before the worker gives its lines to the log's thread, of which there is none. */
static void take_log(struct harness *h)
{
    LIST_FOR_EACH(node, &h->worker->generations)
    {
        const struct log_lines *lines = &LIST_ENTRY(node, struct generation, node)->lines;

        if (lines->targets != NULL && lines->targets->count != 0) {
            strbuf_add(&h->log, strbuf_span(&lines->blocks[0]));
            strbuf_clear(&lines->blocks[0]);
        }
    }
}

static struct actor *add_actor(struct harness *h, int fd)
{
    struct actor *actor = actor_create(fd);

    list_push_back(&h->actors, &actor->node);
    return actor;
}

static bool accept_for_scripts(struct harness *h)
{
    bool any = false;
    int fd;

    for (size_t i = 0; i < h->world->server_count; i++) {
        while (h->scripts[i] != NULL &&
               (fd = world_accept(h->world, h->world->servers[i].name)) >= 0) {
            actor_play(add_actor(h, fd), h->scripts[i]);
            any = true;
        }
    }
    return any;
}

bool harness_turn(struct harness *h)
{
    bool any = !h->is_over && loop_turn(h->worker->core.loop);

    take_log(h);
    if (!h->is_over && h->was_told_to_drain && h->worker->session_count == 0) {
        h->is_over = true;
        worker_run(h->worker); /* its loop has been told to stop: what comes behind it */
        any = true;
    }
    any = accept_for_scripts(h) || any;
    LIST_FOR_EACH(node, &h->actors)
    {
        any = actor_turn(LIST_ENTRY(node, struct actor, node)) || any;
    }
    return any;
}

/* A bulk flow's rest is no deadline: it goes on by itself. */
static bool end_rest(struct harness *h)
{
    uint64_t next = loop_next_us(h->worker->core.loop);
    uint64_t now = fake_clock_now_us();

    if (h->is_over || next == UINT64_MAX || next > now + LOOP_COALESCE_US) {
        return false;
    }
    fake_clock_move_us(next > now ? next - now : 0);
    return true;
}

void harness_settle(struct harness *h)
{
    for (unsigned turns = 0; harness_turn(h) || end_rest(h); turns++) {
        CHECK(turns < TURNS_MAX);
    }
}

void harness_advance_ms(struct harness *h, uint64_t ms)
{
    uint64_t until = fake_clock_now_us() + ms * 1000;

    harness_settle(h);
    for (;;) {
        uint64_t now = fake_clock_now_us();
        uint64_t next = h->is_over ? UINT64_MAX : loop_next_us(h->worker->core.loop);
        if (now >= until) {
            break;
        }
        next = next > now ? next : now + 1;
        fake_clock_move_us((next < until ? next : until) - now);
        harness_settle(h);
    }
}

bool harness_rests(struct harness *h, unsigned *tries)
{
    (void)h;
    (void)poll(NULL, 0, 1);
    return ++*tries < TRIES_MAX;
}

/* ---- actors ---- */

struct actor *harness_connect_to(struct harness *h, size_t door)
{
    struct sock_address address;
    bool is_connected;
    int fd;

    CHECK(door < h->world->door_count && sock_local_address(h->world->doors[door], &address));
    fd = sock_connect(&address, &is_connected);
    CHECK(fd >= 0);
    return add_actor(h, fd);
}

struct actor *harness_connect(struct harness *h)
{
    return harness_connect_to(h, 0);
}

struct actor *harness_accept(struct harness *h, const char *server)
{
    int fd = world_accept(h->world, server);

    return fd >= 0 ? add_actor(h, fd) : NULL;
}

void harness_play(struct harness *h, const char *server, const struct act_step *script)
{
    for (size_t i = 0; i < h->world->server_count; i++) {
        if (strcmp(h->world->servers[i].name, server) == 0) {
            h->scripts[i] = script;
            return;
        }
    }
    CHECK(false);
}

void harness_drain(struct harness *h)
{
    h->was_told_to_drain = true;
    worker_post_drain(h->worker);
}

void harness_hand_over(struct harness *h)
{
    h->was_told_to_drain = true;
    worker_post_leave(h->worker);
}

void harness_lose_sites(struct harness *h)
{
    LIST_FOR_EACH(node, &h->worker->sessions)
    {
        session_stay_behind(LIST_ENTRY(node, struct session, node), true);
    }
}

/* ---- the log ---- */

const char *harness_take_log(struct harness *h)
{
    static struct strbuf taken;

    strbuf_clear(&taken);
    strbuf_add(&taken, span_make(h->log.ptr, h->log.len));
    strbuf_add_char(&taken, '\0');
    strbuf_clear(&h->log);
    return taken.ptr;
}

static struct span last_line(struct span lines)
{
    struct span rest = lines;
    struct span line;
    struct span last = {NULL, 0};

    while (span_split(&rest, '\n', &line)) {
        last = line.len != 0 ? line : last;
    }
    return last;
}

const char *harness_logged(struct harness *h, const char *member)
{
    static char text[1024];
    struct span line = last_line(span_make(h->log.ptr, h->log.len));
    json_error_t error;
    json_t *tree = line.len != 0 ? json_loadb(line.ptr, line.len, 0, &error) : NULL;
    const json_t *value = json_object_get(tree, member);

    text[0] = '\0';
    if (json_is_string(value)) {
        (void)snprintf(text, sizeof(text), "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
    }
    json_decref(tree);
    return text;
}

/* ---- the end ---- */

/* Connections that were made and never accepted must not be the next worker's. */
static void refuse_the_rest(struct harness *h)
{
    struct sock_address peer;
    int fd;

    for (size_t i = 0; i < h->world->server_count; i++) {
        while ((fd = world_accept(h->world, h->world->servers[i].name)) >= 0) {
            (void)close(fd);
        }
    }
    for (size_t i = 0; i < h->world->door_count; i++) {
        while ((fd = sock_accept(h->world->doors[i], &peer)) >= 0) {
            (void)close(fd);
        }
    }
}

void harness_stop(struct harness *h)
{
    struct list *node;

    LIST_FOR_EACH(actor, &h->actors)
    {
        actor_close(LIST_ENTRY(actor, struct actor, node));
    }
    memset(h->scripts, 0, sizeof(h->scripts));
    harness_settle(h);
    if (!h->is_over) {
        worker_post_stop(h->worker);
        worker_run(h->worker);
    }
    worker_destroy(h->worker);
    refuse_the_rest(h);
    while ((node = list_pop_front(&h->actors)) != NULL) {
        actor_destroy(LIST_ENTRY(node, struct actor, node));
    }
    strbuf_free(&h->log);
    free(h);
}
