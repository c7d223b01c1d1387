/* What the cookie of `balance: sticky` holds: a token for each server of a backend, by a key. It
 * says nothing of the server's address, nobody without the key can make another server's, and all
 * gateways with the same key make the same ones. */
#ifndef TIDEGATE_UPSTREAM_STICKY_H
#define TIDEGATE_UPSTREAM_STICKY_H

#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"

#define STICKY_KEY_BYTES 32
/* 16 bytes of HMAC-SHA-256 (RFC 2104) as base64url. */
#define STICKY_TOKEN_LEN 22
/* Bytes that a key's file must have at least, and may have. */
#define STICKY_FILE_MIN 16
#define STICKY_FILE_MAX 4096

/* The key of all backends that name no file. */
void sticky_key_of_process(unsigned char key[STICKY_KEY_BYTES]);
/* From the bytes of a file, whatever they are. */
bool sticky_key_read(const char *path, unsigned char key[STICKY_KEY_BYTES],
                     struct error *error) MUST_CHECK;

/* No NUL behind it. */
void sticky_token(const unsigned char key[STICKY_KEY_BYTES], const char *backend,
                  const char *server, char token[STICKY_TOKEN_LEN]);
#endif
