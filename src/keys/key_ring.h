/* The memory that a thread which wants signatures (the client) shares with the process that has
 * the keys (the keyholder): a ring of slots, in each a question and its answer, which are used in
 * turn and answered in turn; and two eventfds, by which each side wakes the other.
 *
 *   client      slot [asked % SLOTS] filled, asked + 1  --wake, if asleep-->  keyholder
 *   keyholder   slot [answered % SLOTS] copied, looked at, answered; answered + 1  --wake--> client
 *
 * The keyholder trusts nothing in it: both counters of its own it keeps for itself, a question is
 * copied out before it is looked at, and a client that has asked for more than there are slots has
 * broken the rules and is served no more. The memory cannot be made smaller under its feet (it is
 * sealed). The client trusts what the keyholder says only as far as its own memory is concerned.
 *
 * Everything that is not answered is still there when a keyholder dies, and the next one goes on
 * with it. Whoever creates the descriptors (the supervisor) keeps them for that. */
#ifndef TIDEGATE_KEYS_KEY_RING_H
#define TIDEGATE_KEYS_KEY_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "keys/key_id.h"
#include "tls/signer.h"

#define KEY_RING_SLOTS 64
/* The longest message: a transcript of TLS 1.2 with the chain of a server and the names of the
 * authorities it would take. Pages that nobody has used take no memory. */
#define KEY_MESSAGE_MAX (128 * 1024)

enum key_answer {
    KEY_ANSWER_SIGNED,
    KEY_ANSWER_UNKNOWN_KEY,
    KEY_ANSWER_NO_HANDSHAKE,
    KEY_ANSWER_WRONG_SCHEME,
    KEY_ANSWER_FAILED,
    KEY_ANSWER_COUNT
};

/* What was answered since the ring was made; by the keyholder, for whoever shows it. */
struct key_counts {
    uint64_t answers[KEY_ANSWER_COUNT];
    uint64_t delayed; /* times that the limit of signatures a second was reached */
};

struct key_shared;

/* What is handed from process to process; -1: none. */
struct key_ring_fds {
    int memory;
    int ask;    /* eventfd: written by the client, read by the keyholder */
    int answer; /* the other way */
};

/* One side's view. */
struct key_ring {
    struct key_shared *shared; /* NULL: not mapped */
    struct key_ring_fds fds;   /* borrowed */
    uint32_t asked;            /* the client's: by itself */
    uint32_t answered;         /* either side's: taken out, or given */
};

bool key_ring_create(struct key_ring_fds *fds, struct error *error) MUST_CHECK;
void key_ring_close(struct key_ring_fds *fds);

/* A client's view of a ring that nobody has used before; or the keyholder's, from where the last
 * one was. The descriptors must stay. False with errno. */
bool key_ring_map(struct key_ring *ring, const struct key_ring_fds *fds) MUST_CHECK;
void key_ring_unmap(struct key_ring *ring);
void key_ring_counts(const struct key_ring *ring, struct key_counts *counts);
const char *key_answer_text(enum key_answer answer);

/* ---- the client ---- */

struct key_question {
    struct key_id key;
    uint16_t scheme;     /* tls/signer.h */
    struct span message; /* at most KEY_MESSAGE_MAX */
};

bool key_ring_is_full(const struct key_ring *ring);
/* Not when it is full. Returns the slot that the answer will come for. */
unsigned key_ring_ask(struct key_ring *ring, const struct key_question *question);
/* After one or more questions: wakes the keyholder, if it sleeps. */
void key_ring_wake_keyholder(struct key_ring *ring);
/* The next answer, if there is one; *signature lies in the ring until the next question. */
bool key_ring_next_answer(struct key_ring *ring, unsigned *slot, enum key_answer *answer,
                          struct span *signature);

/* ---- the keyholder ---- */

enum key_ring_take { KEY_RING_EMPTY, KEY_RING_TAKEN, KEY_RING_BROKEN };

/* A copy of the next question; buffer: KEY_MESSAGE_MAX bytes for its message. */
enum key_ring_take key_ring_take(struct key_ring *ring, struct key_question *question,
                                 char *buffer) MUST_CHECK;
/* The answer to it. */
void key_ring_give(struct key_ring *ring, enum key_answer answer, struct span signature);
void key_ring_count_delay(struct key_ring *ring);
/* Waits for a question, or for anybody who writes to fds.ask. */
void key_ring_sleep(struct key_ring *ring);
void key_ring_wake_client(struct key_ring *ring);

#endif
