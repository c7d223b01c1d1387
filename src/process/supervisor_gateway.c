#include "process/supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/deaths.h"
#include "gateway/gateway.h"
#include "io/fd_pass.h"
#include "process/gateway_child.h"

/* --- the gateway process --- */

static bool prepare_keys(struct supervisor *s, struct error *error)
{
    const struct plan *plan = s->loaded.plan;
    unsigned workers = plan->has_keyholder ? gateway_worker_count(plan->workers) : 0;

    return key_service_prepare_gateway(s->keys, workers, (uint32_t)plan->signatures,
                                       file_broker_may_read, &s->files, error);
}

/* Whether the sockets end with this process, or somebody else goes on with them. */
static bool is_owner(const struct supervisor *s)
{
    return (s->takeover.state == TAKEOVER_NONE || s->takeover.state == TAKEOVER_DONE) &&
           !listen_is_shared(&s->listening);
}

bool supervisor_start_gateway(struct supervisor *s)
{
    int pair[2];
    pid_t parent = getpid();
    struct error error;
    pid_t pid;
    int files_fd;

    if (!listen_revive(&s->listening, &error) || !prepare_keys(s, &error)) {
        log_error("%s", error.text);
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("cannot start the gateway: socketpair: %s; raise the limit of open files "
                  "(LimitNOFILE= of the service, or ulimit -n)",
                  strerror(errno));
        return false;
    }
    files_fd = file_broker_open(&s->files, s->loaded.head, &s->change.next.head, &s->privileges,
                                s->keys, s->loaded.plan->is_confined);
    (void)fflush(NULL); /* or both processes would print what waits in a buffer */
    pid = fork();
    if (pid < 0) {
        log_error("cannot start the gateway: fork: %s; there is too little memory, or the limit of "
                  "processes is reached (TasksMax= of the service, or ulimit -u)",
                  strerror(errno));
        (void)close(pair[0]);
        (void)close(pair[1]);
        file_broker_close(&s->files);
        key_service_gateway_ended(s->keys);
        if (files_fd >= 0) {
            (void)close(files_fd);
        }
        return false;
    }
    if (pid == 0) {
        (void)close(pair[0]);
        file_broker_close(&s->files);
        supervisor_let_go(s);
        change_let_go(&s->change);
        gateway_child_be(&(struct gateway_child){
            .config_path = s->options->config_path,
            .version = s->options->version,
            .loaded = &s->loaded,
            .listening = &s->listening,
            .privileges = &s->privileges,
            .keys = s->keys,
            .signals = &s->old_signals,
            .admin_fd = s->admin.fd,
            .control_fd = pair[1],
            .files_fd = files_fd,
            .parent = parent,
            .orders_fd = s->orders_fd,
            .is_started_again = s->was_ever_up || s->takeover.state != TAKEOVER_NONE,
            .is_owner = is_owner(s),
        });
    }
    (void)close(pair[1]);
    key_service_gateway_forked(s->keys);
    if (files_fd >= 0) {
        (void)close(files_fd);
    }
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    s->control_fd = pair[0];
    s->gateway = pid;
    s->started_ms = clock_ms();
    supervisor_set_state(s, SUPERVISOR_STARTING);
    return true;
}

/* --- what happens to it --- */

void supervisor_send(const struct supervisor *s, enum gateway_word word, int fd)
{
    const struct gateway_message message = {.word = (int32_t)word};

    if (s->control_fd >= 0) {
        /* It fails only when the gateway is dead, of which SIGCHLD tells. */
        (void)!fd_pass_send(s->control_fd, &message, sizeof(message), fd);
    }
}

static void close_control(struct supervisor *s)
{
    if (s->control_fd >= 0) {
        (void)close(s->control_fd);
        s->control_fd = -1;
    }
    file_broker_close(&s->files);
}

/* New connections are refused from now on; what still waited to be accepted is reset. */
void supervisor_stop_listening(struct supervisor *s)
{
    if (s->takeover.state == TAKEOVER_COMING || s->takeover.state == TAKEOVER_READY) {
        listen_undo(&s->listening); /* the process that is in charge goes on with them */
    } else {
        listen_stop(&s->listening);
    }
    s->quiet_ms = 0;
}

static void is_up(struct supervisor *s)
{
    supervisor_set_state(s, SUPERVISOR_IS_UP);
    s->was_ever_up = true;
    log_info("ready");
    if (s->takeover.state == TAKEOVER_COMING) {
        takeover_ready(&s->takeover);
    } else {
        supervisor_tell_ready(s);
    }
}

