#include "process/file_broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/log.h"
#include "gateway/snapshot.h"
#include "io/fd_pass.h"
#include "process/key_service.h"
#include "tls/cert_store.h"

/* How long the gateway waits for the supervisor, which has little else to do. */
#define ANSWER_MS 5000

enum file_question { FILE_OPEN = 'O', FILE_STAT = 'S' };

/* The path follows, without a NUL. */
struct file_request {
    uint32_t number;
    char question;
    char path[PATH_MAX];
};

#define REQUEST_HEAD offsetof(struct file_request, path)

/* FILE_OPEN's descriptor comes beside it. */
struct file_answer {
    uint32_t number;
    int32_t error; /* errno; 0: done */
    struct stat st;
};

/* ---- the supervisor's side ---- */

int file_broker_open(struct file_broker *broker, const struct bundle_head *head,
                     struct bundle_head *const *next, const struct privileges *privileges,
                     struct key_service *keys, bool is_confined)
{
    int pair[2];

    *broker = (struct file_broker){head, next, privileges, keys, -1};
    /* Who stays who it is reads what it could read at the start, if it is not confined to that. */
    if ((!privileges->change_user && !is_confined) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    broker->fd = pair[0];
    return pair[1];
}

void file_broker_close(struct file_broker *broker)
{
    if (broker->fd >= 0) {
        (void)close(broker->fd);
        broker->fd = -1;
    }
}

/* A descriptor of a regular file or a folder; what else a path leads to could keep us waiting. */
static int open_checked(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, st) != 0 || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))) {
        (void)close(fd);
        errno = EACCES;
        return -1;
    }
    return fd;
}

/* The folder itself, a folder in it (which is asked for with a '/' behind it, so that no file can
 * be meant), or a file of a certificate in either. */
static bool is_of_folder(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    const char *name = path + len + 1;
    const char *slash;

    if (strncmp(path, folder, len) != 0) {
        return false;
    }
    if (path[len] != '/') {
        return path[len] == '\0';
    }
    slash = strchr(name, '/');
    if (slash == NULL) {
        return cert_store_is_file_name(name);
    }
    return name[0] != '.' && slash != name && strchr(slash + 1, '/') == NULL &&
           (slash[1] == '\0' || cert_store_is_file_name(slash + 1));
}

struct search {
    const char *path;
    bool is_found;
};

static void look_in_folder(void *arg, const struct bundle_named *named)
{
    struct search *search = arg;

    search->is_found |= named->kind == BUNDLE_FOLDER && is_of_folder(named->path, search->path);
}

/* Whether the path is a file that the configuration is made of, or a folder that it names, or a
 * certificate's file in one of certificates. */
static bool is_named(const struct bundle_head *head, const char *path)
{
    struct search search = {path, bundle_head_names(head, path)};

    if (!search.is_found) {
        bundle_head_each(head, look_in_folder, &search);
    }
    return search.is_found;
}

static bool is_of_broker(const struct file_broker *broker, const char *path)
{
    const struct bundle_head *next = broker->next != NULL ? *broker->next : NULL;

    return is_named(broker->head, path) || (next != NULL && is_named(next, path));
}

bool file_broker_may_read(void *broker, const char *path)
{
    return is_of_broker(broker, path);
}

static void answer(const struct file_broker *broker, const struct file_request *request)
{
    struct file_answer reply = {.number = request->number, .error = EACCES};
    const struct privileges *who = broker->privileges;
    int fd = -1;

    if (is_of_broker(broker, request->path) &&
        (!who->change_user || file_opener_is_safe(request->path, who->uid, who->gid))) {
        bool is_done = request->question == FILE_STAT
                           ? stat(request->path, &reply.st) == 0
                           : (fd = open_checked(request->path, &reply.st)) >= 0;
        reply.error = is_done ? 0 : errno;
        if (fd >= 0 && S_ISREG(reply.st.st_mode)) {
            fd = key_service_without_keys(broker->keys, request->path, fd);
            reply.error = fd >= 0 ? 0 : EACCES;
        }
    }
    /* A gateway that does not read its answers goes without. */
    (void)!fd_pass_send(broker->fd, &reply, sizeof(reply), fd);
    if (fd >= 0) {
        (void)close(fd);
    }
}

