#include "keys/key_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define LINE 64

/* The message is last, so that a short one touches one page. */
struct key_slot {
    struct key_id key;
    uint32_t message_len;
    uint16_t scheme;
    uint16_t answer;
    uint32_t signature_len;
    unsigned char signature[SIGN_ANSWER_MAX];
    char message[KEY_MESSAGE_MAX];
};

union key_cell {
    struct key_slot slot;
    char pages[(sizeof(struct key_slot) + PAGE - 1) / PAGE * PAGE];
};

struct key_shared {
    /* The client writes it. */
    _Alignas(LINE) atomic_uint asked;
    /* The keyholder writes these. */
    _Alignas(LINE) atomic_uint answered;
    atomic_uint is_asleep;
    atomic_uint_least64_t answers[KEY_ANSWER_COUNT];
    atomic_uint_least64_t delayed;
    _Alignas(PAGE) union key_cell cells[KEY_RING_SLOTS];
};

/* ---- both sides ---- */

bool key_ring_create(struct key_ring_fds *fds, struct error *error)
{
    *fds = (struct key_ring_fds){memfd_create("tidegate-keys", MFD_CLOEXEC | MFD_ALLOW_SEALING),
                                 eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (fds->memory >= 0 && fds->ask >= 0 && fds->answer >= 0 &&
        ftruncate(fds->memory, (off_t)sizeof(struct key_shared)) == 0 &&
        fcntl(fds->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        return true;
    }
    (void)error_set(error,
                    "cannot share memory with the process that has the keys: %s; raise the limit "
                    "of open files (LimitNOFILE= of the service, or ulimit -n)",
                    strerror(errno));
    key_ring_close(fds);
    return false;
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void key_ring_close(struct key_ring_fds *fds)
{
    close_one(&fds->memory);
    close_one(&fds->ask);
    close_one(&fds->answer);
}

bool key_ring_map(struct key_ring *ring, const struct key_ring_fds *fds)
{
    void *memory =
        mmap(NULL, sizeof(struct key_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fds->memory, 0);

    if (memory == MAP_FAILED) {
        return false;
    }
    *ring = (struct key_ring){.shared = memory, .fds = *fds};
    ring->asked = ring->answered = atomic_load(&ring->shared->answered);
    return true;
}

void key_ring_unmap(struct key_ring *ring)
{
    if (ring->shared != NULL) {
        (void)munmap(ring->shared, sizeof(*ring->shared));
        ring->shared = NULL;
    }
}

void key_ring_counts(const struct key_ring *ring, struct key_counts *counts)
{
    for (size_t i = 0; i < KEY_ANSWER_COUNT; i++) {
        counts->answers[i] = atomic_load_explicit(&ring->shared->answers[i], memory_order_relaxed);
    }
    counts->delayed = atomic_load_explicit(&ring->shared->delayed, memory_order_relaxed);
}

const char *key_answer_text(enum key_answer answer)
{
    static const char *const texts[KEY_ANSWER_COUNT] = {
        [KEY_ANSWER_SIGNED] = "signed",
        [KEY_ANSWER_UNKNOWN_KEY] = "it has no such key",
        [KEY_ANSWER_NO_HANDSHAKE] = "what was to be signed is nothing that a handshake signs",
        [KEY_ANSWER_WRONG_SCHEME] = "the key is not for this signature scheme",
        [KEY_ANSWER_FAILED] = "the TLS library could not sign",
    };

    return answer < KEY_ANSWER_COUNT ? texts[answer] : "its answer makes no sense";
}

static struct key_slot *slot_of(const struct key_ring *ring, uint32_t number)
{
    return &ring->shared->cells[number % KEY_RING_SLOTS].slot;
}

static void wake(int fd)
{
    const uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof(one));

    (void)n; /* it can fail only where the other side is awake already */
}

/* ---- the client ---- */

bool key_ring_is_full(const struct key_ring *ring)
{
    return ring->asked - ring->answered >= KEY_RING_SLOTS;
}

unsigned key_ring_ask(struct key_ring *ring, const struct key_question *question)
{
    unsigned number = ring->asked % KEY_RING_SLOTS;
    struct key_slot *slot = slot_of(ring, ring->asked);

    CHECK(!key_ring_is_full(ring) && question->message.len <= KEY_MESSAGE_MAX);
    slot->key = question->key;
    slot->scheme = question->scheme;
    slot->message_len = (uint32_t)question->message.len;
    memcpy(slot->message, question->message.ptr, question->message.len);
    ring->asked++;
    atomic_store_explicit(&ring->shared->asked, ring->asked, memory_order_release);
    return number;
}

void key_ring_wake_keyholder(struct key_ring *ring)
{
    /* Whether it sleeps is looked at after `asked` is out: it looks the other way round. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->is_asleep, memory_order_relaxed) != 0) {
        wake(ring->fds.ask);
    }
}

bool key_ring_next_answer(struct key_ring *ring, unsigned *slot_number, enum key_answer *answer,
                          struct span *signature)
{
    uint32_t answered = atomic_load_explicit(&ring->shared->answered, memory_order_acquire);
    const struct key_slot *slot;
    uint32_t len;

    if (answered == ring->answered || ring->asked == ring->answered) {
        return false;
    }
    slot = slot_of(ring, ring->answered);
    len = slot->signature_len;
    *slot_number = ring->answered % KEY_RING_SLOTS;
    *answer = slot->answer < KEY_ANSWER_COUNT ? (enum key_answer)slot->answer : KEY_ANSWER_FAILED;
    *signature = span_make(slot->signature,
                           *answer == KEY_ANSWER_SIGNED && len <= SIGN_ANSWER_MAX ? len : 0);
    ring->answered++;
    return true;
}

/* ---- the keyholder ---- */

enum key_ring_take key_ring_take(struct key_ring *ring, struct key_question *question, char *buffer)
{
    uint32_t waiting =
        atomic_load_explicit(&ring->shared->asked, memory_order_acquire) - ring->answered;
    const struct key_slot *slot = slot_of(ring, ring->answered);
    uint32_t len;

    if (waiting == 0) {
        return KEY_RING_EMPTY;
    }
    if (waiting > KEY_RING_SLOTS) {
        return KEY_RING_BROKEN;
    }
    /* Read once: the client may write there at any time. */
    len = *(const volatile uint32_t *)&slot->message_len;
    if (len > KEY_MESSAGE_MAX) {
        return KEY_RING_BROKEN;
    }
    question->key = slot->key;
    question->scheme = *(const volatile uint16_t *)&slot->scheme;
    memcpy(buffer, slot->message, len);
    question->message = span_make(buffer, len);
    return KEY_RING_TAKEN;
}

void key_ring_give(struct key_ring *ring, enum key_answer answer, struct span signature)
{
    struct key_slot *slot = slot_of(ring, ring->answered);

    CHECK(signature.len <= sizeof(slot->signature));
    if (signature.len != 0) {
        memcpy(slot->signature, signature.ptr, signature.len);
    }
    slot->signature_len = (uint32_t)signature.len;
    slot->answer = (uint16_t)answer;
    ring->answered++;
    (void)atomic_fetch_add_explicit(&ring->shared->answers[answer], 1, memory_order_relaxed);
    atomic_store_explicit(&ring->shared->answered, ring->answered, memory_order_release);
}

void key_ring_count_delay(struct key_ring *ring)
{
    (void)atomic_fetch_add_explicit(&ring->shared->delayed, 1, memory_order_relaxed);
}

void key_ring_sleep(struct key_ring *ring)
{
    uint64_t count;

    atomic_store_explicit(&ring->shared->is_asleep, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->asked, memory_order_relaxed) == ring->answered &&
        read(ring->fds.ask, &count, sizeof(count)) < 0 && errno == EAGAIN) {
        /* The client may have made it one that does not wait. */
        (void)poll(&(struct pollfd){.fd = ring->fds.ask, .events = POLLIN}, 1, -1);
    }
    atomic_store_explicit(&ring->shared->is_asleep, 0, memory_order_relaxed);
}

void key_ring_wake_client(struct key_ring *ring)
{
    wake(ring->fds.answer);
}
