#include "auth/signature_pool.h"

#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"

struct job {
    struct signature_check *check; /* the request's: while that is there */
    enum phase_verdict (*act)(struct phases *phases, void *arg);
    struct jwt jwt; /* without its claims; its texts are in: */
    struct arena arena;
    struct jwk_set *keys;
    uint32_t algorithms;
    enum jwt_signature found;
};

static struct slow_pool pool =
    SLOW_POOL(pool, "signatures", "tokens whose signatures take long are turned away");

static void run(void *arg)
{
    struct job *job = arg;

    job->found = jwt_verify(&job->jwt, job->keys, job->algorithms);
}

static void free_job(void *arg)
{
    struct job *job = arg;

    jwk_set_release(job->keys);
    arena_destroy(&job->arena);
    free(job);
}

static enum phase_verdict on_found(struct phases *phases, void *arg)
{
    const struct job *job = arg;

    *job->check = (struct signature_check){true, jwk_set_number(job->keys), job->found};
    return job->act(phases, NULL);
}

static struct job *make_job(struct signature_check *check, const struct signature_terms *terms,
                            enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    struct job *job = xcalloc(1, sizeof(*job));
    const struct jwt *jwt = terms->jwt;

    arena_init(&job->arena, 1024);
    job->check = check;
    job->act = act;
    job->keys = jwk_set_hold(terms->keys);
    job->algorithms = terms->algorithms;
    job->jwt = (struct jwt){.algorithm = jwt->algorithm,
                            .text = arena_copy(&job->arena, jwt->text),
                            .signature = arena_copy(&job->arena, jwt->signature)};
    if (jwt->key_id.ptr != NULL) {
        job->jwt.key_id = arena_copy(&job->arena, jwt->key_id);
    }
    return job;
}

enum signature_ask signature_verify(struct signature_check *check,
                                    const struct signature_terms *terms, struct phases *phases,
                                    enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    struct slow_work work = {
        .run = run, .free = free_job, .most = terms->most, .most_of_client = terms->most_of_client};
    enum slow_ask asked;

    if (check->is_done && check->keys == jwk_set_number(terms->keys)) {
        return SIGNATURE_FOUND;
    }
    if (jwt_cost_us(terms->jwt, terms->keys, terms->algorithms) <= SIGNATURE_COST_US) {
        check->found = jwt_verify(terms->jwt, terms->keys, terms->algorithms);
        return SIGNATURE_FOUND;
    }
    work.client = auth_client_number(phases);
    work.arg = make_job(check, terms, act);
    asked = slow_pool_ask(&pool, &work, phases, on_found);
    if (asked == SLOW_ASKED) {
        return SIGNATURE_WAIT;
    }
    free_job(work.arg);
    return asked == SLOW_TOO_MANY ? SIGNATURE_TOO_MANY : SIGNATURE_TOO_MANY_OF_CLIENT;
}

unsigned signature_busy(enum signature_ask asked, struct trouble *why)
{
    bool is_of_all = asked == SIGNATURE_TOO_MANY;

    *why = (struct trouble){"signatures_busy",
                            is_of_all ? "too many tokens wait for their signatures to be verified"
                                      : "too many tokens of this client's address wait for their "
                                        "signatures to be verified",
                            "somebody may be making tokens up: the log has the addresses"};
    return is_of_all ? 503 : 429;
}
