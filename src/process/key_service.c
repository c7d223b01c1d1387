#include "process/key_service.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_opener.h"
#include "base/key_uri.h"
#include "base/log.h"
#include "io/fd_pass.h"
#include "keys/key_client.h"
#include "keys/key_message.h"
#include "keys/key_supply.h"
#include "keys/keyholder.h"
#include "process/backoff.h"
#include "process/confine.h"
#include "process/inherited.h"
#include "process/key_desk.h"
#include "process/privileges.h"
#include "sandbox/sandbox.h"
#include "tls/cert_store.h"
#include "tls/key_source.h"
#include "tls/private_key.h"

/* How long a keyholder that was told to end may take. */
#define GRACE_MS 3000
#define GROUPS_MAX 256

/* A process that uses keys. */
struct desk {
    struct key_user *user; /* NULL: there is no such process */
    size_t ring_count;
    int ends[2]; /* its questions: ours, and before the fork its; -1: none */
};

struct key_service {
    struct key_supply *supply;
    bool keep_dumpable;
    struct key_terms terms; /* the loader's, before it wants the first key */
    bool has_terms;
    struct module_files modules;        /* that the keyholder there is was started with */
    struct module_files modules_wanted; /* by the configuration in use, or the one to come */
    struct module_files modules_in_use;
    bool is_ending;
    struct desk loader;
    struct desk gateway;
    struct key_user *in_use; /* what was read for the bundle in use, and for the next; NULL: none */
    struct key_user *next;
    bool is_offered;
    key_may_read_fn *may_read;
    void *arg;
    pid_t pid; /* of the keyholder; 0: none */
    uint64_t started_ms;
    uint64_t due_ms; /* it is started then; UINT64_MAX: it is there, or is not needed */
    struct backoff backoff;
};

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* ---- the process ---- */

/* What is told to a group of processes (a terminal's Ctrl-C) is not for it: it ends when nobody
 * needs it any more. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigset_t none;

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_keyholder(const struct key_service *service, int control_fd)
{
    struct privileges privileges = service->terms.privileges;
    struct error error;
    int fd = STDERR_FILENO + 1;

    log_set_role("keyholder");
    ignore_signals();
    (void)prctl(PR_SET_NAME, "keyholder", 0, 0, 0);
    key_source_set(NULL);
    key_client_leave_rings();
    /* Nothing that the supervisor has open: sockets, logs, others' rings. */
    if (control_fd != fd && dup2(control_fd, fd) < 0) {
        log_error("cannot start: dup2: %s", strerror(errno));
        exit(1);
    }
    inherited_close_from(fd + 1);
    keyholder_lock_memory();
    privileges.keep_dumpable = service->keep_dumpable;
    if (!privileges_drop(&privileges, &error)) {
        log_error("%s", error.text);
        exit(1);
    }
    confine_keyholder(service->terms.is_confined, &service->modules, service->keep_dumpable);
    exit(keyholder_main(fd));
}

/* Until the keyholder has all keys and rings that there are. */
static bool fork_keyholder(struct key_service *service, struct error *error)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set_errno(error, errno,
                               "cannot start the process that has the keys "
                               "(keyholder): socketpair");
    }
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        be_keyholder(service, pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return error_set_errno(error, errno,
                               "cannot start the process that has the keys (keyholder), for lack "
                               "of memory or because the limit of processes is reached (TasksMax= "
                               "of the service, or ulimit -u): fork");
    }
    service->pid = pid;
    service->started_ms = clock_ms();
    service->due_ms = UINT64_MAX;
    if (!key_supply_connect(service->supply, pair[0])) {
        (void)kill(pid, SIGKILL); /* its end is told by SIGCHLD, like any other */
        return error_set(error, "the process that has the keys (keyholder) does not answer");
    }
    return true;
}

/* ---- modules for keys in tokens ---- */

static bool same_modules(const struct module_files *one, const struct module_files *other)
{
    return one->count == other->count && memcmp(one->texts, other->texts, sizeof(one->texts)) == 0;
}

/* What a process is confined to cannot grow, so another one takes its place: it is given all keys
 * and rings, and handshakes wait meanwhile. */