void file_broker_serve(struct file_broker *broker)
{
    struct file_request request;
    ssize_t len = recv(broker->fd, &request, sizeof(request), MSG_DONTWAIT);

    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
        file_broker_close(broker);
        return;
    }
    if (len > (ssize_t)REQUEST_HEAD && len < (ssize_t)sizeof(request)) {
        ((char *)&request)[len] = '\0';
        answer(broker, &request);
    }
}

/* ---- the gateway's side ---- */

static struct {
    int fd;
    pthread_mutex_t lock; /* one question at a time */
    uint32_t number;
} asker = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* The answer to this question; one to a question that was given up is passed over. */
static bool receive(uint32_t number, struct file_answer *reply, int *fd)
{
    struct pollfd ready = {.fd = asker.fd, .events = POLLIN};

    while (poll(&ready, 1, ANSWER_MS) > 0) {
        ssize_t got = fd_pass_receive(asker.fd, reply, sizeof(*reply), fd);
        if (got == (ssize_t)sizeof(*reply) && reply->number == number) {
            return true;
        }
        if (*fd >= 0) {
            (void)close(*fd);
            *fd = -1;
        }
        if (got != (ssize_t)sizeof(*reply)) {
            return false;
        }
    }
    return false;
}

static bool ask(enum file_question question, const char *path, struct file_answer *reply, int *fd)
{
    struct file_request request = {.question = (char)question};
    size_t len = strlen(path);
    bool is_answered;

    *fd = -1;
    if (len == 0 || len >= sizeof(request.path)) {
        return false;
    }
    memcpy(request.path, path, len);
    (void)pthread_mutex_lock(&asker.lock);
    request.number = ++asker.number;
    is_answered = send(asker.fd, &request, REQUEST_HEAD + len, MSG_NOSIGNAL) > 0 &&
                  receive(request.number, reply, fd);
    (void)pthread_mutex_unlock(&asker.lock);
    errno = is_answered ? reply->error : EACCES;
    return is_answered && reply->error == 0;
}

static int ask_open(void *arg, const char *path)
{
    struct file_answer reply;
    int fd;

    (void)arg;
    return ask(FILE_OPEN, path, &reply, &fd) ? fd : -1;
}

static int ask_stat(void *arg, const char *path, struct stat *st)
{
    struct file_answer reply;
    int fd;

    (void)arg;
    if (!ask(FILE_STAT, path, &reply, &fd)) {
        return -1;
    }
    *st = reply.st;
    return 0;
}

void file_broker_use(int fd)
{
    static const struct file_helper helper = {ask_open, ask_stat, NULL};

    asker.fd = fd;
    file_opener_set_helper(fd >= 0 ? &helper : NULL);
}

/* ---- what is told at the start ---- */

static void tell(void *arg, const char *owner, const char *path)
{
    const struct privileges *who = arg;

    if (file_opener_may_read(path, who->uid, who->gid)) {
        return;
    }
    if (file_opener_is_safe(path, who->uid, who->gid)) {
        log_info("%s: '%s' is not for the gateway's user (uid %u) to read: the supervisor opens it "
                 "for the gateway when it has changed",
                 owner, path, (unsigned)who->uid);
        return;
    }
    log_warn(
        "%s: '%s' is not for the gateway's user (uid %u) to read, and that user may write to "
        "its folder, so the supervisor will not open it either: what changes there is not seen "
        "until a restart; move it to a folder of root's own, or let the user's group read it "
        "(chgrp, chmod g+r)",
        owner, path, (unsigned)who->uid);
}

void file_broker_tell(const struct snapshot *snapshot, const struct privileges *privileges)
{
    struct privileges who = *privileges;

    if (privileges->change_user) {
        snapshot_each_file(snapshot, tell, &who);
    }
}
