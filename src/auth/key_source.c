#include "auth/key_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "tls/digest.h"

#define SECOND_US UINT64_C(1000000)
/* However short Cache-Control says that keys are good; the longest is `every`. */
#define AGE_MIN_US (60 * SECOND_US)
#define RETRY_MIN_US SECOND_US
#define RETRY_MAX_US (60 * SECOND_US)

struct waiter {
    struct phase_ticket *ticket;
    enum phase_verdict (*act)(struct phases *phases, void *arg);
    struct waiter *next;
};

struct key_source {
    struct list node;
    unsigned users; /* those that have opened it, and its fetch */
    char *url;
    char *ca;
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_us;
    struct jwk_set *keys;               /* NULL: none yet */
    unsigned char digest[SHA256_BYTES]; /* of the document that they are of */
    struct error problem;
    uint64_t due_us;
    uint64_t begun_us; /* the last fetch; 0: there was none */
    unsigned failures; /* in a row */
    bool is_fetching;
    struct waiter *waiters;
    unsigned waiter_count;
};

static struct {
    pthread_mutex_t lock;
    struct list sources;
    bool has_begun;
    bool (*poke)(void *arg);
    void *arg;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    (void)pthread_mutex_lock(&all.lock);
    if (!all.has_begun) {
        list_init(&all.sources);
        all.has_begun = true;
    }
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&all.lock);
}

/* ---- who waits ---- */

/* Their requests look again. */
static void wake(struct waiter *waiter)
{
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        phase_ticket_return(waiter->ticket, waiter->act, NULL, NULL);
        free(waiter);
        waiter = next;
    }
}

/* With the lock; for `wake`, without it. */
static struct waiter *take_waiters(struct key_source *source)
{
    struct waiter *waiters = source->waiters;

    source->waiters = NULL;
    source->waiter_count = 0;
    return waiters;
}

/* Nobody fetches: whoever waits goes on without. */
static void wake_all(void)
{
    struct waiter *waiters = NULL;

    lock();
    LIST_FOR_EACH(node, &all.sources)
    {
        struct key_source *source = LIST_ENTRY(node, struct key_source, node);
        while (source->waiters != NULL) {
            struct waiter *first = source->waiters;
            source->waiters = first->next;
            first->next = waiters;
            waiters = first;
        }
        source->waiter_count = 0;
    }
    unlock();
    wake(waiters);
}

/* Without the lock. */
static void poke(bool (*fn)(void *arg), void *arg)
{
    if (fn != NULL && !fn(arg)) {
        wake_all();
    }
}

/* ---- opened and closed ---- */

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static struct key_source *find(const struct key_source_settings *settings)
{
    LIST_FOR_EACH(node, &all.sources)
    {
        struct key_source *source = LIST_ENTRY(node, struct key_source, node);
        if (is_same_text(source->url, settings->url) && is_same_text(source->ca, settings->ca)) {
            return source;
        }
    }
    return NULL;
}

struct key_source *key_source_open(const struct key_source_settings *settings)
{
    struct key_source *source;
    bool (*fn)(void *arg);
    void *arg;

    lock();
    source = find(settings);
    if (source == NULL) {
        source = xcalloc(1, sizeof(*source));
        source->url = xstrdup(settings->url);
        source->ca = settings->ca != NULL ? xstrdup(settings->ca) : NULL;
        source->due_us = clock_us();
        list_push_back(&all.sources, &source->node);
    }
    source->users++;
    source->timeout_ms = settings->timeout_ms;
    source->every_ms = settings->every_ms;
    source->pause_us = settings->pause_ms * 1000;
    fn = all.poke;
    arg = all.arg;
    unlock();
    poke(fn, arg);
    return source;
}

/* With the lock. */
static void let_go(struct key_source *source)
{
    if (--source->users != 0) {
        return;
    }
    CHECK(source->waiters == NULL);
    list_remove(&source->node);
    jwk_set_release(source->keys);
    free(source->url);
    free(source->ca);
    free(source);
}

void key_source_close(struct key_source *source)
{
    struct waiter *waiters;

    if (source == NULL) {
        return;
    }
    lock();
    waiters = source->users == 1 ? take_waiters(source) : NULL;
    let_go(source);
    unlock();
    wake(waiters);
}

struct jwk_set *key_source_keys(struct key_source *source)
{
    struct jwk_set *keys;

    lock();
    keys = source->keys != NULL ? jwk_set_hold(source->keys) : NULL;
    unlock();
    return keys;
}

bool key_source_problem(struct key_source *source, struct error *problem)
{
    lock();
    *problem = source->problem;
    unlock();
    return problem->text[0] != '\0';
}

/* ---- asked for ---- */

static void add_waiter(struct key_source *source, struct phases *phases,
                       enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));

    waiter->ticket = phases_take_ticket(phases);
    waiter->act = act;
    waiter->next = source->waiters;
    source->waiters = waiter;
    source->waiter_count++;
}

