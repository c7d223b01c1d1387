#include "keys/key_supply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/fd_pass.h"
#include "keys/key_message.h"
#include "keys/keyholder.h"

/* How long a keyholder may take to read one key. */
#define ANSWER_MS 5000

struct supplied {
    struct key_id id;
    struct key_public key;
    char *path;
    int fd; /* the file as it was */
    /* How often each user has taken it, by the user's number. */
    unsigned times[KEYHOLDER_USERS_MAX];
};

/* What was in a file when a user had it read last. */
struct taken {
    char *path;
    struct key_id id;
};

struct key_user {
    struct taken *taken;
    size_t taken_count;
    size_t place;    /* in the supply's list */
    uint32_t number; /* unlike any other's before */
    struct key_ring_fds *rings;
    size_t ring_count;
    uint32_t rate;
    int ends[2]; /* a pipe: the keyholder's, and its own; -1: closed here */
};

struct key_supply {
    int sock; /* -1: no keyholder */
    uint32_t number;
    struct supplied *keys;
    size_t count;
    struct key_user *users[KEYHOLDER_USERS_MAX]; /* NULL: a free place */
    uint32_t user_number;
};

struct key_supply *key_supply_create(void)
{
    struct key_supply *supply = xcalloc(1, sizeof(*supply));

    supply->sock = -1;
    return supply;
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void key_supply_disconnect(struct key_supply *supply)
{
    close_one(&supply->sock);
}

int key_supply_fd(const struct key_supply *supply)
{
    return supply->sock;
}

/* ---- messages ---- */

/* Waits for room in the socket, which a keyholder that lives makes. */
static bool say(struct key_supply *supply, const struct key_message *message, const int *fds,
                size_t count)
{
    struct pollfd ready = {.fd = supply->sock, .events = POLLOUT};
    uint64_t end = clock_ms() + ANSWER_MS;

    while (supply->sock >= 0) {
        uint64_t now = clock_ms();
        if (fd_pass_send_all(supply->sock, message, sizeof(*message), fds, count)) {
            return true;
        }
        if (errno != EAGAIN || now >= end) {
            return false;
        }
        (void)poll(&ready, 1, (int)(end - now));
    }
    return false;
}

/* The answer to this question, and what came with it (-1: nothing); those to questions that were
 * given up are passed over. */
static bool hear(struct key_supply *supply, uint32_t number, struct key_reply *reply, int *fd)
{
    struct pollfd ready = {.fd = supply->sock, .events = POLLIN};
    uint64_t end = clock_ms() + ANSWER_MS;

    for (uint64_t now = clock_ms(); now < end; now = clock_ms()) {
        ssize_t got;
        if (poll(&ready, 1, (int)(end - now)) <= 0) {
            continue;
        }
        got = fd_pass_receive(supply->sock, reply, sizeof(*reply), fd);
        if (got == (ssize_t)sizeof(*reply) && reply->number == number &&
            reply->key.len <= sizeof(reply->key.der)) {
            reply->error.text[sizeof(reply->error.text) - 1] = '\0';
            return true;
        }
        close_one(fd);
        if (got != (ssize_t)sizeof(*reply) && !(got < 0 && (errno == EAGAIN || errno == EINTR))) {
            break;
        }
    }
    *fd = -1;
    return false;
}

static bool ask(struct key_supply *supply, enum key_message_kind kind, const char *path, int fd,
                struct key_reply *reply, int *rest)
{
    struct key_message message = {.kind = (char)kind, .number = ++supply->number};

