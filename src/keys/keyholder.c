#include "keys/keyholder.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/fd_pass.h"
#include "keys/held_keys.h"
#include "keys/key_message.h"
#include "keys/key_ring.h"
#include "keys/ring_server.h"

/* A process that is served: its rings, and by what it is noticed that it has ended. */
struct served {
    uint32_t number;
    int life; /* -1: a free place */
    struct ring_server **rings;
    size_t ring_count;
};

struct keyholder {
    struct held_keys *keys;
    struct served users[KEYHOLDER_USERS_MAX];
    int control_fd; /* -1: the supervisor is gone */
};

/* ---- memory ---- */

void keyholder_lock_memory(void)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    /* Without the right to, what the limit allows is locked: that is the keys' own memory, and as
     * a part of it where the limit is small. */
    if (setrlimit(RLIMIT_MEMLOCK, &all) == 0) {
        (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    }
    if (!held_keys_prepare()) {
        log_info("the memory of the private keys cannot be locked, and may be written to swap: "
                 "raise the limit (LimitMEMLOCK=%zu of the service, or ulimit -l)",
                 HELD_KEYS_BYTES);
    }
}

/* ---- keys ---- */

static bool take_key(struct keyholder *holder, const char *path, int fd, struct key_reply *reply)
{
    struct held_key *key = held_key_read(fd, path, &reply->error);
    struct span public_key;
    struct key_id id;

    if (key == NULL) {
        return false;
    }
    public_key = held_key_public(key);
    reply->key.len = public_key.len;
    memcpy(reply->key.der, public_key.ptr, public_key.len);
    if (key_id_of(public_key, &id) && held_keys_add(holder->keys, &id, key, KEYHOLDER_KEYS_MAX)) {
        return true;
    }
    held_key_destroy(key);
    return error_set(&reply->error,
                     "the key in '%s' is one too many: the process that has the keys (keyholder) "
                     "keeps %d at most",
                     path, KEYHOLDER_KEYS_MAX);
}

static void on_take(struct keyholder *holder, const struct key_message *message, int fd)
{
    struct key_reply *reply = xcalloc(1, sizeof(*reply));

    reply->number = message->number;
    reply->is_taken = take_key(holder, message->path, fd, reply) ? 1 : 0;
    /* A supervisor that does not read it asks again. */
    (void)!fd_pass_send(holder->control_fd, reply, sizeof(*reply), -1);
    free(reply);
}

static void on_rest(struct keyholder *holder, const struct key_message *message, int fd)
{
    struct key_reply *reply = xcalloc(1, sizeof(*reply));
    int rest = held_key_read_rest(fd, message->path, &reply->error);

    reply->number = message->number;
    reply->is_taken = rest >= 0 ? 1 : 0;
    (void)!fd_pass_send(holder->control_fd, reply, sizeof(*reply), rest);
    if (rest >= 0) {
        (void)close(rest);
    }
    free(reply);
}

/* ---- users ---- */

static struct served *find_user(struct keyholder *holder, uint32_t number)
{
    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (holder->users[i].life >= 0 && holder->users[i].number == number) {
            return &holder->users[i];
        }
    }
    return NULL;
}

static void end_user(struct served *user)
{
    if (user == NULL) {
        return;
    }
    for (size_t i = 0; i < user->ring_count; i++) {
        ring_server_stop(user->rings[i]);
    }
    free(user->rings);
    (void)close(user->life);
    *user = (struct served){.life = -1};
}

/* Takes the descriptor over. */
static void on_user(struct keyholder *holder, uint32_t number, int life)
{
    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (holder->users[i].life < 0) {
            holder->users[i] = (struct served){.number = number, .life = life};
            return;
        }
    }
    log_error("more processes want signatures than can be served");
    (void)close(life);
}

/* Takes the descriptors over. */
static void on_ring(struct keyholder *holder, const struct key_message *message,
                    const struct key_ring_fds *fds)
{
    struct served *user = find_user(holder, message->user);
    struct key_ring_fds ours = *fds;
    struct ring_server *server;
    struct error error;

    if (user == NULL) {
        key_ring_close(&ours);
        return;
    }
    server = ring_server_start(fds, holder->keys, message->rate, &error);
    if (server == NULL) {
        log_error("%s", error.text);
        return;
    }
    user->rings = xrealloc(user->rings, (user->ring_count + 1) * sizeof(*user->rings));
    user->rings[user->ring_count++] = server;
}

/* ---- the supervisor ---- */

/* Each kind takes the descriptors over that belong to it. */
static void on_message(struct keyholder *holder, struct key_message *message, const int *fds,
                       size_t count)
{
    message->path[sizeof(message->path) - 1] = '\0';
    if (message->kind == KEY_TAKE && count <= 1) {
        on_take(holder, message, count == 1 ? fds[0] : -1);
    } else if (message->kind == KEY_REST && count == 1) {
        on_rest(holder, message, fds[0]);
    } else if (message->kind == KEY_FORGET && count == 0) {
        held_keys_remove(holder->keys, &message->id);
    } else if (message->kind == KEY_USER && count == 1) {
        on_user(holder, message->user, fds[0]);
    } else if (message->kind == KEY_RING && count == 3) {
        on_ring(holder, message, &(struct key_ring_fds){fds[0], fds[1], fds[2]});
    } else if (message->kind == KEY_END && count == 0) {
        end_user(find_user(holder, message->user));
    } else {
        log_error("unknown message %d from the supervisor", message->kind);
        for (size_t i = 0; i < count; i++) {
            (void)close(fds[i]);
        }
    }
}

static void read_control(struct keyholder *holder)
{
    struct key_message message;
    int fds[FD_PASS_MAX];
    size_t count;
    ssize_t got = fd_pass_receive_all(holder->control_fd, &message, sizeof(message), fds, &count);

    if (got == (ssize_t)sizeof(message)) {
        on_message(holder, &message, fds, count);
    } else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        (void)close(holder->control_fd);
        holder->control_fd = -1;
    }
}

static bool has_user(const struct keyholder *holder)
{
    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (holder->users[i].life >= 0) {
            return true;
        }
    }
    return false;
}

static void serve(struct keyholder *holder)
{
    struct pollfd fds[1 + KEYHOLDER_USERS_MAX];

    while (holder->control_fd >= 0 || has_user(holder)) {
        for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
            /* Nobody writes there: all that can come is the end. */
            fds[i] = (struct pollfd){.fd = holder->users[i].life, .events = POLLIN};
        }
        fds[KEYHOLDER_USERS_MAX] = (struct pollfd){.fd = holder->control_fd, .events = POLLIN};
        if (poll(fds, ARRAY_LEN(fds), -1) <= 0) {
            continue;
        }
        for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
            if (fds[i].revents != 0) {
                end_user(&holder->users[i]);
            }
        }
        if (fds[KEYHOLDER_USERS_MAX].revents != 0) {
            read_control(holder);
        }
    }
}

int keyholder_main(int control_fd)
{
    struct keyholder holder = {.keys = held_keys_create(), .control_fd = control_fd};

    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        holder.users[i].life = -1;
    }
    serve(&holder);
    held_keys_destroy(holder.keys);
    return 0;
}