enum key_ask key_source_ask(struct key_source *source, uint64_t number, struct phases *phases,
                            enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    uint64_t now_us = clock_us();
    enum key_ask result = KEYS_ASKED;
    bool (*fn)(void *arg);
    void *arg;

    lock();
    if (source->keys != NULL && jwk_set_number(source->keys) != number) {
        result = KEYS_NEWER;
    } else if (all.poke == NULL ||
               (!source->is_fetching && source->due_us > now_us && source->begun_us != 0 &&
                now_us - source->begun_us < source->pause_us)) {
        result = KEYS_NO_USE;
    } else if (source->waiter_count == KEY_WAITERS_MAX) {
        result = KEYS_TOO_MANY;
    } else {
        add_waiter(source, phases, act);
        if (!source->is_fetching) {
            source->due_us = now_us;
        }
    }
    fn = result == KEYS_ASKED ? all.poke : NULL;
    arg = all.arg;
    unlock();
    poke(fn, arg);
    return result;
}

/* ---- fetched ---- */

void key_source_watch(bool (*fn)(void *arg), void *arg)
{
    bool has_some;

    lock();
    all.poke = fn;
    all.arg = arg;
    has_some = !list_is_empty(&all.sources);
    unlock();
    if (fn == NULL) {
        wake_all();
    } else if (has_some) {
        poke(fn, arg);
    }
}

bool key_source_next(struct key_fetch *what, uint64_t *wait_us)
{
    uint64_t now_us = clock_us();
    struct key_source *first = NULL;

    lock();
    LIST_FOR_EACH(node, &all.sources)
    {
        struct key_source *source = LIST_ENTRY(node, struct key_source, node);
        if (!source->is_fetching && (first == NULL || source->due_us < first->due_us)) {
            first = source;
        }
    }
    if (first == NULL || first->due_us > now_us) {
        *wait_us = first == NULL ? UINT64_MAX : first->due_us - now_us;
        unlock();
        return false;
    }
    first->is_fetching = true;
    first->users++;
    first->begun_us = now_us;
    *what = (struct key_fetch){.source = first, .ca = first->ca, .timeout_ms = first->timeout_ms};
    CHECK(url_parse(span_from_cstr(first->url), &what->url));
    unlock();
    return true;
}

static void tell(const struct key_source *source, const struct error *before)
{
    if (source->problem.text[0] == '\0') {
        if (before->text[0] != '\0') {
            log_info("keys of %s: they are fetched again", source->url);
        }
    } else if (strcmp(source->problem.text, before->text) != 0) {
        log_warn("keys of %s: %s; %s", source->url, source->problem.text,
                 source->keys != NULL ? "those that there were before are used on"
                                      : "its tokens cannot be verified");
    }
}

/* The same document keeps its keys, and what was verified with them. False with a problem. */
static bool take(struct key_source *source, struct span text)
{
    unsigned char digest[SHA256_BYTES];
    struct jwk_set *keys;

    if (!digest_sha256(&text, 1, digest)) {
        return error_set(&source->problem, "memory is out");
    }
    if (source->keys != NULL && memcmp(digest, source->digest, sizeof(digest)) == 0) {
        return true;
    }
    keys = jwk_set_parse(text, &source->problem);
    if (keys == NULL) {
        return false;
    }
    jwk_set_release(source->keys);
    source->keys = keys;
    memcpy(source->digest, digest, sizeof(digest));
    return true;
}

static uint64_t retry_us(unsigned failures)
{
    unsigned doubled = failures < 7 ? failures : 7;
    uint64_t us = RETRY_MIN_US << (doubled - 1);

    return us < RETRY_MAX_US ? us : RETRY_MAX_US;
}

static uint64_t next_us(const struct key_source *source, int64_t max_age_s)
{
    uint64_t every_us = source->every_ms * 1000;
    uint64_t age_us = max_age_s < 0 ? every_us : (uint64_t)max_age_s * SECOND_US;

    if (age_us < AGE_MIN_US) {
        age_us = AGE_MIN_US;
    }
    return age_us < every_us ? age_us : every_us;
}

void key_source_done(struct key_source *source, struct span text, const char *problem,
                     int64_t max_age_s)
{
    struct waiter *waiters;
    struct error before;

    lock();
    before = source->problem;
    source->is_fetching = false;
    source->problem.text[0] = '\0';
    if (text.ptr == NULL) {
        (void)error_set(&source->problem, "%.900s", problem);
    }
    if (text.ptr != NULL && take(source, text)) {
        source->failures = 0;
        source->due_us = clock_us() + next_us(source, max_age_s);
    } else {
        source->failures++;
        source->due_us = clock_us() + retry_us(source->failures);
    }
    tell(source, &before);
    waiters = take_waiters(source);
    let_go(source);
    unlock();
    wake(waiters);
}
