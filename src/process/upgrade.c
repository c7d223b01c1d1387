#include "process/upgrade.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "process/listen.h"
#include "process/notify.h"

/* Once the new process has let go of the link, until its end is told, with how it ended. */
#define LAST_WORDS_MS 2000

static void set_state(struct upgrade *u, enum upgrade_state state)
{
    static const char *const names[] = {"none", "starting", "committing", "leaving", "over"};

    log_debug("upgrade: %s -> %s", names[u->state], names[state]);
    u->state = state;
}

static void close_link(struct upgrade *u)
{
    if (u->link_fd >= 0) {
        (void)close(u->link_fd);
        u->link_fd = -1;
    }
}

static void close_report(struct upgrade *u)
{
    if (u->report_fd >= 0) {
        (void)close(u->report_fd);
        u->report_fd = -1;
    }
}

void upgrade_init(struct upgrade *u, const char *program)
{
    u->program = program;
    u->link_fd = u->report_fd = -1;
}

/* ---- the end ---- */

/* Nothing comes of it: the reason, for people. */
static void fail(struct upgrade *u, unsigned status, const char *reason)
{
    starter_kill(&u->starter);
    if (u->state == UPGRADE_COMMITTING) {
        notify_main(getpid());
    }
    if (u->report_fd >= 0) {
        report_to_log(u->report_fd);
        (void)dprintf(u->report_fd, "tidegate: error: not upgraded: %s\n", reason);
    }
    log_error("not upgraded: %s; this process stays in charge", reason);
    close_link(u);
    callers_answer(&u->callers, status, u->report_fd);
    close_report(u);
    u->pid = 0;
    set_state(u, UPGRADE_NONE);
    notify_send("READY=1\nSTATUS=ready; the last upgrade failed");
}

void upgrade_quiet(struct upgrade *u)
{
    if (u->report_fd >= 0) {
        report_to_log(u->report_fd);
        (void)dprintf(u->report_fd, "process %d has taken over\n", (int)u->pid);
    }
    if (u->link_fd >= 0) {
        (void)!handover_say(u->link_fd, HANDOVER_QUIET, -1);
    }
    callers_answer(&u->callers, 200, u->report_fd);
    close_report(u);
    set_state(u, UPGRADE_OVER);
}

/* ---- the beginning ---- */

static bool send_sockets(int link_fd, const struct listen_set *set)
{
    static struct handover message;

    message = (struct handover){.word = HANDOVER_SOCKETS};
    for (size_t i = 0; i < set->count; i++) {
        const struct listen_socket *s = &set->sockets[i];

        if (handover_add_socket(&message, s->fd, s->name, s->is_shared)) {
            continue;
        }
        if (!handover_send(link_fd, &message)) {
            return false;
        }
        message = (struct handover){.word = HANDOVER_SOCKETS};
        if (!handover_add_socket(&message, s->fd, s->name, s->is_shared)) {
            return false;
        }
    }
    return message.fd_count == 0 || handover_send(link_fd, &message);
}

static bool send_estate(int link_fd, const struct upgrade_estate *estate)
{
    static struct handover message;
    bool is_sent;

    message = (struct handover){.word = HANDOVER_HELLO,
                                .number = HANDOVER_PROTOCOL,
                                .fds = {STDERR_FILENO, estate->stand_in_fd},
                                .fd_count = estate->stand_in_fd >= 0 ? 2 : 1};
    is_sent = handover_send(link_fd, &message);
    message = (struct handover){.word = HANDOVER_SECRET, .text_len = SECRET_BYTES};
    memcpy(message.text, secret_of_process(), SECRET_BYTES);
    is_sent = is_sent && handover_send(link_fd, &message);
    explicit_bzero(message.text, SECRET_BYTES);
    return is_sent && send_sockets(link_fd, estate->listening) &&
           (estate->orders_fd < 0 || handover_say(link_fd, HANDOVER_ORDERS, estate->orders_fd)) &&
           handover_say(link_fd, HANDOVER_GO, -1);
}

/* Its errno is of what failed. */
static bool start(struct upgrade *u, const struct upgrade_estate *estate)
{
    int pair[2];
    bool is_started;
    int number;

    if (u->report_fd < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return false;
    }
    u->link_fd = pair[0];
    is_started = starter_run(&u->starter, pair[1], u->report_fd, estate->is_apart) &&
                 send_estate(u->link_fd, estate);
    number = errno;
    (void)close(pair[1]);
    errno = number;
    return is_started;
}

