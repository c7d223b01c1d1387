#include "auth/fetched.h"

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

struct fetched {
    struct list node;
    const struct fetched_type *type;
    unsigned users; /* those that have opened it, and its fetch */
    char *url;
    char *ca;
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_us;
    void *object;                       /* NULL: none yet */
    unsigned char digest[SHA256_BYTES]; /* of the text that it is of */
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
static struct waiter *take_waiters(struct fetched *source)
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
        struct fetched *source = LIST_ENTRY(node, struct fetched, node);
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

static struct fetched *find(const struct fetched_type *type,
                            const struct fetched_settings *settings)
{
    LIST_FOR_EACH(node, &all.sources)
    {
        struct fetched *source = LIST_ENTRY(node, struct fetched, node);
        if (source->type == type && is_same_text(source->url, settings->url) &&
            is_same_text(source->ca, settings->ca)) {
            return source;
        }
    }
    return NULL;
}

struct fetched *fetched_open(const struct fetched_type *type,
                             const struct fetched_settings *settings)
{
    struct fetched *source;
    bool (*fn)(void *arg);
    void *arg;

    lock();
    source = find(type, settings);
    if (source == NULL) {
        source = xcalloc(1, sizeof(*source));
        source->type = type;
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

/* With the lock. Whether it was the last one: `destroy` follows, without the lock. */
static bool let_go(struct fetched *source)
{
    if (--source->users != 0) {
        return false;
    }
    CHECK(source->waiters == NULL);
    list_remove(&source->node);
    return true;
}

/* Without the lock: what it has may have opened others. */
static void destroy(struct fetched *source)
{
    source->type->release(source->object);
    free(source->url);
    free(source->ca);
    free(source);
}

void fetched_close(struct fetched *source)
{
    struct waiter *waiters;
    bool is_last;

    if (source == NULL) {
        return;
    }
    lock();
    waiters = source->users == 1 ? take_waiters(source) : NULL;
    is_last = let_go(source);
    unlock();
    wake(waiters);
    if (is_last) {
        destroy(source);
    }
}

void *fetched_hold(struct fetched *source)
{
    void *object;

    lock();
    object = source->object != NULL ? source->type->hold(source->object) : NULL;
    unlock();
    return object;
}

bool fetched_problem(struct fetched *source, struct error *problem)
{
    lock();
    *problem = source->problem;
    unlock();
    return problem->text[0] != '\0';
}

/* ---- asked for ---- */

static void add_waiter(struct fetched *source, struct phases *phases,
                       enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));

    waiter->ticket = phases_take_ticket(phases);
    waiter->act = act;
    waiter->next = source->waiters;
    source->waiters = waiter;
    source->waiter_count++;
}

enum fetched_ask fetched_ask(struct fetched *source, uint64_t number, struct phases *phases,
                             enum phase_verdict (*act)(struct phases *phases, void *arg))
{
    uint64_t now_us = clock_us();
    enum fetched_ask result = FETCHED_ASKED;
    bool (*fn)(void *arg);
    void *arg;

