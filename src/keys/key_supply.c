#include "keys/key_supply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_stamp.h"
#include "base/hash.h"
#include "base/key_uri.h"
#include "base/list.h"
#include "base/log.h"
#include "io/fd_pass.h"
#include "keys/key_message.h"
#include "keys/keyholder.h"

/* How long a keyholder may take to read one key. */
#define ANSWER_MS 5000

/* Digests are as good as random, so their first bytes choose; so do a hash's of paths. There may be
 * tens of thousands. */
#define BUCKETS 4096

struct supplied {
    struct list node;
    struct key_id id;
    struct key_public key;
    char *path;
    int fd; /* the file as it was; of a key in a token, the one with its PIN, or -1 */
    bool is_in_token;
    dev_t device;
    struct file_stamp stamp;
    /* How often each user has taken it, by the user's number. */
    unsigned times[KEYHOLDER_USERS_MAX];
};

/* What was in a file when a user had it read last. */
struct taken {
    struct list node;
    char *path;
    struct key_id id;
};

struct key_user {
    struct list taken[BUCKETS];
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
    struct list keys[BUCKETS];
    size_t in_tokens;                            /* of them */
    struct key_user *users[KEYHOLDER_USERS_MAX]; /* NULL: a free place */
    uint32_t user_number;
};

struct key_supply *key_supply_create(void)
{
    struct key_supply *supply = xcalloc(1, sizeof(*supply));

    supply->sock = -1;
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&supply->keys[i]);
    }
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
    return say(supply, &message, &fd, fd >= 0 ? 1 : 0) && hear(supply, message.number, reply, rest);
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

static struct list *bucket_of(struct key_supply *supply, const struct key_id *id)
{
    return &supply->keys[(id->bytes[0] << 8 | id->bytes[1]) % BUCKETS];
}

static struct supplied *find(struct key_supply *supply, const struct key_id *id)
{
    LIST_FOR_EACH(node, bucket_of(supply, id))
    {
        struct supplied *key = LIST_ENTRY(node, struct supplied, node);
        if (key_id_equal(&key->id, id)) {
            return key;
        }
    }
    return NULL;
}

static void set_source(struct key_supply *supply, struct supplied *key, const char *path, int fd,
                       const struct stat *st)
{
    close_one(&key->fd);
    free(key->path);
    supply->in_tokens -= key->is_in_token ? 1 : 0;
    key->is_in_token = key_uri_is(span_from_cstr(path));
    supply->in_tokens += key->is_in_token ? 1 : 0;
    key->path = xstrdup(path);
    key->fd = fd;
    key->device = st->st_dev;
    key->stamp = file_stamp_from(st);
}

/* Takes the descriptor over. A key that was moved into a token, or out of one, is read from there
 * when it is read again. */
static struct supplied *add(struct key_supply *supply, const struct key_id *id, const char *path,
                            int fd, const struct stat *st)
{
    struct supplied *key = find(supply, id);

    if (key != NULL && key->is_in_token == key_uri_is(span_from_cstr(path))) {
        close_one(&fd);
        return key;
    }
    if (key == NULL) {
        key = xcalloc(1, sizeof(*key));
        key->id = *id;
        key->fd = -1;
        list_push_front(bucket_of(supply, id), &key->node);
    }
    set_source(supply, key, path, fd, st);
    return key;
}

static void free_supplied(struct key_supply *supply, struct supplied *key)
{
    list_remove(&key->node);
    supply->in_tokens -= key->is_in_token ? 1 : 0;
    close_one(&key->fd);
    free(key->path);
    free(key);
}

static const struct list *paths_of(const struct key_user *user, const char *path)
{
    return &user->taken[hash_text(span_from_cstr(path)) % BUCKETS];
}

static struct taken *find_taken(const struct key_user *user, const char *path)
{
    struct list *bucket = (struct list *)(uintptr_t)paths_of(user, path);

