#include "auth/token_desk.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "client/fetch.h"
#include "client/fetch_thread.h"
#include "tls/tls_context.h"

#define FETCHES_MAX 64
/* Contexts of authorities, which are read again after so long. */
#define CONTEXTS_MAX 16
#define CONTEXT_US UINT64_C(600000000)

struct answer {
    struct token_answer answer; /* first */
    atomic_uint references;
    char *body;
};

struct waiter {
    struct phase_ticket *ticket;
    enum phase_verdict (*act)(struct phases *phases, void *answer);
    struct waiter *next;
};

enum job_state { JOB_WAITING, JOB_ASKED, JOB_OVER };

struct job {
    struct list node;
    enum job_state state;
    struct url url;
    char *url_text; /* which `url` points into */
    char *ca;
    uint64_t timeout_ms;
    bool is_get;
    struct strbuf form;
    struct strbuf authorization;
    bool is_shared;
    struct remembered_key key;
    struct waiter *waiters;
    unsigned waiter_count;
    struct fetch *fetch;
    struct answer *answer; /* JOB_OVER, of a shared one */
    uint64_t until_us;
};

struct context {
    char *ca;
    struct tls_context *tls; /* NULL: free */
    uint64_t made_us;
};

static struct {
    pthread_mutex_t lock; /* of these */
    bool is_open;
    struct list jobs; /* in the order of coming; those that are over and shared, too */
    size_t waiting;   /* not over */
    size_t kept;      /* over */

    struct fetch_thread_terms terms;
    struct fetch_thread thread;
    size_t asked; /* the thread's own, as are the contexts */
    struct context contexts[CONTEXTS_MAX];
} desk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    (void)pthread_mutex_lock(&desk.lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&desk.lock);
}

/* ---- answers ---- */

static struct answer *answer_of(const struct token_answer *answer)
{
    return (struct answer *)(uintptr_t)CONTAINER_OF(answer, struct answer, answer);
}

static struct answer *hold(struct answer *answer)
{
    (void)atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
    return answer;
}

void token_answer_release(const struct token_answer *token)
{
    struct answer *answer = answer_of(token);

    if (atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) == 1) {
        explicit_bzero(answer->body, answer->answer.body.len);
        free(answer->body);
        free(answer);
    }
}

static struct answer *make_answer(enum token_how how, struct span body)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));

    atomic_init(&answer->references, 1);
    answer->body = xcalloc(1, body.len + 1);
    memcpy(answer->body, body.len != 0 ? body.ptr : "", body.len);
    answer->answer.how = how;
    answer->answer.body = span_make(answer->body, body.len);
    return answer;
}

static struct answer *make_failure(const char *problem)
{
    struct answer *answer = make_answer(TOKEN_FAILED, span_make(NULL, 0));

    (void)error_set(&answer->answer.problem, "%.900s", problem);
    return answer;
}

static bool is_refusal(const struct job *job, unsigned status)
{
    return status == 400 || (job->is_get && (status == 401 || status == 403));
}

static struct answer *answer_to(const struct job *job, const struct fetch_result *result)
{
    struct answer *answer;

    if (result->how != FETCH_DONE) {
        answer = make_failure(result->problem);
        answer->answer.is_late = result->how == FETCH_TIMEOUT;
        return answer;
    }
    if (result->status == 200) {
        return make_answer(TOKEN_SAID, result->body);
    }
    answer = make_failure("");
    answer->answer.how = is_refusal(job, result->status) ? TOKEN_REFUSED : TOKEN_FAILED;
    (void)error_set(&answer->answer.problem, "it answered with status %u%s", result->status,
                    result->status == 401 && !job->is_get
                        ? ": see 'client_id', 'client_secret' and 'client_auth'"
                        : "");
    return answer;
}

/* ---- jobs ---- */

static void wipe(struct strbuf *text)
{
    if (text->ptr != NULL) {
        explicit_bzero(text->ptr, text->len);
    }
    strbuf_free(text);
}

/* In no list, and nobody waits. */
static void free_job(struct job *job)
{
    if (job->answer != NULL) {
        token_answer_release(&job->answer->answer);
    }
    wipe(&job->form);
    wipe(&job->authorization);
    free(job->url_text);
    free(job->ca);
    free(job);
}

static void on_told(void *arg)
{
    token_answer_release(arg);
}

