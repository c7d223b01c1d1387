/* Any bytes as what a gateway that was taken over has put into its ring: the keyholder answers, or
 * serves it no more, and signs nothing but what a handshake signs, which the certificate's key
 * verifies.
 *
 * The first byte: how many questions are said to be there; the second: whether the key is one that
 * it has (1), or it is what follows; then the scheme, the length of the message as it is said to be
 * (4 bytes), and the message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keys/ring_server.h"
#include "tls/sign_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For this test alone. */
static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWRUWE7zKD1VMGQ7v\n"
                          "0bmGacI/XwQu44MTU/r3/8faoqqhRANCAATv93++nbF2w4JKYx5cVVPZfA9l6Yzm\n"
                          "mKrjLkzQyxT6sJ70kXamxlc9uQDU98kMuuci0bcogGpPXeBwEaDH4Y1s\n"
                          "-----END PRIVATE KEY-----\n";

/* Where a slot has its parts, and the client its count (keys/key_ring.c). */
#define PAGE 4096
enum { AT_KEY = 0, AT_LEN = 32, AT_SCHEME = 36, AT_MESSAGE = 44 + SIGN_ANSWER_MAX, HEAD = 8 };

static struct held_keys *keys;
static struct key_id id;
static char buffer[KEY_MESSAGE_MAX];

static void make_key(void)
{
    int fd = memfd_create("key", MFD_CLOEXEC);
    struct held_key *key;
    struct error error;

    CHECK(fd >= 0 && write(fd, pem, sizeof(pem) - 1) == (ssize_t)(sizeof(pem) - 1));
    key = held_key_read(fd, "key", &error);
    CHECK(key != NULL && key_id_of(held_key_public(key), &id));
    keys = held_keys_create();
    CHECK(held_keys_add(keys, &id, key, 1));
}

static void put(struct key_ring *ring, const uint8_t *data, size_t size)
{
    char *shared = (char *)ring->shared;
    char *slot = shared + PAGE;
    size_t rest = size - HEAD < KEY_MESSAGE_MAX ? size - HEAD : KEY_MESSAGE_MAX;
    uint32_t asked = data[0];

    memcpy(shared, &asked, sizeof(asked));
    if (data[1] == 1) {
        memcpy(slot + AT_KEY, id.bytes, sizeof(id.bytes));
    } else {
        memcpy(slot + AT_KEY, data + HEAD, rest < 32 ? rest : 32);
    }
    memcpy(slot + AT_SCHEME, data + 2, 2);
    memcpy(slot + AT_LEN, data + 4, 4);
    memcpy(slot + AT_MESSAGE, data + HEAD, rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring_worker worker = {.buffer = buffer};
    struct key_counts counts;
    struct key_ring_fds fds;
    struct error error;
    uint32_t len;
    bool is_fine;

    if (size < HEAD) {
        return 0;
    }
    if (keys == NULL) {
        make_key();
    }
    CHECK(key_ring_create(&fds, &error) && key_ring_map(&worker.ring, &fds));
    worker.keys = keys;
    put(&worker.ring, data, size);
    memcpy(&len, data + 4, sizeof(len));
    is_fine = ring_worker_serve(&worker);
    key_ring_counts(&worker.ring, &counts);
    CHECK(is_fine == (data[0] <= KEY_RING_SLOTS && (data[0] == 0 || len <= KEY_MESSAGE_MAX)));
    if (is_fine && counts.answers[KEY_ANSWER_SIGNED] != 0) {
        /* All slots but the first are empty, and an empty message is never signed. */
        CHECK(counts.answers[KEY_ANSWER_SIGNED] == 1 && data[1] == 1);
        /* What was not put there is zeros, in a ring that is new. */
        static char message[KEY_MESSAGE_MAX];
        memset(message, 0, sizeof(message));
        memcpy(message, data + HEAD, size - HEAD < len ? size - HEAD : len);
        CHECK(sign_form_of(span_make(message, len)) != SIGN_FORM_NONE);
    }
    key_ring_unmap(&worker.ring);
    key_ring_close(&fds);
    return 0;
}
