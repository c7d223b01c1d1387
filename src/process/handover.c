#include "process/handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* For the other side to read what it was sent: it has nothing else to do. */
#define ROOM_MS 5000

#define HEAD_BYTES (2 * sizeof(int32_t))

bool handover_send(int link_fd, const struct handover *message)
{
    char bytes[HEAD_BYTES + HANDOVER_TEXT_MAX];
    struct pollfd room = {.fd = link_fd, .events = POLLOUT};

    CHECK(message->text_len <= HANDOVER_TEXT_MAX);
    memcpy(bytes, &message->word, sizeof(int32_t));
    memcpy(bytes + sizeof(int32_t), &message->number, sizeof(int32_t));
    memcpy(bytes + HEAD_BYTES, message->text, message->text_len);
    while (!fd_pass_send_all(link_fd, bytes, HEAD_BYTES + message->text_len, message->fds,
                             message->fd_count)) {
        if (errno != EINTR && (errno != EAGAIN || poll(&room, 1, ROOM_MS) <= 0)) {
            return false;
        }
    }
    return true;
}

bool handover_say(int link_fd, enum handover_word word, int fd)
{
    static struct handover message; /* large, and this is one thread's */

    message = (struct handover){.word = (int32_t)word};
    if (fd >= 0) {
        message.fds[message.fd_count++] = fd;
    }
    return handover_send(link_fd, &message);
}

enum handover_result handover_receive(int link_fd, struct handover *message)
{
    char bytes[HEAD_BYTES + HANDOVER_TEXT_MAX];
    ssize_t got =
        fd_pass_receive_all(link_fd, bytes, sizeof(bytes), message->fds, &message->fd_count);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        message->fd_count = 0;
        return HANDOVER_END;
    }
    if (got < (ssize_t)HEAD_BYTES) {
        handover_close(message);
        return HANDOVER_NOTHING;
    }
    memcpy(&message->word, bytes, sizeof(int32_t));
    memcpy(&message->number, bytes + sizeof(int32_t), sizeof(int32_t));
    message->text_len = (size_t)got - HEAD_BYTES;
    memcpy(message->text, bytes + HEAD_BYTES, message->text_len);
    return HANDOVER_GOT;
}

int handover_take_fd(struct handover *message, size_t n)
{
    int fd = n < message->fd_count ? message->fds[n] : -1;

    if (fd >= 0) {
        message->fds[n] = -1;
    }
    return fd;
}

void handover_close(struct handover *message)
{
    for (size_t i = 0; i < message->fd_count; i++) {
        if (message->fds[i] >= 0) {
            (void)close(message->fds[i]);
        }
    }
    message->fd_count = 0;
}

/* ---- sockets ---- */

bool handover_add_socket(struct handover *message, int fd, const char *name, bool is_foreign)
{
    size_t len = strlen(name) + 1;

    if (message->fd_count == FD_PASS_MAX || HANDOVER_TEXT_MAX - message->text_len < len + 1) {
        return false;
    }
    message->text[message->text_len++] = is_foreign ? 'f' : 'o';
    memcpy(message->text + message->text_len, name, len);
    message->text_len += len;
    message->fds[message->fd_count++] = fd;
    return true;
}

bool handover_socket(const struct handover *message, size_t n, const char **name, bool *is_foreign)
{
    size_t at = 0;

    for (;; n--) {
        const char *end = at < message->text_len
                              ? memchr(message->text + at, '\0', message->text_len - at)
                              : NULL;

        if (end == NULL || end == message->text + at) {
            return false;
        }
        if (n == 0) {
            *is_foreign = message->text[at] == 'f';
            *name = message->text + at + 1;
            return true;
        }
        at = (size_t)(end - message->text) + 1;
    }
}