static void use_modules(struct key_service *service, const struct module_files *modules)
{
    if (same_modules(&service->modules, modules)) {
        return;
    }
    service->modules = *modules;
    if (service->pid != 0) {
        log_info("the keyholder (process that has the keys) is exchanged for one that may load "
                 "%s; handshakes wait meanwhile",
                 modules->count != 0 ? "modules for keys in tokens" : "no modules any more");
        (void)kill(service->pid, SIGKILL);
        while (waitpid(service->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        service->pid = 0;
        service->due_ms = clock_ms();
        key_supply_disconnect(service->supply);
    }
}

/* Once nothing is on its way: a keyholder with modules is there while a key is in a token, and no
 * longer. */
static void settle(struct key_service *service)
{
    const struct module_files none = {.count = 0};
    bool needs = key_supply_has_tokens(service->supply);

    if (!service->is_ending && service->loader.user == NULL && service->next == NULL) {
        service->modules_wanted = service->modules_in_use;
        use_modules(service, needs ? &service->modules_in_use : &none);
    }
}

/* ---- starting it ---- */

/* For the first key, and where it has died just now; fd is closed where it cannot be. */
static bool start_if_needed(struct key_service *service, int fd, struct error *error)
{
    int status;

    if (service->pid != 0 && waitpid(service->pid, &status, WNOHANG) == service->pid) {
        (void)key_service_reap(service, service->pid, status);
    }
    if (service->pid != 0 || (service->has_terms && fork_keyholder(service, error))) {
        return true;
    }
    if (!service->has_terms) {
        (void)error_set(error, "nobody has said how the process that has the keys is to be");
    }
    close_one(&fd);
    return false;
}

/* ---- keys ---- */

/* As the gateway's user would. */
static int open_as_user(const struct privileges *who, const char *path, const char *what,
                        struct error *error)
{
    gid_t groups[GROUPS_MAX];
    int count = getgroups(GROUPS_MAX, groups);
    int fd;

    if (count < 0 || setgroups(0, NULL) != 0) {
        (void)error_set_errno(error, errno, "the key file '%s' may not be opened", path);
        return -1;
    }
    (void)setfsgid(who->gid);
    (void)setfsuid(who->uid);
    fd = private_key_open(path, what, error);
    (void)setfsuid(geteuid());
    (void)setfsgid(getegid());
    (void)setgroups((size_t)count, groups);
    return fd;
}

/* One decision: whether a key was read for the bundle in use, or for the next one. */
static bool was_loaded(const struct key_service *service, const char *path)
{
    return (service->in_use != NULL && key_user_has_taken(service->in_use, path)) ||
           (service->next != NULL && key_user_has_taken(service->next, path));
}

/* Whether the gateway may have this key read; one in a token is in no list of files. */
static bool may_use(const struct key_service *service, const char *key)
{
    return key_uri_file(key) != NULL ? service->may_read(service->arg, key)
                                     : was_loaded(service, key);
}

static int open_for_gateway(const struct key_service *service, const char *path, const char *what,
                            struct error *error)
{
    const struct privileges *who = &service->terms.privileges;

    return !who->change_user || file_opener_is_safe(path, who->uid, who->gid)
               ? private_key_open(path, what, error)
               : open_as_user(who, path, what, error);
}

/* The file that a key is in, or the one with its token's PIN; *fd -1: it has none. */
static bool open_for(const struct key_service *service, bool is_gateway, const char *key, int *fd,
                     struct error *error)
{
    struct key_uri uri;
    const char *file;
    const char *what;

    *fd = -1;
    if (is_gateway && !may_use(service, key)) {
        return error_set(error, "the configuration names no key '%s'", key);
    }
    if (!key_uri_opens(key, &uri, &file, error)) {
        return false;
    }
    if (file == NULL) {
        return true;
    }
    what = file == key ? "key" : "PIN";
    *fd = is_gateway ? open_for_gateway(service, file, what, error)
                     : private_key_open(file, what, error);
    return *fd >= 0;
}

/* The one that was read for the bundle which it builds from. */
static bool take_loaded(struct key_service *service, const char *path, struct key_public *key)
{
    const struct key_user *other =
        service->is_offered && service->next != NULL ? service->next : service->in_use;

    return other != NULL &&
           key_supply_take_as(service->supply, service->gateway.user, other, path, key);
}

static bool take(struct key_service *service, const struct desk *desk,
                 const struct key_desk_request *request, struct key_reply *reply)
{
    bool is_gateway = desk == &service->gateway;
    int fd;

    if (is_gateway && request->is_loaded != 0 && take_loaded(service, request->path, &reply->key)) {
        return true;
    }
    if (!open_for(service, is_gateway, request->path, &fd, &reply->error)) {
        return false;
    }
    if (key_uri_file(request->path) == NULL) {
        use_modules(service, &service->modules_wanted);
    }
    return start_if_needed(service, fd, &reply->error) &&
           key_supply_take(service->supply, desk->user, request->path, fd, &reply->key,
                           &reply->error);
}

static void read_for(struct key_service *service, const struct desk *desk,
                     const struct key_desk_request *request)
{
    struct key_reply *reply = xcalloc(1, sizeof(*reply));

    reply->number = request->number;
    reply->is_taken = take(service, desk, request, reply) ? 1 : 0;
    /* A process that does not read its answers goes without. */
    (void)!fd_pass_send(desk->ends[0], reply, sizeof(*reply), -1);
    free(reply);
}

/* One decision: whether a file of the configuration's may have a private key in it. */
static bool may_hold_key(const struct key_service *service, const char *path)
{
    return was_loaded(service, path) || cert_store_may_hold_key(path);
}

int key_service_without_keys(struct key_service *service, const char *path, int fd)
{
    struct error error;
    int rest;

    if (service->gateway.user == NULL || !may_hold_key(service, path)) {
        return fd;
    }
    if (!start_if_needed(service, fd, &error)) {
        log_warn("%s", error.text);
        return -1;
    }
    rest = key_supply_read_rest(service->supply, path, fd, &error);
    if (rest < 0) {
        log_warn("%s", error.text);
    }
    return rest;
}

/* ---- life ---- */

struct key_service *key_service_create(bool keep_dumpable)
{
    struct key_service *service = xcalloc(1, sizeof(*service));

    *service = (struct key_service){.supply = key_supply_create(),
                                    .keep_dumpable = keep_dumpable,
                                    .loader = {.ends = {-1, -1}},
                                    .gateway = {.ends = {-1, -1}},
                                    .due_ms = UINT64_MAX};
    sandbox_prepare(); /* reports are in memory that all processes share */
    return service;
}

static void wait_for_end(struct key_service *service)
{
    uint64_t end = clock_ms() + GRACE_MS;

    while (service->pid > 0 && waitpid(service->pid, NULL, WNOHANG) == 0) {
        if (clock_ms() >= end) {
            log_warn("the keyholder did not end in time; killing it");
            (void)kill(service->pid, SIGKILL);
            end = UINT64_MAX;
        }
        (void)poll(NULL, 0, 1);
    }
    service->pid = 0;
}

void key_service_destroy(struct key_service *service)
{
    service->is_ending = true;
    key_service_drop_next(service);
    key_service_gateway_ended(service);
    key_supply_destroy(service->supply);
    wait_for_end(service);
    free(service);
}

/* ---- processes ---- */

static bool desk_open(struct key_service *service, struct desk *desk, size_t rings, uint32_t rate,
                      struct error *error)
{
    desk->user = key_supply_add_user(service->supply, rings, rate, error);
    if (desk->user == NULL) {
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, desk->ends) != 0) {
        key_supply_end_user(service->supply, desk->user);
        desk->user = NULL;
        return error_set_errno(error, errno, "cannot start a process: socketpair");
    }
    desk->ring_count = rings;
    return true;
}

/* In the child. */
static void desk_become(struct key_service *service, struct desk *desk, struct desk *other)
{
    close_one(&desk->ends[0]);
    close_one(&other->ends[0]);
    close_one(&other->ends[1]);
    key_supply_become(service->supply, desk->user);
    if (!key_client_use_rings(key_user_rings(desk->user), desk->ring_count)) {
        log_error("cannot share memory with the process that has the keys: %s; no handshake will "
                  "succeed",
                  strerror(errno));
    }
    key_desk_set(desk->ends[1]);
}

static void desk_forked(struct desk *desk)
{
    if (desk->user != NULL) {
        close_one(&desk->ends[1]);
        key_user_was_forked(desk->user);
    }
}

/* What it has taken is the caller's; NULL: there was no such process. */
static struct key_user *desk_close(struct desk *desk)
{
    struct key_user *user = desk->user;

    close_one(&desk->ends[0]);
    close_one(&desk->ends[1]);
    desk->user = NULL;
    return user;
}

static void serve(struct key_service *service, struct desk *desk)
{
    struct key_desk_request request;
    ssize_t got;

    if (desk->ends[0] < 0) {
        return;
    }
    got = recv(desk->ends[0], &request, sizeof(request), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_one(&desk->ends[0]);
        return;
    }
    if (got != (ssize_t)sizeof(request)) {
        return;
    }
    request.path[sizeof(request.path) - 1] = '\0';
    if (request.kind == KEY_DESK_READ) {
        read_for(service, desk, &request);
    } else if (request.kind == KEY_DESK_LET_GO) {
        key_supply_let_go(service->supply, desk->user, &request.id, request.times);
        settle(service);
    } else if (request.kind == KEY_DESK_TERMS && desk == &service->loader) {
        service->terms = request.terms;
        service->modules_wanted = request.terms.modules;
        service->has_terms = true;
    }
}

/* ---- the loader ---- */

bool key_service_prepare_loader(struct key_service *service, struct error *error)
{
    return desk_open(service, &service->loader, 1, 0, error);
}

void key_service_in_loader(struct key_service *service)
{
    desk_become(service, &service->loader, &service->gateway);
}

void key_service_loader_forked(struct key_service *service)
{
    desk_forked(&service->loader);
}

void key_service_loader_ended(struct key_service *service, bool is_done)
{
    struct pollfd ready = {.fd = service->loader.ends[0], .events = POLLIN};
    struct key_user *user;

    /* What it said before it ended. */
    while (is_done && service->loader.ends[0] >= 0 && poll(&ready, 1, 0) > 0) {
        serve(service, &service->loader);
    }
    user = desk_close(&service->loader);
    if (is_done) {
        key_supply_end_user(service->supply, service->next);
        service->next = user;
        key_supply_end_rings(service->supply, user);
    } else {
        key_supply_end_user(service->supply, user);
    }
}

void key_service_offer_next(struct key_service *service)
{
    service->is_offered = true;
}

void key_service_adopt_next(struct key_service *service)
{
    service->is_offered = false;
    key_supply_end_user(service->supply, service->in_use);
    service->in_use = service->next;
    service->next = NULL;
    service->modules_in_use = service->modules_wanted;
    settle(service);
}

void key_service_drop_next(struct key_service *service)
{
    service->is_offered = false;
    key_service_loader_ended(service, false);
    key_supply_end_user(service->supply, service->next);
    service->next = NULL;
    settle(service);
}

/* ---- the gateway ---- */

bool key_service_prepare_gateway(struct key_service *service, unsigned workers, uint32_t rate,
                                 key_may_read_fn *may_read, void *arg, struct error *error)
{
    key_service_gateway_ended(service);
    service->may_read = may_read;
    service->arg = arg;
    /* One more, for its other threads. */
    return workers == 0 || desk_open(service, &service->gateway, workers + 1, rate, error);
}

void key_service_in_gateway(struct key_service *service)
{
    if (service->gateway.user == NULL) {
        close_one(&service->loader.ends[0]);
        key_supply_destroy(service->supply);
        return;
    }
    desk_become(service, &service->gateway, &service->loader);
    key_desk_use(true);
}

void key_service_gateway_forked(struct key_service *service)
{
    desk_forked(&service->gateway);
}

void key_service_gateway_ended(struct key_service *service)
{
    key_supply_end_user(service->supply, desk_close(&service->gateway));
    settle(service);
}

/* ---- for the supervisor's loop ---- */

int key_service_loader_fd(const struct key_service *service)
{
    return service->loader.ends[0];
}

int key_service_gateway_fd(const struct key_service *service)
{
    return service->gateway.ends[0];
}

void key_service_serve(struct key_service *service)
{
    serve(service, &service->loader);
    serve(service, &service->gateway);
}

bool key_service_reap(struct key_service *service, pid_t pid, int status)
{
    uint64_t lived_ms;
    uint64_t pause_ms;

    if (pid != service->pid) {
        return false;
    }
    lived_ms = clock_ms() - service->started_ms;
    pause_ms = backoff_next(&service->backoff, lived_ms);
    service->pid = 0;
    service->due_ms = clock_ms() + pause_ms;
    key_supply_disconnect(service->supply);
    log_error("the keyholder (process that has the keys) %s %d after %" PRIu64 " ms; starting it "
              "again in %" PRIu64 " ms; handshakes wait meanwhile",
              WIFSIGNALED(status) ? "was ended by signal" : "exited with status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), lived_ms, pause_ms);
    return true;
}

uint64_t key_service_due_ms(const struct key_service *service)
{
    return service->due_ms;
}

void key_service_on_time(struct key_service *service)
{
    struct error error;

    if (clock_ms() < service->due_ms) {
        return;
    }
    if (fork_keyholder(service, &error)) {
        log_info("the keyholder is there again");
        return;
    }
    log_error("%s", error.text);
    if (service->pid == 0) {
        service->due_ms = clock_ms() + backoff_next(&service->backoff, 0);
    }
}
