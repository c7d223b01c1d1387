#include "auth/password_pool.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "auth/slow_pool.h"

static struct slow_pool pool = SLOW_POOL(pool, "passwords", "each login is turned away");

static bool is_right(const char *password, const char *hash)
{
    struct crypt_data *data = xcalloc(1, sizeof(*data));
    const char *made = crypt_r(password, hash, data);
    size_t len = strlen(hash);
    unsigned differs = 1;

    if (made != NULL && strlen(made) == len) {
        differs = 0;
        for (size_t i = 0; i < len; i++) {
            differs |= (unsigned char)made[i] ^ (unsigned char)hash[i];
        }
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
    return differs == 0;
}

/* What is wrong takes as long whoever it is for: a hash of each of the other kinds is computed. */
static void check(struct password_job *job)
{
    const struct password_hashes *hashes = &job->hashes;

    job->is_right = is_right(job->password, hashes->items[0]) && !hashes->is_of_nobody;
    for (size_t i = 1; i < hashes->count && !job->is_right; i++) {
        (void)is_right(job->password, hashes->items[i]);
    }
}

static void run(void *arg)
{
    struct password_job *job = arg;

    check(job);
    explicit_bzero(job->password, sizeof(job->password));
}

static void free_job(void *arg)
{
    struct password_job *job = arg;

    explicit_bzero(job->password, sizeof(job->password));
    free(job);
}

enum password_ask password_pool_ask(const struct password_job *job, struct phases *phases,
                                    enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    struct password_job *own = xcalloc(1, sizeof(*own));
    const struct slow_work work = {.run = run,
                                   .free = free_job,
                                   .arg = own,
                                   .client = job->client,
                                   .most = job->most,
                                   .most_of_client = job->most_of_client};

    *own = *job;
    switch (slow_pool_ask(&pool, &work, phases, act)) {
    case SLOW_ASKED:
        return PASSWORD_ASKED;
    case SLOW_TOO_MANY:
        break;
    case SLOW_TOO_MANY_OF_CLIENT:
        free_job(own);
        return PASSWORD_TOO_MANY_OF_CLIENT;
    }
    free_job(own);
    return PASSWORD_TOO_MANY;
}
