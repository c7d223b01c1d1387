#include "gateway/health_checker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "client/health_check.h"
#include "upstream/outlier.h"
#include "upstream/server_health.h"

/* Between two looks at who could not be reached, and at how requests went. */
#define LOOK_MS 500
/* To see whether a server can be reached again. */
#define PROBE_MS_MAX 5000
/* Checks and probes at a time; the others wait for the next look. */
#define CHECKS_MAX 256
/* Of an answer's head. */
#define HEAD_MAX (16 * 1024)
#define FIELDS_MAX 100

/* Kept while the server is one of its backend's, or a check of it is under way. */
struct watched {
    struct list node; /* in its group's */
    struct group *group;
    struct endpoint *endpoint;  /* held */
    size_t member;              /* of the group's set; BALANCE_NONE: not of it any more */
    uint64_t due_us;            /* the next check; 0: it has none */
    struct health_check *check; /* under way; NULL: none */
    bool is_probe;
    struct outlier_mark mark;    /* when the window began */
    struct latency_sum *latency; /* the same; NULL: it does not matter, or none has begun */
};

struct group {
    struct health_checker *checker;
    const struct backend *backend;
    const struct backend_settings *settings;
    struct server_set *set; /* that it had at the last look; held */
    struct list servers;    /* struct watched, in the set's order, then those that are gone */
    uint64_t window_began_us;
};

struct health_checker {
    struct snapshot *snapshot;
    pthread_t thread;
    struct core core;
    struct client client;
    struct timer timer;
    uint64_t random;
    unsigned under_way;
    struct group *groups; /* of each backend */
    size_t group_count;
};

static void look(struct health_checker *checker);

static struct server_ref ref_of(const struct watched *watched)
{
    return (struct server_ref){watched->group->backend, watched->group->set, watched->member};
}

static const struct server *server_of(const struct watched *watched)
{
    return &watched->group->set->servers[watched->member];
}

/* xorshift64 */
static uint64_t next_random(struct health_checker *checker)
{
    uint64_t x = checker->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return checker->random = x;
}

/* It is in no list. */
static void forget(struct watched *watched)
{
    list_remove(&watched->node);
    endpoint_release(watched->endpoint);
    free(watched->latency);
    free(watched);
}

/* ---- checks ---- */

/* Of the checks' results one or more are missing until the state is another one. */
static bool is_changing(const struct watched *watched)
{
    struct server_health_view view;

    server_health_look(watched->endpoint, &view);
    switch (view.state) {
    case HEALTH_UP:
        return view.bad != 0;
    case HEALTH_DOWN:
        return view.good != 0;
    case HEALTH_EJECTED:
    case HEALTH_TRIAL:
        break;
    }
    return true;
}

static uint64_t wait_us(struct watched *watched)
{
    return health_check_pause_us(watched->group->settings->health_check->interval_ms,
                                 is_changing(watched), next_random(watched->group->checker));
}

static void on_checked(void *owner, const struct health_answer *answer)
{
    struct watched *watched = owner;
    struct health_checker *checker = watched->group->checker;
    uint64_t now_us = loop_now_us(checker->core.loop);

    watched->check = NULL;
    checker->under_way--;
    if (watched->member == BALANCE_NONE) {
        forget(watched);
    } else if (watched->is_probe) {
        server_note_probe(ref_of(watched), answer, now_us);
    } else {
        server_note_check(ref_of(watched), answer, now_us);
        watched->due_us = now_us + wait_us(watched);
    }
    look(checker);
}

static void start(struct watched *watched, const struct health_check_ask *ask)
{
    struct health_checker *checker = watched->group->checker;

    checker->under_way++;
    watched->check = health_check_start(&checker->client, ask, watched, on_checked);
}

static void start_check(struct watched *watched)
{
    const struct health_check_settings *settings = watched->group->settings->health_check;

    watched->is_probe = false;
    start(watched,
          &(struct health_check_ask){.backend = watched->group->backend,
                                     .server = server_of(watched),
                                     .timeout_ms = settings->timeout_ms,
                                     .is_plain = settings->tcp != NULL,
                                     .http = settings->http,
                                     .grpc = settings->grpc,
                                     .talk = settings->tls != NULL ? settings->tls : settings->tcp,
                                     .port = (uint16_t)settings->port});
}

