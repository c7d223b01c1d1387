/* Checking passwords, which is slow on purpose, on threads of its own (auth/slow_pool.h), so that a
 * flood of guesses takes nothing from other requests. */
#ifndef TIDEGATE_AUTH_PASSWORD_POOL_H
#define TIDEGATE_AUTH_PASSWORD_POOL_H

#include <stdint.h>

#include "auth/password_file.h"
#include "policy/phase.h"

enum password_ask { PASSWORD_ASKED, PASSWORD_TOO_MANY, PASSWORD_TOO_MANY_OF_CLIENT };

/* Of one check; a worker's thread makes it and gets it back. */
struct password_job {
    char password[PASSWORD_BYTES_MAX + 1]; /* wiped when it was checked */
    struct password_hashes hashes;
    uint64_t client; /* a number of its address */
    unsigned most;   /* passwords that may wait, this one included; */
    unsigned most_of_client;
    bool is_right;
};

/* On PASSWORD_ASKED, and only then, `ticket` is returned with `act`, and the job as its argument.
 * `job` is copied, and the caller wipes its own. */
enum password_ask password_pool_ask(const struct password_job *job, struct phases *phases,
                                    enum phase_verdict (*act)(struct phases *phases, void *arg));

#endif