    (void)snprintf(message.path, sizeof(message.path), "%s", path);
    return say(supply, &message, &fd, 1) && hear(supply, message.number, reply, rest);
}

/* A key's file has no rest. */
static bool ask_key(struct key_supply *supply, const char *path, int fd, struct key_reply *reply)
{
    int rest = -1;
    bool ok = ask(supply, KEY_TAKE, path, fd, reply, &rest);

    close_one(&rest);
    return ok;
}

/* ---- keys ---- */

static struct supplied *find(struct key_supply *supply, const struct key_id *id)
{
    for (size_t i = 0; i < supply->count; i++) {
        if (key_id_equal(&supply->keys[i].id, id)) {
            return &supply->keys[i];
        }
    }
    return NULL;
}

/* Takes the descriptor over. */
static struct supplied *add(struct key_supply *supply, const struct key_id *id, const char *path,
                            int fd)
{
    struct supplied *key = find(supply, id);

    if (key != NULL) {
        (void)close(fd);
        return key;
    }
    supply->keys = xrealloc(supply->keys, (supply->count + 1) * sizeof(*supply->keys));
    key = &supply->keys[supply->count++];
    *key = (struct supplied){.id = *id, .path = xstrdup(path), .fd = fd};
    return key;
}

static struct taken *find_taken(const struct key_user *user, const char *path)
{
    for (size_t i = 0; i < user->taken_count; i++) {
        if (strcmp(user->taken[i].path, path) == 0) {
            return &user->taken[i];
        }
    }
    return NULL;
}

static void note_taken(struct key_user *user, const char *path, const struct key_id *id)
{
    struct taken *taken = find_taken(user, path);

    if (taken == NULL) {
        if ((user->taken_count & (user->taken_count - 1)) == 0) { /* at each power of two */
            size_t room = user->taken_count == 0 ? 1 : 2 * user->taken_count;
            user->taken = xrealloc(user->taken, room * sizeof(*user->taken));
        }
        taken = &user->taken[user->taken_count++];
        taken->path = xstrdup(path);
    }
    taken->id = *id;
}

bool key_supply_take(struct key_supply *supply, struct key_user *user, const char *path, int fd,
                     struct key_public *key, struct error *error)
{
    struct key_reply reply;
    struct key_id id;

    if (!ask_key(supply, path, fd, &reply)) {
        (void)error_set(error,
                        "the key in '%s' cannot be read now: the process that has the keys "
                        "(keyholder) does not answer",
                        path);
    } else if (reply.is_taken == 0) {
        *error = reply.error;
    } else if (key_id_of(span_make(reply.key.der, reply.key.len), &id)) {
        struct supplied *supplied = add(supply, &id, path, fd);
        supplied->key = *key = reply.key;
        supplied->times[user->place]++;
        note_taken(user, path, &id);
        return true;
    } else {
        (void)error_set(error, "the TLS library is out of memory");
    }
    (void)close(fd);
    return false;
}

int key_supply_read_rest(struct key_supply *supply, const char *path, int fd, struct error *error)
{
    struct key_reply reply;
    int rest = -1;

    if (!ask(supply, KEY_REST, path, fd, &reply, &rest)) {
        (void)error_set(error,
                        "the file '%s' cannot be read now: the process that has the keys "
                        "(keyholder) does not answer",
                        path);
    } else if (rest < 0) {
        *error = reply.error;
    }
    (void)close(fd);
    return rest;
}

static void forget_unused(struct key_supply *supply, struct supplied *key)
{
    const struct key_message message = {.kind = KEY_FORGET, .id = key->id};

    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (key->times[i] != 0) {
            return;
        }
    }
    (void)!say(supply, &message, NULL, 0); /* of one that has died nothing is left */
    (void)close(key->fd);
    free(key->path);
    *key = supply->keys[--supply->count];
}

void key_supply_let_go(struct key_supply *supply, struct key_user *user, const struct key_id *id,
                       unsigned times)
{
    struct supplied *key = find(supply, id);
    unsigned *has = key != NULL ? &key->times[user->place] : NULL;

    if (has != NULL) {
        *has -= times < *has ? times : *has;
        forget_unused(supply, key);
    }
}

bool key_supply_take_as(struct key_supply *supply, struct key_user *user,
                        const struct key_user *other, const char *path, struct key_public *key)
{
    const struct taken *taken = find_taken(other, path);
    struct supplied *supplied = taken != NULL ? find(supply, &taken->id) : NULL;

    if (supplied == NULL || supplied->times[other->place] == 0) {
        return false;
    }
    *key = supplied->key;
    supplied->times[user->place]++;
    note_taken(user, path, &supplied->id);
    return true;
}

bool key_user_has_taken(const struct key_user *user, const char *path)
{
    return find_taken(user, path) != NULL;
}

/* ---- users ---- */

static void close_rings(struct key_user *user)
{
    for (size_t i = 0; i < user->ring_count; i++) {
        key_ring_close(&user->rings[i]);
    }
    user->ring_count = 0;
    close_one(&user->ends[0]);
    close_one(&user->ends[1]);
}

static void free_user(struct key_user *user)
{
    close_rings(user);
    for (size_t i = 0; i < user->taken_count; i++) {
        free(user->taken[i].path);
    }
    free(user->taken);
    free(user->rings);
    free(user);
}