static void start_probe(struct watched *watched)
{
    const struct backend *backend = watched->group->backend;
    uint64_t timeout_ms = backend->connect_timeout_ms;

    watched->is_probe = true;
    start(watched, &(struct health_check_ask){
                       .backend = backend,
                       .server = server_of(watched),
                       .timeout_ms = timeout_ms < PROBE_MS_MAX ? timeout_ms : PROBE_MS_MAX});
}

/* Whatever is due of that server. Until when nothing is, in *next_us. */
static void look_at(struct watched *watched, uint64_t now_us, uint64_t *next_us)
{
    if (watched->check != NULL || watched->group->checker->under_way >= CHECKS_MAX ||
        server_order_of(server_of(watched)->order) == SERVER_DISABLED ||
        !endpoint_has_addresses(watched->endpoint)) {
        return;
    }
    if (watched->due_us != 0 && watched->due_us <= now_us) {
        start_check(watched);
    } else if (watched->due_us != 0 && watched->due_us < *next_us) {
        *next_us = watched->due_us;
    } else if (watched->group->settings->health_check == NULL &&
               health_wants_probe(&watched->endpoint->health, now_us)) {
        start_probe(watched);
    }
}

/* ---- which servers there are ---- */

/* Whether another backend has the same server and check: it is the same endpoint then. */
static bool is_checked_elsewhere(const struct health_checker *checker, const struct group *but,
                                 const struct endpoint *endpoint)
{
    for (size_t i = 0; i < checker->group_count; i++) {
        const struct group *group = &checker->groups[i];
        LIST_FOR_EACH(node, &group->servers)
        {
            const struct watched *watched = LIST_ENTRY(node, struct watched, node);
            if (group != but && watched->endpoint == endpoint && watched->due_us != 0) {
                return true;
            }
        }
    }
    return false;
}

static struct watched *find_in(const struct list *list, const struct endpoint *endpoint)
{
    LIST_FOR_EACH(node, list)
    {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        if (watched->endpoint == endpoint) {
            return watched;
        }
    }
    return NULL;
}

static struct watched *add(struct group *group, struct endpoint *endpoint)
{
    const struct health_check_settings *check = group->settings->health_check;
    struct health_checker *checker = group->checker;
    struct watched *watched = xcalloc(1, sizeof(*watched));

    watched->group = group;
    watched->endpoint = endpoint_hold(endpoint);
    list_init(&watched->node);
    if (check != NULL && !is_checked_elsewhere(checker, group, endpoint)) {
        /* Spread over a tenth of the time. */
        watched->due_us =
            loop_now_us(checker->core.loop) + next_random(checker) % (check->interval_ms * 100 + 1);
    }
    return watched;
}

/* Goes over to the servers that the backend has now. */
static void follow(struct group *group)
{
    struct list before;
    struct list *node;

    if (group->set != NULL && backend_has(group->backend, group->set)) {
        return;
    }
    server_set_release(group->set);
    group->set = backend_servers(group->backend);
    list_init(&before);
    while ((node = list_pop_front(&group->servers)) != NULL) {
        LIST_ENTRY(node, struct watched, node)->member = BALANCE_NONE;
        list_push_back(&before, node);
    }
    for (size_t i = 0; i < group->set->count; i++) {
        struct endpoint *endpoint = group->set->servers[i].endpoint;
        struct watched *watched = find_in(&before, endpoint);
        if (watched == NULL) {
            watched = add(group, endpoint);
        }
        list_remove(&watched->node);
        watched->member = i;
        list_push_back(&group->servers, &watched->node);
    }
    while ((node = list_pop_front(&before)) != NULL) {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        if (watched->check == NULL) {
            forget(watched);
        } else {
            list_push_back(&group->servers, node);
        }
    }
}

/* ---- how requests go ---- */

static struct outlier_mark mark_of(const struct watched *watched)
{
    struct endpoint_tally tally = endpoint_tally(watched->endpoint);

    return (struct outlier_mark){tally.served + tally.failed, tally.errors + tally.failed};
}

static struct outlier_mark since(const struct watched *watched)
{
    struct outlier_mark mark = mark_of(watched);