void upgrade_begin(struct upgrade *u, int connection, const struct upgrade_estate *estate)
{
    char reason[200];

    callers_add(&u->callers, connection);
    set_state(u, UPGRADE_STARTING);
    notify_reloading();
    notify_send("STATUS=another process is being started to take over");
    log_info("upgrade: starting %s", u->program);
    u->deadline_ms = clock_ms() + estate->limit_ms;
    u->limit_ms = estate->limit_ms;
    u->report_fd = memfd_create("tidegate-report", MFD_CLOEXEC);
    if (u->starter.fd < 0) {
        fail(u, 503, "the process that starts new versions is gone; restart the service instead");
    } else if (!start(u, estate)) {
        (void)snprintf(reason, sizeof(reason), "the new process could not be told: %s",
                       strerror(errno));
        fail(u, 503, reason);
    }
}

/* ---- what happens ---- */

/* It may have said why in its report; status 1 is an error of the operator's. */
static void new_process_ended(struct upgrade *u, int status)
{
    char reason[200];

    if (WIFSIGNALED(status)) {
        (void)snprintf(reason, sizeof(reason),
                       "the new process was ended by signal %d (%s) before it was in charge",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(reason, sizeof(reason),
                       "the new process exited with status %d before it was in charge; what it "
                       "said is above, or in the log",
                       WEXITSTATUS(status));
    }
    fail(u, WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 422 : 503, reason);
}

void upgrade_read_starter(struct upgrade *u)
{
    bool is_under_way = u->state == UPGRADE_STARTING || u->state == UPGRADE_COMMITTING;
    struct starter_news news;
    char reason[300];

    if (!starter_read(&u->starter, &news)) {
        if (u->starter.fd < 0 && is_under_way) {
            fail(u, 503, "the process that starts new versions is gone");
        } else if (u->starter.fd < 0) {
            log_warn("the process that starts new versions is gone: an upgrade takes a restart");
        }
        return;
    }
    if (!is_under_way) {
        return;
    }
    switch (news.word) {
    case STARTER_RUNS:
        u->pid = (pid_t)news.value;
        break;
    case STARTER_CANNOT_RUN:
        (void)snprintf(reason, sizeof(reason), "%.200s cannot be run: %s", u->program,
                       strerror(news.value));
        fail(u, 503, reason);
        break;
    case STARTER_HAS_ENDED:
        if (u->pid != 0) { /* or it is that of the one before, which was killed */
            new_process_ended(u, news.value);
        }
        break;
    default:
        break;
    }
}

enum upgrade_news upgrade_read_link(struct upgrade *u)
{
    static struct handover message;
    enum upgrade_news news = UPGRADE_NO_NEWS;

    switch (handover_receive(u->link_fd, &message)) {
    case HANDOVER_END:
        close_link(u);
        if (u->state == UPGRADE_STARTING || u->state == UPGRADE_COMMITTING) {
            u->deadline_ms = clock_ms() + LAST_WORDS_MS;
        }
        return UPGRADE_NO_NEWS;
    case HANDOVER_NOTHING:
        return UPGRADE_NO_NEWS;
    case HANDOVER_GOT:
        break;
    }
    if (message.word == HANDOVER_READY && u->state == UPGRADE_STARTING && u->pid != 0) {
        news = UPGRADE_IS_READY;
    } else if (message.word == HANDOVER_OWNED && u->state == UPGRADE_COMMITTING) {
        news = UPGRADE_IS_OWNED;
    }
    handover_close(&message);
    return news;
}

void upgrade_commit(struct upgrade *u, int orders_fd)
{
    set_state(u, UPGRADE_COMMITTING);
    if (!handover_say(u->link_fd, HANDOVER_COMMIT, orders_fd)) {
        close_link(u);
        u->deadline_ms = clock_ms() + LAST_WORDS_MS;
    }
}

void upgrade_leave(struct upgrade *u)
{
    set_state(u, UPGRADE_LEAVING);
    u->deadline_ms = clock_ms() + UPGRADE_QUIET_MS;
}

/* ---- time ---- */

uint64_t upgrade_deadline(const struct upgrade *u)
{
    return u->state == UPGRADE_NONE || u->state == UPGRADE_OVER ? UINT64_MAX : u->deadline_ms;
}

void upgrade_deadline_passed(struct upgrade *u)
{
    char reason[120];

    if (u->state == UPGRADE_LEAVING) {
        upgrade_quiet(u);
    } else if (u->link_fd < 0) {
        fail(u, 503,
             "the new process does not take over; is it a version that cannot? Restart "
             "the service instead");
    } else {
        (void)snprintf(reason, sizeof(reason),
                       "the new process did not serve within %" PRIu64 " ms (timeouts.upgrade)",
                       u->limit_ms);
        fail(u, 503, reason);
    }
}

void upgrade_let_go(const struct upgrade *u)
{
    const int fds[] = {u->starter.fd, u->link_fd, u->report_fd};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    callers_let_go(&u->callers);
}

void upgrade_free(struct upgrade *u)
{
    if (u->state == UPGRADE_STARTING || u->state == UPGRADE_COMMITTING) {
        fail(u, 503, "the gateway stops");
    }
    close_link(u);
    close_report(u);
    callers_answer(&u->callers, 503, -1);
    starter_end(&u->starter);
}