static void wake(struct waiter *waiter, struct answer *answer)
{
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        phase_ticket_return(waiter->ticket, waiter->act, on_told, &hold(answer)->answer);
        free(waiter);
        waiter = next;
    }
}

/* With the lock: those whose time is over, and the oldest ones above the bound. */
static void forget(uint64_t now_us, size_t most)
{
    LIST_FOR_EACH(node, &desk.jobs)
    {
        struct job *job = LIST_ENTRY(node, struct job, node);
        if (job->state == JOB_OVER && (job->until_us <= now_us || desk.kept > most)) {
            list_remove(&job->node);
            desk.kept--;
            free_job(job);
        }
    }
}

/* Takes the answer. */
static void end_job(struct job *job, struct answer *answer)
{
    struct waiter *waiters;
    bool is_kept;

    lock();
    waiters = job->waiters;
    job->waiters = NULL;
    job->fetch = NULL;
    job->state = JOB_OVER;
    desk.waiting--;
    is_kept = job->is_shared && answer->answer.how != TOKEN_FAILED;
    if (is_kept) {
        job->answer = hold(answer);
        job->until_us = clock_us() + UINT64_C(1000) * TOKEN_SHARED_MS;
        desk.kept++;
        forget(clock_us(), TOKEN_SHARED_MAX);
    } else {
        list_remove(&job->node);
    }
    unlock();
    wake(waiters, answer);
    token_answer_release(&answer->answer);
    if (!is_kept) {
        free_job(job);
    }
}

/* ---- asked for ---- */

static struct job *find(const struct remembered_key *key)
{
    LIST_FOR_EACH(node, &desk.jobs)
    {
        struct job *job = LIST_ENTRY(node, struct job, node);
        if (job->is_shared && memcmp(&job->key, key, sizeof(*key)) == 0) {
            return job;
        }
    }
    return NULL;
}

static struct job *add_job(const struct token_question *question)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->url_text = xstrdup(question->url);
    CHECK(url_parse(span_from_cstr(job->url_text), &job->url));
    job->ca = question->ca != NULL ? xstrdup(question->ca) : NULL;
    job->timeout_ms = question->timeout_ms;
    job->is_get = question->form.ptr == NULL;
    if (!job->is_get) {
        strbuf_add(&job->form, question->form);
    }
    if (question->authorization.ptr != NULL) {
        strbuf_add(&job->authorization, question->authorization);
    }
    job->is_shared = question->key != NULL;
    if (job->is_shared) {
        job->key = *question->key;
    }
    list_push_back(&desk.jobs, &job->node);
    desk.waiting++;
    return job;
}

static void add_waiter(struct job *job, struct phases *phases,
                       enum phase_verdict (*act)(struct phases *phases, void *answer))
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));

    waiter->ticket = phases_take_ticket(phases);
    waiter->act = act;
    waiter->next = job->waiters;
    job->waiters = waiter;
    job->waiter_count++;
}

static void fail_all(const char *problem);

enum token_ask token_ask(const struct token_question *question, struct phases *phases,
                         enum phase_verdict (*act)(struct phases *phases, void *answer),
                         const struct token_answer **known)
{
    enum token_ask result = TOKEN_ASKED;
    struct job *job;

    lock();
    if (!desk.is_open) {
        unlock();
        return TOKEN_NOBODY;
    }
    forget(clock_us(), TOKEN_SHARED_MAX);
    job = question->key != NULL ? find(question->key) : NULL;
    if (job != NULL && job->state == JOB_OVER) {
        *known = &hold(job->answer)->answer;
        result = TOKEN_KNOWN;
    } else if (job != NULL && job->waiter_count >= question->most_waiters) {
        result = TOKEN_CROWD;
    } else if (job != NULL) {
        add_waiter(job, phases, act);
    } else if (desk.waiting >= question->most) {
        result = TOKEN_BUSY;
    } else {
        add_waiter(add_job(question), phases, act);
    }
    unlock();
    if (result == TOKEN_ASKED && !fetch_thread_poke(&desk.thread)) {
        fail_all("there is no thread that could ask");
    }
    return result;
}

/* ---- the thread ---- */

/* NULL with an error. */
static struct tls_context *context_for(const char *ca, struct error *error)
{
    const struct tls_client_options options = {.ca = ca, .protocols = TLS_H1_ONLY};
    struct context *best = &desk.contexts[0];