/* Given to the next gateway, or to whoever is in charge meanwhile. */
static void keep_orders(struct supervisor *s, int *fd)
{
    if (*fd < 0) {
        return;
    }
    if (s->orders_fd >= 0) {
        (void)close(s->orders_fd);
    }
    s->orders_fd = *fd;
    *fd = -1;
    if (s->has_handed_over && s->upgrade.link_fd >= 0) {
        (void)!handover_say(s->upgrade.link_fd, HANDOVER_ORDERS, s->orders_fd);
    }
}

static void on_message(struct supervisor *s, const struct gateway_message *message, int fd)
{
    switch (message->word) {
    case GATEWAY_UP:
        if (s->state == SUPERVISOR_STARTING) {
            is_up(s);
        }
        break;
    case GATEWAY_QUIET:
        if (s->has_handed_over) {
            supervisor_gateway_is_quiet(s);
        } else if (s->quiet_ms != 0) {
            supervisor_stop_listening(s);
        }
        break;
    case GATEWAY_TAKEN:
        if (s->change.state == CHANGE_OFFERED) {
            change_taken(&s->change);
            supervisor_keep_sockets(s);
        }
        break;
    case GATEWAY_REFUSED:
        if (s->change.state == CHANGE_OFFERED) {
            change_refused(&s->change, fd);
            fd = -1;
        }
        break;
    case GATEWAY_RELOAD:
        if (fd >= 0) {
            supervisor_ask_for_change(s, fd);
            fd = -1;
        }
        break;
    case GATEWAY_UPGRADE:
        if (fd >= 0) {
            supervisor_ask_for_upgrade(s, fd);
            fd = -1;
        }
        break;
    case GATEWAY_LEGACY:
        if (s->has_handed_over && s->upgrade.link_fd >= 0) {
            (void)!handover_say(s->upgrade.link_fd, HANDOVER_LEGACY, fd);
        }
        break;
    case GATEWAY_KEEP:
        keep_orders(s, &fd);
        break;
    default:
        break;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void supervisor_read_control(struct supervisor *s)
{
    struct gateway_message message;
    int fd;
    ssize_t got = fd_pass_receive(s->control_fd, &message, sizeof(message), &fd);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_control(s);
        return;
    }
    if (got == (ssize_t)sizeof(message)) {
        on_message(s, &message, fd);
    } else if (fd >= 0) {
        (void)close(fd);
    }
}

/* What it said before it ended. */
static void read_last_words(struct supervisor *s)
{
    struct pollfd ready = {.fd = s->control_fd, .events = POLLIN};

    while (s->control_fd >= 0 && poll(&ready, 1, 0) > 0) {
        supervisor_read_control(s);
    }
}

void supervisor_wait_and_restart(struct supervisor *s, uint64_t lived_ms)
{
    uint64_t pause_ms = backoff_next(&s->backoff, lived_ms);

    s->deadline_ms = clock_ms() + pause_ms;
    supervisor_set_state(s, SUPERVISOR_WAITING);
    log_warn("starting the gateway again in %" PRIu64 " ms; the sockets stay open, new connections "
             "wait in their queues",
             pause_ms);
}

static void describe_death(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, size, "was ended by signal %d (%s)%s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        (void)snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
    }
}

void supervisor_gateway_ended(struct supervisor *s, int status)
{
    uint64_t lived_ms = clock_ms() - s->started_ms;
    bool was_told = s->state == SUPERVISOR_DRAINING || s->state == SUPERVISOR_KILLING;
    bool is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char how[128];

    /* Its last words may still wait in the socket: it may have been up for a moment. */
    read_last_words(s);
    close_control(s);
    key_service_gateway_ended(s->keys);
    s->gateway = 0;
    describe_death(status, how, sizeof(how));
    if (!is_clean || !was_told) {
        deaths_collect(how, clock_wall_ms(), clock_ms());
    }
    if (s->change.state == CHANGE_OFFERED) {
        change_fail(&s->change, "the gateway ended while it took up the configuration");
    }
    if (s->has_handed_over) {
        supervisor_gateway_is_quiet(s);
    }
    if (was_told) {
        if (!is_clean) {
            log_warn("the gateway %s while it was stopping", how);
            s->exit_status = 1;
        }
        supervisor_set_state(s, SUPERVISOR_ENDED);
        return;
    }
    log_error("the gateway (process that carries the traffic) %s after %" PRIu64 " ms", how,
              lived_ms);
    if (!s->was_ever_up) {
        log_error("it never came up, so there is no use in trying again; its messages are above");
        s->exit_status = 1;
        supervisor_set_state(s, SUPERVISOR_ENDED);
        return;
    }
    supervisor_wait_and_restart(s, lived_ms);
}