static bool send_rings(struct key_supply *supply, const struct key_user *user)
{
    struct key_message message = {.kind = KEY_USER, .user = user->number};
    bool ok = user->ends[0] < 0 || say(supply, &message, &user->ends[0], 1);

    message.kind = KEY_RING;
    message.rate = user->rate;
    for (size_t i = 0; ok && i < user->ring_count; i++) {
        const struct key_ring_fds *ring = &user->rings[i];
        ok = say(supply, &message, (int[]){ring->memory, ring->ask, ring->answer}, 3);
    }
    return ok;
}

static bool find_place(const struct key_supply *supply, size_t *place)
{
    for (*place = 0; *place < KEYHOLDER_USERS_MAX; (*place)++) {
        if (supply->users[*place] == NULL) {
            return true;
        }
    }
    return false;
}

struct key_user *key_supply_add_user(struct key_supply *supply, size_t count, uint32_t rate,
                                     struct error *error)
{
    struct key_user *user = xcalloc(1, sizeof(*user));

    *user = (struct key_user){.number = ++supply->user_number, .rate = rate, .ends = {-1, -1}};
    user->rings = xcalloc(count, sizeof(*user->rings));
    if (!find_place(supply, &user->place)) {
        (void)error_set(error, "more than %d processes want signatures", KEYHOLDER_USERS_MAX);
        free_user(user);
        return NULL;
    }
    if (pipe2(user->ends, O_CLOEXEC) != 0) {
        (void)error_set_errno(error, errno, "cannot make a pipe");
        free_user(user);
        return NULL;
    }
    for (; user->ring_count < count; user->ring_count++) {
        if (!key_ring_create(&user->rings[user->ring_count], error)) {
            free_user(user);
            return NULL;
        }
    }
    supply->users[user->place] = user;
    /* A keyholder that has died, or is about to, is followed by one that gets them. */
    (void)!send_rings(supply, user);
    return user;
}

void key_supply_end_rings(struct key_supply *supply, struct key_user *user)
{
    struct key_message message = {.kind = KEY_END};

    if (user != NULL && user->ends[0] >= 0) {
        message.user = user->number;
        (void)!say(supply, &message, NULL, 0);
        close_rings(user);
    }
}

void key_supply_end_user(struct key_supply *supply, struct key_user *user)
{
    if (user == NULL) {
        return;
    }
    key_supply_end_rings(supply, user);
    supply->users[user->place] = NULL;
    /* From the end: what goes is replaced by the last one. */
    for (size_t i = supply->count; i-- > 0;) {
        supply->keys[i].times[user->place] = 0;
        forget_unused(supply, &supply->keys[i]);
    }
    free_user(user);
}

const struct key_ring_fds *key_user_rings(const struct key_user *user)
{
    return user->rings;
}

void key_user_was_forked(struct key_user *user)
{
    close_one(&user->ends[1]);
}

/* ---- keyholders ---- */

bool key_supply_connect(struct key_supply *supply, int sock)
{
    key_supply_disconnect(supply);
    supply->sock = sock;
    for (size_t i = 0; i < supply->count; i++) {
        struct supplied *key = &supply->keys[i];
        struct key_reply reply;
        if (!ask_key(supply, key->path, key->fd, &reply)) {
            return false;
        }
        if (reply.is_taken == 0) {
            log_error("a key that is in use is lost: %s", reply.error.text);
        }
    }
    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (supply->users[i] != NULL && !send_rings(supply, supply->users[i])) {
            return false;
        }
    }
    return true;
}

/* All of it but this user. */
static void drop_all_but(struct key_supply *supply, const struct key_user *user)
{
    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        if (supply->users[i] != NULL && supply->users[i] != user) {
            free_user(supply->users[i]);
            supply->users[i] = NULL;
        }
    }
    key_supply_disconnect(supply);
    for (size_t i = 0; i < supply->count; i++) {
        (void)close(supply->keys[i].fd);
        free(supply->keys[i].path);
    }
    free(supply->keys);
    supply->keys = NULL;
    supply->count = 0;
}

void key_supply_become(struct key_supply *supply, struct key_user *user)
{
    drop_all_but(supply, user);
    close_one(&user->ends[0]);
}

void key_supply_destroy(struct key_supply *supply)
{
    drop_all_but(supply, NULL);
    free(supply);
}
