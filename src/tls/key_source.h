/* Where private keys are: in the files, from where this process reads them itself, or with somebody
 * who has them instead (src/keys), and then this process never sees one. Set once for a process;
 * tls/openssl/private_key.c asks. */
#ifndef TIDEGATE_TLS_KEY_SOURCE_H
#define TIDEGATE_TLS_KEY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"

struct signer;

/* The longest public key, as DER: RSA with 16384 bits, and some. */
#define KEY_PUBLIC_MAX 2560

/* Of what is in the file now: the public half, as DER (SubjectPublicKeyInfo, RFC 5280). */
struct key_public {
    size_t len;
    unsigned char der[KEY_PUBLIC_MAX];
};

struct key_source {
    /* Has the key of a file read, so that `signer` signs with it from now on. It is kept (struct
     * signer) once, for the caller to let go. May wait. From any thread. False with an error. */
    bool (*read)(void *arg, const char *path, struct key_public *key, struct error *error);
    void *arg;
    struct signer *signer;
};

/* Before any thread is started; NULL: files, as at the beginning. *source must stay. */
void key_source_set(const struct key_source *source);
/* NULL: files. */
const struct key_source *key_source(void);

#endif
