/* A private key as the process has it that holds them all (src/keys): read from an open file,
 * asked for its public half, and for signatures of handshakes, and nothing else can be done with
 * it.
 *
 * Where the machine allows it, the numbers of keys are in memory that is locked, left out of core
 * dumps, and wiped when it is freed. */
#ifndef TIDEGATE_TLS_HELD_KEY_H
#define TIDEGATE_TLS_HELD_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"

/* The sum of all keys' numbers; about 10,000 of RSA with 2048 bits. More are not taken. */
#define HELD_KEYS_BYTES ((size_t)16 * 1024 * 1024)

enum held_key_verdict {
    HELD_KEY_SIGNED,
    HELD_KEY_NO_HANDSHAKE, /* not the form of what a handshake signs (tls/sign_form.h) */
    HELD_KEY_WRONG_SCHEME, /* not with this key, or not in this version of TLS */
    HELD_KEY_FAILED        /* the library did not */
};

struct held_key;

/* Before the first key is read, and while files can still be opened. False: the memory could not be
 * locked (RLIMIT_MEMLOCK). */
bool held_keys_prepare(void);

/* PEM without a passphrase; or where `path` is a URI (base/key_uri.h), a key in a token, whose PIN
 * is in the file; fd -1: which has none. Takes the descriptor over. Messages name the path. NULL
 * with an error. */
struct held_key *held_key_read(int fd, const char *path, struct error *error) MUST_CHECK;
/* A file's text without its private keys, in a memory file at its beginning: the caller's. Takes
 * the descriptor over. -1 with an error. */
int held_key_read_rest(int fd, const char *path, struct error *error) MUST_CHECK;
/* NULL is allowed. */
void held_key_destroy(struct held_key *key);

/* Whether it is in a token, and not in this process. */
bool held_key_is_in_token(const struct held_key *key);
/* As DER (SubjectPublicKeyInfo, RFC 5280); lives as long as the key. */
struct span held_key_public(const struct held_key *key);
/* scheme: a SignatureScheme, or one of tls/signer.h. From any thread. *len: what was written; size:
 * SIGN_ANSWER_MAX is enough for every key. */
enum held_key_verdict held_key_sign(struct held_key *key, uint16_t scheme, struct span message,
                                    unsigned char *signature, size_t size, size_t *len) MUST_CHECK;

#endif