    LIST_FOR_EACH(node, bucket)
    {
        struct taken *taken = LIST_ENTRY(node, struct taken, node);
        if (strcmp(taken->path, path) == 0) {
            return taken;
        }
    }
    return NULL;
}

static void note_taken(struct key_user *user, const char *path, const struct key_id *id)
{
    struct taken *taken = find_taken(user, path);

    if (taken == NULL) {
        taken = xcalloc(1, sizeof(*taken));
        taken->path = xstrdup(path);
        list_push_front((struct list *)(uintptr_t)paths_of(user, path), &taken->node);
    }
    taken->id = *id;
}

/* What a user has had read from this file, which nobody has changed since: it need not be read
 * again. NULL: there is none. */
static struct supplied *find_unchanged(struct key_supply *supply, const char *path,
                                       const struct stat *st)
{
    const struct file_stamp stamp = file_stamp_from(st);

    for (size_t i = 0; i < KEYHOLDER_USERS_MAX; i++) {
        const struct taken *taken =
            supply->users[i] != NULL ? find_taken(supply->users[i], path) : NULL;
        struct supplied *key = taken != NULL ? find(supply, &taken->id) : NULL;
        if (key != NULL && key->device == st->st_dev && file_stamp_equal(&key->stamp, &stamp)) {
            return key;
        }
    }
    return NULL;
}

bool key_supply_take(struct key_supply *supply, struct key_user *user, const char *path, int fd,
                     struct key_public *key, struct error *error)
{
    struct supplied *supplied;
    struct key_reply reply;
    struct key_id id;
    struct stat st = {0};

    /* Before it is read, so that a change while it is counts as one. Of a token nobody knows. */
    supplied = !key_uri_is(span_from_cstr(path)) && fstat(fd, &st) == 0
                   ? find_unchanged(supply, path, &st)
                   : NULL;
    if (supplied != NULL) {
        (void)close(fd);
        *key = supplied->key;
        supplied->times[user->place]++;
        note_taken(user, path, &supplied->id);
        return true;
    }
    if (!ask_key(supply, path, fd, &reply)) {
        (void)error_set(error,
                        "the key in '%s' cannot be read now: the process that has the keys "
                        "(keyholder) does not answer",
                        path);
    } else if (reply.is_taken == 0) {
        *error = reply.error;
    } else if (key_id_of(span_make(reply.key.der, reply.key.len), &id)) {
        supplied = add(supply, &id, path, fd, &st);
        supplied->key = *key = reply.key;
        supplied->times[user->place]++;
        note_taken(user, path, &id);
        return true;
    } else {
        (void)error_set(error, "the TLS library is out of memory");
    }
    close_one(&fd);
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
    free_supplied(supply, key);
}

bool key_supply_has_tokens(const struct key_supply *supply)
{
    return supply->in_tokens != 0;
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
    for (size_t i = 0; i < BUCKETS; i++) {
        struct list *node;
        while ((node = list_pop_front(&user->taken[i])) != NULL) {
            struct taken *taken = LIST_ENTRY(node, struct taken, node);
            free(taken->path);
            free(taken);
        }
    }
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
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&user->taken[i]);
    }
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
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &supply->keys[i])
        {
            struct supplied *key = LIST_ENTRY(node, struct supplied, node);
            key->times[user->place] = 0;
            forget_unused(supply, key);
        }
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

static bool send_key(struct key_supply *supply, const struct supplied *key)
{
    struct key_reply reply;

    if (!ask_key(supply, key->path, key->fd, &reply)) {
        return false;
    }
    if (reply.is_taken == 0) {
        log_error("a key that is in use is lost: %s", reply.error.text);
    }
    return true;
}

bool key_supply_connect(struct key_supply *supply, int sock)
{
    key_supply_disconnect(supply);
    supply->sock = sock;
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &supply->keys[i])
        {
            if (!send_key(supply, LIST_ENTRY(node, struct supplied, node))) {
                return false;
            }
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
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &supply->keys[i])
        {
            free_supplied(supply, LIST_ENTRY(node, struct supplied, node));
        }
    }
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