    lock();
    if (source->object != NULL && source->type->number(source->object) != number) {
        result = FETCHED_NEWER;
    } else if (all.poke == NULL ||
               (!source->is_fetching && source->due_us > now_us && source->begun_us != 0 &&
                now_us - source->begun_us < source->pause_us)) {
        result = FETCHED_NO_USE;
    } else if (source->waiter_count == FETCHED_WAITERS_MAX) {
        result = FETCHED_TOO_MANY;
    } else {
        add_waiter(source, phases, act);
        if (!source->is_fetching) {
            source->due_us = now_us;
        }
    }
    fn = result == FETCHED_ASKED ? all.poke : NULL;
    arg = all.arg;
    unlock();
    poke(fn, arg);
    return result;
}

/* ---- fetched ---- */

void fetched_watch(bool (*fn)(void *arg), void *arg)
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

bool fetched_next(struct fetched_job *what, uint64_t *wait_us)
{
    uint64_t now_us = clock_us();
    struct fetched *first = NULL;

    lock();
    LIST_FOR_EACH(node, &all.sources)
    {
        struct fetched *source = LIST_ENTRY(node, struct fetched, node);
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
    *what = (struct fetched_job){
        .source = first, .type = first->type, .ca = first->ca, .timeout_ms = first->timeout_ms};
    CHECK(url_parse(span_from_cstr(first->url), &what->url));
    unlock();
    return true;
}

static void tell(const struct fetched *source, const struct error *before)
{
    if (source->problem.text[0] == '\0') {
        if (before->text[0] != '\0') {
            log_info("%s of %s: they are fetched again", source->type->what, source->url);
        }
    } else if (strcmp(source->problem.text, before->text) != 0) {
        log_warn("%s of %s: %s; %s", source->type->what, source->url, source->problem.text,
                 source->object != NULL ? "those that there were before are used on"
                                        : source->type->without);
    }
}

enum taken { TAKEN_NONE, TAKEN_SAME, TAKEN_NEW };

/* Without the lock: parsing takes its time, and may open others. One thread at a time does it for a
 * source, whose digest changes here alone. The same text keeps its object, and all that was
 * verified by it. NONE: with a problem. */
static enum taken take(struct fetched *source, struct span text, void **object,
                       struct error *problem)
{
    struct fetched_settings settings;
    unsigned char digest[SHA256_BYTES];

    lock();
    settings = (struct fetched_settings){.url = source->url,
                                         .ca = source->ca,
                                         .timeout_ms = source->timeout_ms,
                                         .every_ms = source->every_ms,
                                         .pause_ms = source->pause_us / 1000};
    unlock();
    if (!digest_sha256(&text, 1, digest)) {
        (void)error_set(problem, "memory is out");
        return TAKEN_NONE;
    }
    if (source->object != NULL && memcmp(digest, source->digest, sizeof(digest)) == 0) {
        return TAKEN_SAME;
    }
    *object = source->type->parse(&settings, text, problem);
    if (*object == NULL) {
        return TAKEN_NONE;
    }
    memcpy(source->digest, digest, sizeof(digest));
    return TAKEN_NEW;
}

static uint64_t retry_us(unsigned failures)
{
    unsigned doubled = failures < 7 ? failures : 7;
    uint64_t us = RETRY_MIN_US << (doubled - 1);

    return us < RETRY_MAX_US ? us : RETRY_MAX_US;
}

static uint64_t next_us(const struct fetched *source, int64_t max_age_s)
{
    uint64_t every_us = source->every_ms * 1000;
    uint64_t age_us = max_age_s < 0 ? every_us : (uint64_t)max_age_s * SECOND_US;

    if (age_us < AGE_MIN_US) {
        age_us = AGE_MIN_US;
    }
    return age_us < every_us ? age_us : every_us;
}

void fetched_done(struct fetched *source, struct span text, const char *problem, int64_t max_age_s)
{
    struct error why = {""};
    void *object = NULL;
    enum taken taken = TAKEN_NONE;
    struct waiter *waiters;
    struct error before;
    bool is_last;

    if (text.ptr == NULL) {
        (void)error_set(&why, "%.900s", problem);
    } else {
        taken = take(source, text, &object, &why);
    }
    lock();
    before = source->problem;
    source->is_fetching = false;
    source->problem = why;
    if (taken == TAKEN_NEW) {
        void *old = source->object;
        source->object = object;
        object = old;
    }
    source->failures = taken != TAKEN_NONE ? 0 : source->failures + 1;
    source->due_us = clock_us() + (taken != TAKEN_NONE ? next_us(source, max_age_s)
                                                       : retry_us(source->failures));
    tell(source, &before);
    waiters = take_waiters(source);
    is_last = let_go(source);
    unlock();
    if (object != NULL) {
        source->type->release(object);
    }
    wake(waiters);
    if (is_last) {
        destroy(source);
    }
}