    return (struct outlier_mark){mark.requests - watched->mark.requests,
                                 mark.bad - watched->mark.bad};
}

static void eject(struct watched *watched, struct outlier_mark own, uint64_t now_us)
{
    uint64_t window_us = now_us - watched->group->window_began_us;
    char why[HEALTH_WHY_MAX];

    (void)snprintf(why, sizeof(why),
                   "%llu of %llu requests failed in %llu s, and fewer on the others",
                   (unsigned long long)own.bad, (unsigned long long)own.requests,
                   (unsigned long long)(window_us / 1000000));
    server_eject(ref_of(watched), why, now_us);
}

/* May it be put out at all? */
static bool is_judged(const struct watched *watched)
{
    return watched->member != BALANCE_NONE &&
           health_state_of(&watched->endpoint->health) == HEALTH_UP;
}

static void eject_failing(struct group *group, uint64_t now_us)
{
    struct outlier_mark all = {0};

    LIST_FOR_EACH(node, &group->servers)
    {
        struct outlier_mark mark = since(LIST_ENTRY(node, struct watched, node));
        all.requests += mark.requests;
        all.bad += mark.bad;
    }
    LIST_FOR_EACH(node, &group->servers)
    {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        struct outlier_mark own = since(watched);
        if (is_judged(watched) && outlier_fails(&group->settings->outliers, own, all)) {
            eject(watched, own, now_us);
        }
    }
}

static struct latency_sum latency_since(const struct watched *watched)
{
    struct latency_sum sum = {0};

    endpoint_latency(watched->endpoint, &sum);
    if (watched->latency != NULL) {
        latency_subtract(&sum, watched->latency);
    }
    return sum;
}

static void eject_slow_one(struct watched *watched, const struct outlier_pace *pace,
                           uint64_t now_us)
{
    char why[HEALTH_WHY_MAX];

    (void)snprintf(why, sizeof(why),
                   "half of its requests take %.3g ms or longer, and half of those to the others "
                   "up to %.3g ms",
                   (double)pace->own_us / 1000, (double)pace->others_us / 1000);
    server_eject(ref_of(watched), why, now_us);
}

/* Compared with those that are well: one that is out already says nothing of them. */
static void eject_slow(struct group *group, uint64_t now_us)
{
    const struct outliers_settings *terms = &group->settings->outliers;
    struct latency_sum all = {0};

    LIST_FOR_EACH(node, &group->servers)
    {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        if (is_judged(watched)) {
            struct latency_sum own = latency_since(watched);
            latency_add_sum(&all, &own);
        }
    }
    LIST_FOR_EACH(node, &group->servers)
    {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        if (is_judged(watched)) {
            struct latency_sum own = latency_since(watched);
            struct outlier_pace pace = outlier_pace_of(terms, &own, &all);
            if (outlier_is_slow(terms, &pace)) {
                eject_slow_one(watched, &pace, now_us);
            }
        }
    }
}

/* From here on counts what is seen of it. */
static void begin_anew(struct watched *watched)
{
    watched->mark = mark_of(watched);
    if (watched->group->settings->outliers.slow != 0) {
        if (watched->latency == NULL) {
            watched->latency = xcalloc(1, sizeof(*watched->latency));
        }
        memset(watched->latency, 0, sizeof(*watched->latency));
        endpoint_latency(watched->endpoint, watched->latency);
    }
}

/* One that comes back is not put out again for what it did before. */
static void forget_while_out(struct group *group)
{
    LIST_FOR_EACH(node, &group->servers)
    {
        struct watched *watched = LIST_ENTRY(node, struct watched, node);
        if (!is_judged(watched)) {
            begin_anew(watched);
        }
    }
}

static void begin_window(struct group *group, uint64_t now_us)
{
    group->window_began_us = now_us;
    LIST_FOR_EACH(node, &group->servers)
    {
        begin_anew(LIST_ENTRY(node, struct watched, node));
    }
}

static void look_at_requests(struct group *group, uint64_t now_us)
{
    const struct outliers_settings *terms = &group->settings->outliers;

    if ((terms->errors == 0 && terms->slow == 0) || group->set->count < 2) {
        return;
    }
    forget_while_out(group);
    if (group->window_began_us != 0) {
        eject_failing(group, now_us);
        if (terms->slow != 0) {
            eject_slow(group, now_us);
        }
    }
    if (now_us - group->window_began_us >= terms->window_ms * 1000) {
        begin_window(group, now_us);
    }
}