    for (size_t i = 0; i < CONTEXTS_MAX; i++) {
        struct context *one = &desk.contexts[i];
        bool is_same = one->tls != NULL &&
                       (ca == NULL || one->ca == NULL ? ca == one->ca : strcmp(ca, one->ca) == 0);
        if (is_same) {
            best = one;
            break;
        }
        best = one->tls == NULL || (best->tls != NULL && one->made_us < best->made_us) ? one : best;
    }
    if (best->tls != NULL && clock_us() - best->made_us < CONTEXT_US &&
        (ca == NULL || best->ca == NULL ? ca == best->ca : strcmp(ca, best->ca) == 0)) {
        return best->tls;
    }
    tls_context_destroy(best->tls); /* connections hold it themselves */
    free(best->ca);
    best->ca = ca != NULL ? xstrdup(ca) : NULL;
    best->made_us = clock_us();
    best->tls = tls_client_context_create(&options, error);
    return best->tls;
}

static void look(void *arg);

static void on_done(void *owner, const struct fetch_result *result)
{
    desk.asked--;
    end_job(owner, answer_to(owner, result));
    look(NULL);
}

static void start(struct job *job)
{
    struct fetch_field fields[3] = {{"Accept", SPAN("application/json")}};
    size_t count = 1;
    struct tls_context *tls = NULL;
    struct error error;

    if (job->url.is_https) {
        tls = context_for(job->ca, &error);
        if (tls == NULL) {
            end_job(job, make_failure(error.text));
            return;
        }
    }
    if (job->authorization.ptr != NULL) {
        fields[count++] = (struct fetch_field){"Authorization", strbuf_span(&job->authorization)};
    }
    if (!job->is_get) {
        fields[count++] =
            (struct fetch_field){"Content-Type", SPAN("application/x-www-form-urlencoded")};
    }
    desk.asked++;
    job->fetch = fetch_start(&desk.thread.client,
                             &(struct fetch_ask){.url = job->url,
                                                 .method = job->is_get ? HTTP_GET : HTTP_POST,
                                                 .body = strbuf_span(&job->form),
                                                 .fields = fields,
                                                 .field_count = count,
                                                 .timeout_ms = job->timeout_ms,
                                                 .body_max = TOKEN_ANSWER_MAX,
                                                 .tls = tls},
                             job, on_done);
}

/* The next one of that state, marked as the other. */
static struct job *next_job(enum job_state from, enum job_state to)
{
    struct job *found = NULL;

    lock();
    LIST_FOR_EACH(node, &desk.jobs)
    {
        struct job *job = LIST_ENTRY(node, struct job, node);
        if (job->state == from) {
            job->state = to;
            found = job;
            break;
        }
    }
    unlock();
    return found;
}

static void look(void *arg)
{
    struct job *job;

    (void)arg;
    while (desk.asked < FETCHES_MAX && (job = next_job(JOB_WAITING, JOB_ASKED)) != NULL) {
        start(job);
    }
}

/* Of those that nobody has asked about yet. */
static void fail_all(const char *problem)
{
    struct job *job;

    while ((job = next_job(JOB_WAITING, JOB_ASKED)) != NULL) {
        end_job(job, make_failure(problem));
    }
}

static void cut_off(void *arg)
{
    struct job *job;

    (void)arg;
    while ((job = next_job(JOB_ASKED, JOB_WAITING)) != NULL) {
        fetch_cancel(job->fetch);
        job->fetch = NULL;
        desk.asked--;
    }
    fail_all("the gateway ends");
}

/* ---- start and stop ---- */

void token_desk_start(void)
{
    list_init(&desk.jobs);
    desk.terms = (struct fetch_thread_terms){
        .name = "tokens", .fetched = "tokens", .send_ms = 10000, .look = look, .end = cut_off};
    fetch_thread_init(&desk.thread, &desk.terms);
    lock();
    desk.is_open = true;
    unlock();
}

void token_desk_stop(void)
{
    bool was_open;

    lock();
    was_open = desk.is_open;
    desk.is_open = false;
    unlock();
    if (!was_open) {
        return;
    }
    fetch_thread_free(&desk.thread);
    lock();
    forget(UINT64_MAX, 0);
    unlock();
    for (size_t i = 0; i < CONTEXTS_MAX; i++) {
        tls_context_destroy(desk.contexts[i].tls);
        free(desk.contexts[i].ca);
        desk.contexts[i] = (struct context){NULL, NULL, 0};
    }
}
