#include "base/followed.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/file_stamp.h"
#include "base/log.h"
#include "base/strbuf.h"

/* Of a change that is younger it is not known whether it is whole. */
#define SETTLE_NS 300000000

struct followed_object {
    atomic_uint references;
    const struct followed_type *type;
    void *parsed;
};

struct followed {
    const struct followed_type *type;
    char *path;
    struct file_stamp stamp; /* of the version that was looked at last, right or wrong */
    pthread_mutex_t lock;    /* of the pointer alone */
    struct followed_object *object;
};

static bool read_whole(int fd, size_t max, struct strbuf *bytes)
{
    for (;;) {
        ssize_t n = read(fd, strbuf_reserve(bytes, 16384), 16384);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0;
        }
        bytes->len += (size_t)n;
        if (bytes->len > max) {
            errno = EFBIG;
            return false;
        }
    }
}

/* With errno. */
static void tell_unread(const char *path, const struct followed_type *type, const char *verb,
                        struct error *error)
{
    if (type->unnamed != NULL) {
        (void)error_set(
            error,
            "cannot %s what %s names: %s; it takes %s, not the secret itself: write that "
            "to a file and name it, \"${CREDENTIALS_DIRECTORY}/NAME\" for example",
            verb, type->unnamed, strerror(errno), type->what);
    } else {
        (void)error_set(error, "cannot %s '%s', %s: %s", verb, path, type->what, strerror(errno));
    }
}

static struct followed_object *parse_file(const char *path, const struct followed_type *type,
                                          struct error *error)
{
    struct followed_object *object = NULL;
    struct strbuf bytes;
    void *parsed = NULL;
    int fd = file_opener_open(path);

    if (fd < 0) {
        tell_unread(path, type, "open", error);
        return NULL;
    }
    strbuf_init(&bytes);
    if (read_whole(fd, type->max_bytes, &bytes)) {
        parsed = type->parse(strbuf_span(&bytes), error);
    } else if (errno == EFBIG) {
        (void)error_set(error, "'%s' is longer than %zu bytes, which %s must not be", path,
                        type->max_bytes, type->what);
    } else {
        tell_unread(path, type, "read", error);
    }
    (void)close(fd);
    if (bytes.ptr != NULL) {
        explicit_bzero(bytes.ptr, bytes.len); /* it may be a file of secrets */
    }
    strbuf_free(&bytes);
    if (parsed != NULL) {
        object = xcalloc(1, sizeof(*object));
        object->type = type;
        object->parsed = parsed;
        atomic_init(&object->references, 1);
    }
    return object;
}

struct followed *followed_open(const char *path, const struct followed_type *type,
                               struct error *error)
{
    struct file_stamp stamp = file_opener_stamp(path);
    struct followed_object *object = parse_file(path, type, error);
    struct followed *followed;

    if (object == NULL) {
        return NULL;
    }
    followed = xcalloc(1, sizeof(*followed));
    followed->type = type;
    followed->path = xstrdup(path);
    followed->stamp = stamp;
    followed->object = object;
    (void)pthread_mutex_init(&followed->lock, NULL);
    return followed;
}

void followed_close(struct followed *followed)
{
    if (followed == NULL) {
        return;
    }
    followed_put(followed->object);
    (void)pthread_mutex_destroy(&followed->lock);
    free(followed->path);
    free(followed);
}

const char *followed_path(const struct followed *followed)
{
    return followed->path;
}

/* Whoever writes into the file, and does not put another in its place, leaves it empty or cut for a
 * moment, and that could be read without an error. */
static bool is_settled(const char *path, const struct file_stamp *stamp)
{
    static const struct timespec moment = {.tv_nsec = SETTLE_NS};
    struct timespec now;
    struct file_stamp later;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - stamp->changed_ns > SETTLE_NS) {
        return true;
    }
    (void)nanosleep(&moment, NULL);
    later = file_opener_stamp(path);
    return file_stamp_equal(&later, stamp);
}

enum followed_look followed_look(struct followed *followed, struct error *error)
{
    struct file_stamp stamp = file_opener_stamp(followed->path);
    struct followed_object *object;
    struct followed_object *old;

    if (file_stamp_equal(&stamp, &followed->stamp)) {
        return FOLLOWED_SAME;
    }
    if (stamp.inode != 0 && !is_settled(followed->path, &stamp)) {
        return FOLLOWED_SAME; /* until the next look */
    }
    followed->stamp = stamp;
    object = parse_file(followed->path, followed->type, error);
    if (object == NULL) {
        return FOLLOWED_WRONG;
    }
    (void)pthread_mutex_lock(&followed->lock);
    old = followed->object;
    followed->object = object;
    (void)pthread_mutex_unlock(&followed->lock);
    followed_put(old);
    return FOLLOWED_CHANGED;
}

bool followed_refresh(struct followed *followed)
{
    struct error error;

    switch (followed_look(followed, &error)) {
    case FOLLOWED_SAME:
        return false;
    case FOLLOWED_CHANGED:
        log_info("'%s' is used as it is now", followed->path);
        return true;
    case FOLLOWED_WRONG:
        log_warn("'%s' has changed, and the version before is used on: %s", followed->path,
                 error.text);
        break;
    }
    return false;
}

struct followed_object *followed_get(struct followed *followed)
{
    struct followed_object *object;

    (void)pthread_mutex_lock(&followed->lock);
    object = followed->object;
    (void)atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&followed->lock);
    return object;
}

const void *followed_read(const struct followed_object *object)
{
    return object->parsed;
}

void followed_put(struct followed_object *object)
{
    if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1) {
        object->type->destroy(object->parsed);
        free(object);
    }
}
