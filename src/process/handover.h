/* What the supervisor in charge and the one that is to take its place tell each other, over a
 * socket that keeps messages whole. The two may be of different versions: so the first message says
 * which protocol it is, words that are not known are passed over, and what is sent are descriptors
 * and short texts, no structures of ours.
 *
 *     in charge                                         new
 *       HELLO (protocol; standard error, stand-in)  -->
 *       SECRET, SOCKETS..., ORDERS, GO              -->   loads, binds what is missing, starts its gateway
 *                                                   <--   READY
 *       COMMIT (orders as they are now)             -->
 *                                                   <--   OWNED: it is in charge from here on
 *     its gateway leaves: takes nothing new
 *       QUIET                                       -->   closes the sockets that nobody wants
 *       ORDERS: given here meanwhile                -->
 *       LEGACY: of its gateway (gateway/legacy.h)   -->
 *
 * The end of the socket before OWNED means for the one in charge that it stays so, and for the new
 * one that it is not wanted. */
#ifndef TIDEGATE_PROCESS_HANDOVER_H
#define TIDEGATE_PROCESS_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "io/fd_pass.h"

#define HANDOVER_PROTOCOL 1
/* Bytes of a message's text. */
#define HANDOVER_TEXT_MAX 32768

enum handover_word {
    HANDOVER_HELLO = 'H',
    HANDOVER_SECRET = 'X', /* text: base/secret.h */
    HANDOVER_SOCKETS = 'S',
    HANDOVER_ORDERS = 'O', /* with the memory file of process/orders.h */
    HANDOVER_GO = 'G',
    HANDOVER_READY = 'R',
    HANDOVER_COMMIT = 'C', /* with that file, too, where there is one */
    HANDOVER_OWNED = 'W',
    HANDOVER_QUIET = 'Q',
    HANDOVER_LEGACY = 'L' /* with a memory file of the one gateway for the other */
};

struct handover {
    int32_t word;
    int32_t number; /* HELLO: the protocol */
    char text[HANDOVER_TEXT_MAX];
    size_t text_len;
    int fds[FD_PASS_MAX]; /* whoever receives it owns them */
    size_t fd_count;
};

/* Waits a moment for room. False: it could not be sent, the other side is gone. */
bool handover_send(int link_fd, const struct handover *message) MUST_CHECK;
/* Without text and number; fd -1: alone. */
bool handover_say(int link_fd, enum handover_word word, int fd) MUST_CHECK;
enum handover_result { HANDOVER_GOT, HANDOVER_NOTHING, HANDOVER_END };
/* Does not wait. NOTHING is also a message that is none. */
enum handover_result handover_receive(int link_fd, struct handover *message) MUST_CHECK;
/* Of a message that was received: descriptor n, which is the caller's now; -1: it has not so many.
 */
int handover_take_fd(struct handover *message, size_t n);
/* The rest. */
void handover_close(struct handover *message);

/* ---- the texts of SOCKETS: one for each descriptor, with a NUL behind it ---- */

/* False: this message is full, the next one has room. */
bool handover_add_socket(struct handover *message, int fd, const char *name,
                         bool is_foreign) MUST_CHECK;
/* Of descriptor n; false: there is none. `name` points into the message. */
bool handover_socket(const struct handover *message, size_t n, const char **name,
                     bool *is_foreign) MUST_CHECK;

#endif