/* ---- the thread ---- */

static void look(struct health_checker *checker)
{
    uint64_t now_us = loop_now_us(checker->core.loop);
    uint64_t next_us = now_us + LOOK_MS * 1000;

    for (size_t i = 0; i < checker->group_count; i++) {
        struct group *group = &checker->groups[i];
        follow(group);
        LIST_FOR_EACH(node, &group->servers)
        {
            struct watched *watched = LIST_ENTRY(node, struct watched, node);
            if (watched->member != BALANCE_NONE) {
                look_at(watched, now_us, &next_us);
            }
        }
    }
    timer_set_ms(checker->core.loop, &checker->timer, (next_us - now_us) / 1000 + 1);
}

static void on_timer(struct timer *timer)
{
    struct health_checker *checker = CONTAINER_OF(timer, struct health_checker, timer);

    look(checker);
    for (size_t i = 0; i < checker->group_count; i++) {
        look_at_requests(&checker->groups[i], loop_now_us(checker->core.loop));
    }
}

static void *run(void *arg)
{
    struct health_checker *checker = arg;

    loop_run(checker->core.loop);
    timer_destroy(checker->core.loop, &checker->timer);
    for (size_t i = 0; i < checker->group_count; i++) {
        struct list *node;
        while ((node = list_pop_front(&checker->groups[i].servers)) != NULL) {
            struct watched *watched = LIST_ENTRY(node, struct watched, node);
            health_check_cancel(watched->check);
            forget(watched);
        }
        server_set_release(checker->groups[i].set);
    }
    client_close_all(&checker->client);
    loop_run_deferred(checker->core.loop);
    client_free(&checker->client, NULL, 0);
    return NULL;
}

/* ---- start and stop ---- */

static void destroy(struct health_checker *checker)
{
    free(checker->groups);
    core_destroy(&checker->core);
    snapshot_release(checker->snapshot);
    free(checker);
}

struct health_checker *health_checker_start(struct snapshot *snapshot)
{
    const struct client_settings settings = {
        .h1 = {.head_bytes = HEAD_MAX, .target_bytes = HEAD_MAX, .fields = FIELDS_MAX},
        .h2 = {HEAD_MAX, HEAD_MAX, FIELDS_MAX},
        .request_head = HEAD_MAX,
        .response_window = HEALTH_CHECK_BODY_MAX,
        .response_windows = (uint64_t)CHECKS_MAX * HEALTH_CHECK_BODY_MAX,
        .held = HEALTH_CHECK_BODY_MAX,
        .send_ms = PROBE_MS_MAX,
    };
    struct health_checker *checker = xcalloc(1, sizeof(*checker));
    int number;

    if (!core_init(&checker->core, 0)) {
        log_error("the servers' health cannot be looked after: %s; raise the limit of open files",
                  strerror(errno));
        free(checker);
        return NULL;
    }
    checker->snapshot = snapshot_hold(snapshot);
    checker->client = (struct client){.core = &checker->core, .settings = settings};
    client_init(&checker->client, NULL, 0);
    checker->random = loop_now_us(checker->core.loop) | 1;
    checker->group_count = snapshot->backend_count;
    checker->groups = xcalloc(snapshot->backend_count + 1, sizeof(*checker->groups));
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        struct group *group = &checker->groups[i];
        group->checker = checker;
        group->backend = snapshot->backends[i];
        group->settings = &snapshot->settings->backends[i];
        list_init(&group->servers);
    }
    timer_init(&checker->timer, on_timer);
    timer_set_ms(checker->core.loop, &checker->timer, 1);
    number = thread_start(&checker->thread, "health", run, checker);
    if (number != 0) {
        log_error("the servers' health cannot be looked after: cannot start a thread: %s",
                  strerror(number));
        client_free(&checker->client, NULL, 0);
        destroy(checker);
        return NULL;
    }
    return checker;
}

void health_checker_stop(struct health_checker *checker)
{
    if (checker == NULL) {
        return;
    }
    loop_stop(checker->core.loop);
    thread_join(checker->thread);
    destroy(checker);
}
