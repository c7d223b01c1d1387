#include "process/takeover.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "process/given_sockets.h"
#include "process/handover.h"

/* The other one has sent all before it turns to something else. */
#define PATIENCE_MS 10000

static void replace(int *fd, int by)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = by;
}

static void take_sockets(struct handover *message, struct given_sockets *given)
{
    const char *name;
    bool is_foreign;

    for (size_t i = 0; handover_socket(message, i, &name, &is_foreign); i++) {
        int fd = handover_take_fd(message, i);

        if (fd >= 0) {
            given_add(given, fd, name, NULL, is_foreign);
        }
    }
}

/* *is_last: all is here. */
static bool take(struct takeover *t, struct handover *message, struct given_sockets *given,
                 bool *is_last, struct error *error)
{
    switch (message->word) {
    case HANDOVER_HELLO:
        if (message->number != HANDOVER_PROTOCOL) {
            return error_set(error,
                             "the process that runs hands over by protocol %d, and this version "
                             "knows %d: restart instead",
                             message->number, HANDOVER_PROTOCOL);
        }
        replace(&t->log_fd, handover_take_fd(message, 0));
        replace(&t->stand_in_fd, handover_take_fd(message, 1));
        break;
    case HANDOVER_SECRET:
        if (message->text_len == SECRET_BYTES) {
            secret_inherit((const unsigned char *)message->text);
        }
        explicit_bzero(message->text, message->text_len);
        break;
    case HANDOVER_SOCKETS:
        take_sockets(message, given);
        break;
    case HANDOVER_ORDERS:
        replace(&t->orders_fd, handover_take_fd(message, 0));
        break;
    case HANDOVER_GO:
        *is_last = true;
        break;
    default:
        break;
    }
    return true;
}

bool takeover_begin(struct takeover *t, int link_fd, struct given_sockets *given,
                    struct error *error)
{
    static struct handover message;
    struct pollfd ready = {.fd = link_fd, .events = POLLIN};
    bool is_last = false;

    *t = TAKEOVER_OF_NONE;
    if (link_fd < 0) {
        return true;
    }
    t->link_fd = link_fd;
    t->state = TAKEOVER_COMING;
    while (!is_last) {
        bool is_fine;

        if (poll(&ready, 1, PATIENCE_MS) <= 0) {
            return error_set(error, "the process whose place this one takes sends nothing");
        }
        switch (handover_receive(link_fd, &message)) {
        case HANDOVER_END:
            return error_set(error, "the process whose place this one takes is gone");
        case HANDOVER_NOTHING:
            continue;
        case HANDOVER_GOT:
            break;
        }
        is_fine = take(t, &message, given, &is_last, error);
        handover_close(&message);
        if (!is_fine) {
            return false;
        }
    }
    return true;
}

void takeover_use_log(struct takeover *t)
{
    if (t->log_fd >= 0) {
        (void)dup2(t->log_fd, STDERR_FILENO);
        replace(&t->log_fd, -1);
    }
}

void takeover_ready(struct takeover *t)
{
    if (t->state == TAKEOVER_COMING) {
        t->state = TAKEOVER_READY;
        (void)!handover_say(t->link_fd, HANDOVER_READY, -1); /* its end is told by reading */
    }
}

void takeover_owned(const struct takeover *t)
{
    (void)!handover_say(t->link_fd, HANDOVER_OWNED, -1);
}

static enum takeover_news on_message(struct takeover *t, struct handover *message)
{
    if (message->word == HANDOVER_COMMIT && t->state == TAKEOVER_READY) {
        t->state = TAKEOVER_DONE;
        replace(&t->orders_fd, handover_take_fd(message, 0));
        return TAKEOVER_IS_OURS;
    }
    if (message->word == HANDOVER_ORDERS && t->state == TAKEOVER_DONE) {
        replace(&t->orders_fd, handover_take_fd(message, 0));
        return TAKEOVER_NEW_ORDERS;
    }
    if (message->word == HANDOVER_LEGACY && t->state == TAKEOVER_DONE) {
        replace(&t->legacy_fd, handover_take_fd(message, 0));
        return TAKEOVER_LEGACY;
    }
    return message->word == HANDOVER_QUIET && t->state == TAKEOVER_DONE ? TAKEOVER_IS_QUIET
                                                                        : TAKEOVER_NO_NEWS;
}

enum takeover_news takeover_read(struct takeover *t)
{
    static struct handover message;
    enum takeover_news news;

    switch (handover_receive(t->link_fd, &message)) {
    case HANDOVER_END:
        replace(&t->link_fd, -1);
        return t->state == TAKEOVER_DONE ? TAKEOVER_IS_QUIET : TAKEOVER_IS_OFF;
    case HANDOVER_NOTHING:
        return TAKEOVER_NO_NEWS;
    case HANDOVER_GOT:
        break;
    }
    news = on_message(t, &message);
    handover_close(&message);
    return news;
}

void takeover_let_go(const struct takeover *t)
{
    const int fds[] = {t->link_fd, t->log_fd, t->stand_in_fd, t->orders_fd, t->legacy_fd};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

void takeover_free(struct takeover *t)
{
    takeover_let_go(t);
    *t = TAKEOVER_OF_NONE;
}
