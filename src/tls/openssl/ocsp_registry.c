#include "tls/ocsp_registry.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "tls/ocsp_schedule.h"
#include "tls/ocsp_words.h"
#include "tls/openssl/ocsp_check_internal.h"

#define FINGERPRINT_BYTES 32
#define BUCKETS 1024
/* A clock that has been set back by more than this makes everything due. */
#define CLOCK_SET_BACK_MS 60000

struct response {
    int64_t until; /* seconds since 1970 */
    size_t len;
    unsigned char bytes[];
};

struct ocsp_subject {
    struct ocsp_registry *registry; /* held while in use */
    struct list bucket;             /* in the registry's table */
    struct list retired;            /* in its list of those that are not in use */
    unsigned uses;
    bool is_in_flight;

    unsigned char fingerprint[FINGERPRINT_BYTES];
    char *path; /* the certificate's, for messages */
    char *url;
    struct span responder; /* HOST:PORT within it */
    struct span request;
    X509 *issuer;
    ASN1_INTEGER *serial;

    int64_t next_at_ms;
    int64_t asked_at_ms;
    int64_t newest_from; /* thisUpdate of the newest that came: older ones are not taken */
    unsigned failures;   /* in a row */
    bool is_revoked;
    char *complaint; /* the last one that was told; NULL: all is well */

    pthread_mutex_t lock; /* of the response alone, which handshakes read */
    struct response *response;
};

struct ocsp_registry {
    atomic_uint references;
    pthread_mutex_t lock; /* of all below and of subjects but their responses */
    struct list buckets[BUCKETS];
    struct list retired; /* the one that left first, first */
    size_t retired_count;
    size_t subject_count;
    struct ocsp_subject *in_flight[OCSP_FETCHES_MAX];
    size_t in_flight_count;
    void (*wake)(void *arg);
    void *wake_arg;
    int64_t minute; /* of the messages counted */
    unsigned told;
    unsigned untold;
};

/* ---- life ---- */

struct ocsp_registry *ocsp_registry_create(void)
{
    struct ocsp_registry *registry = xcalloc(1, sizeof(*registry));

    atomic_init(&registry->references, 1);
    CHECK(pthread_mutex_init(&registry->lock, NULL) == 0);
    list_init(&registry->retired);
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&registry->buckets[i]);
    }
    return registry;
}

struct ocsp_registry *ocsp_registry_hold(struct ocsp_registry *registry)
{
    (void)atomic_fetch_add_explicit(&registry->references, 1, memory_order_relaxed);
    return registry;
}

static void free_subject(struct ocsp_subject *subject)
{
    list_remove(&subject->bucket);
    list_remove(&subject->retired);
    X509_free(subject->issuer);
    ASN1_INTEGER_free(subject->serial);
    free(subject->path);
    free(subject->url);
    free((char *)(uintptr_t)subject->request.ptr);
    free(subject->complaint);
    free(subject->response);
    (void)pthread_mutex_destroy(&subject->lock);
    free(subject);
}

void ocsp_registry_release(struct ocsp_registry *registry)
{
    if (registry == NULL ||
        atomic_fetch_sub_explicit(&registry->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &registry->buckets[i])
        {
            free_subject(LIST_ENTRY(node, struct ocsp_subject, bucket));
        }
    }
    (void)pthread_mutex_destroy(&registry->lock);
    free(registry);
}

bool ocsp_registry_watch(struct ocsp_registry *registry, void (*wake)(void *arg), void *arg)
{
    bool has_subjects;

    (void)pthread_mutex_lock(&registry->lock);
    registry->wake = wake;
    registry->wake_arg = arg;
    has_subjects = registry->subject_count != 0;
    (void)pthread_mutex_unlock(&registry->lock);
    return has_subjects;
}

/* ---- who is in it ---- */

static struct list *bucket_of(struct ocsp_registry *registry, const unsigned char *fingerprint)
{
    return &registry->buckets[(fingerprint[0] << 8 | fingerprint[1]) % BUCKETS];
}

static struct ocsp_subject *find(struct ocsp_registry *registry, const unsigned char *fingerprint)
{
    LIST_FOR_EACH(node, bucket_of(registry, fingerprint))
    {
        struct ocsp_subject *subject = LIST_ENTRY(node, struct ocsp_subject, bucket);
        if (memcmp(subject->fingerprint, fingerprint, FINGERPRINT_BYTES) == 0) {
            return subject;
        }
    }
    return NULL;
}

/* NULL: the certificate has no responder, or its request cannot be made. */
static struct ocsp_subject *make(const struct certificate *certificate,
                                 const unsigned char *fingerprint)
{
    X509 *leaf = certificate_x509(certificate, 0);
    X509 *issuer = certificate_x509(certificate, 1);
    struct ocsp_subject *subject;
    struct url url;

    subject = xcalloc(1, sizeof(*subject));
    list_init(&subject->bucket);
    list_init(&subject->retired);
    CHECK(pthread_mutex_init(&subject->lock, NULL) == 0);
    memcpy(subject->fingerprint, fingerprint, FINGERPRINT_BYTES);
    subject->path = xstrdup(certificate_path(certificate));
    subject->url = ocsp_responder(leaf);
    subject->request = ocsp_request(leaf, issuer);
    subject->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(leaf));
    subject->newest_from = INT64_MIN;
    CHECK(X509_up_ref(issuer) == 1);
    subject->issuer = issuer;
    if (subject->url == NULL || subject->request.ptr == NULL || subject->serial == NULL ||
        !url_parse(span_from_cstr(subject->url), &url)) {
        free_subject(subject);
        return NULL;
    }
    subject->responder = url.authority;
    return subject;
}

/* True: it was not in use before. */
static bool begin_use(struct ocsp_registry *registry, struct ocsp_subject *subject)
{
    if (subject->uses++ != 0) {
        return false;
    }
    subject->registry = ocsp_registry_hold(registry);
    if (!list_is_empty(&subject->retired)) {
        list_remove(&subject->retired);
        registry->retired_count--;
    }
    return true;
}

struct ocsp_subject *ocsp_registry_join(struct ocsp_registry *registry,
                                        const struct certificate *certificate)
{
    unsigned char fingerprint[EVP_MAX_MD_SIZE];
    struct ocsp_subject *fresh = NULL;
    struct ocsp_subject *subject;
    void (*wake)(void *) = NULL;
    void *arg;

    if (certificate_chain_length(certificate) < 2 ||
        X509_digest(certificate_x509(certificate, 0), EVP_sha256(), fingerprint, NULL) != 1) {
        return NULL;
    }
    (void)pthread_mutex_lock(&registry->lock);
    subject = find(registry, fingerprint);
    if (subject == NULL && (fresh = make(certificate, fingerprint)) != NULL) {
        subject = fresh;
        list_push_back(bucket_of(registry, fingerprint), &fresh->bucket);
        registry->subject_count++;
    }
    if (subject != NULL && begin_use(registry, subject)) {
        wake = registry->wake;
    }
    arg = registry->wake_arg;
    (void)pthread_mutex_unlock(&registry->lock);
    if (wake != NULL) {
        wake(arg);
    }
    return subject;
}

/* Under the lock. */
static void retire(struct ocsp_registry *registry, struct ocsp_subject *subject)
{
    if (subject->uses != 0 || subject->is_in_flight || !list_is_empty(&subject->retired)) {
        return;
    }
    list_push_back(&registry->retired, &subject->retired);
    if (++registry->retired_count > OCSP_RETIRED_MAX) {
        free_subject(LIST_ENTRY(registry->retired.next, struct ocsp_subject, retired));
        registry->retired_count--;
        registry->subject_count--;
    }
}

void ocsp_subject_leave(struct ocsp_subject *subject)
{
    struct ocsp_registry *registry = subject->registry;
    bool was_last;

    (void)pthread_mutex_lock(&registry->lock);
    was_last = --subject->uses == 0;
    retire(registry, subject);
    (void)pthread_mutex_unlock(&registry->lock);
    if (was_last) {
        ocsp_registry_release(registry);
    }
}

bool ocsp_subject_is_new(struct ocsp_subject *subject)
{
    bool is_new;

    (void)pthread_mutex_lock(&subject->registry->lock);
    is_new = subject->newest_from == INT64_MIN && subject->failures == 0;
    (void)pthread_mutex_unlock(&subject->registry->lock);
    return is_new;
}

/* ---- the response ---- */

unsigned char *ocsp_subject_response(struct ocsp_subject *subject, int64_t now_ms, size_t *len)
{
    unsigned char *copy = NULL;

    (void)pthread_mutex_lock(&subject->lock);
    if (subject->response != NULL && subject->response->until > now_ms / 1000) {
        *len = subject->response->len;
        copy = OPENSSL_memdup(subject->response->bytes, subject->response->len);
    }
    (void)pthread_mutex_unlock(&subject->lock);
    return copy;
}

/* Absent bytes: none any more. */
static void set_response(struct ocsp_subject *subject, struct span bytes, int64_t until)
{
    struct response *fresh = NULL;
    struct response *old;

    if (bytes.ptr != NULL) {
        fresh = xmalloc(sizeof(*fresh) + bytes.len);
        fresh->until = until;
        fresh->len = bytes.len;
        memcpy(fresh->bytes, bytes.ptr, bytes.len);
    }
    (void)pthread_mutex_lock(&subject->lock);
    old = subject->response;
    subject->response = fresh;
    (void)pthread_mutex_unlock(&subject->lock);
    free(old);
}

/* When the one in use ends; 0: there is none. The registry's lock keeps it from changing. */
static int64_t in_use_until(const struct ocsp_subject *subject, int64_t now_ms)
{
    return subject->response != NULL && subject->response->until > now_ms / 1000
               ? subject->response->until
               : 0;
}

/* ---- looking ---- */

static void look_at(const struct ocsp_subject *subject, int64_t now_ms, struct ocsp_counts *counts,
                    void (*see)(void *arg, const struct ocsp_failing *failing), void *arg)
{
    bool is_stapled = in_use_until(subject, now_ms) != 0;

    counts->certificates++;
    counts->stapled += is_stapled;
    if (subject->complaint != NULL) {
        struct ocsp_failing failing = {subject->path, subject->url, subject->complaint, is_stapled};
        counts->failing++;
        see(arg, &failing);
    }
}

struct ocsp_counts ocsp_registry_look(struct ocsp_registry *registry, int64_t now_ms,
                                      void (*see)(void *arg, const struct ocsp_failing *failing),
                                      void *arg)
{
    struct ocsp_counts counts = {0};

    (void)pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &registry->buckets[i])
        {
            const struct ocsp_subject *subject = LIST_ENTRY(node, struct ocsp_subject, bucket);
            if (subject->uses != 0) {
                look_at(subject, now_ms, &counts, see, arg);
            }
        }
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return counts;
}

/* ---- what to fetch ---- */

static bool is_due(const struct ocsp_subject *subject, int64_t now_ms)
{
    return subject->next_at_ms <= now_ms || now_ms < subject->asked_at_ms - CLOCK_SET_BACK_MS;
}

static bool is_responder_busy(const struct ocsp_registry *registry,
                              const struct ocsp_subject *subject)
{
    size_t count = 0;

    for (size_t i = 0; i < registry->in_flight_count; i++) {
        count += span_ieq(registry->in_flight[i]->responder, subject->responder);
    }
    return count >= OCSP_FETCHES_OF_RESPONDER;
}

/* The one that has been due for longest; else *wait_ms until the first will be. A pass over all:
 * tens of thousands take a millisecond, and it is made once for each fetch. */
static struct ocsp_subject *find_due(struct ocsp_registry *registry, int64_t now_ms,
                                     int64_t *wait_ms)
{
    struct ocsp_subject *found = NULL;
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR_EACH(node, &registry->buckets[i])
        {
            struct ocsp_subject *subject = LIST_ENTRY(node, struct ocsp_subject, bucket);
            if (subject->uses == 0 || subject->is_in_flight) {
                continue;
            }
            if (!is_due(subject, now_ms)) {
                first = subject->next_at_ms < first ? subject->next_at_ms : first;
            } else if ((found == NULL || subject->next_at_ms < found->next_at_ms) &&
                       !is_responder_busy(registry, subject)) {
                found = subject;
            }
        }
    }
    *wait_ms = first != INT64_MAX ? first - now_ms : INT64_MAX;
    return found;
}

bool ocsp_registry_next(struct ocsp_registry *registry, int64_t now_ms, struct ocsp_fetch *fetch,
                        int64_t *wait_ms)
{
    struct ocsp_subject *subject = NULL;

    *wait_ms = INT64_MAX;
    (void)pthread_mutex_lock(&registry->lock);
    if (registry->in_flight_count < OCSP_FETCHES_MAX) {
        subject = find_due(registry, now_ms, wait_ms);
    }
    if (subject != NULL) {
        subject->is_in_flight = true;
        subject->asked_at_ms = now_ms;
        registry->in_flight[registry->in_flight_count++] = subject;
        fetch->subject = subject;
        fetch->where = subject->url;
        fetch->request = subject->request;
        CHECK(url_parse(span_from_cstr(subject->url), &fetch->url));
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return subject != NULL;
}

/* ---- what came ---- */

/* What is to be said when the lock has been given back: a message waits for standard error. */
struct message {
    enum log_level level;
    unsigned untold;
    char text[1900];
};

static void say(struct ocsp_registry *registry, int64_t now_ms, struct message *message,
                enum log_level level, const char *fmt, ...) PRINTF_LIKE(5, 6);

static void say(struct ocsp_registry *registry, int64_t now_ms, struct message *message,
                enum log_level level, const char *fmt, ...)
{
    va_list args;

    message->level = level;
    if (level == LOG_LEVEL_ERROR || level == LOG_LEVEL_WARN || level == LOG_LEVEL_INFO) {
        if (registry->minute != now_ms / 60000) {
            registry->minute = now_ms / 60000;
            registry->told = 0;
        }
        if (registry->told == OCSP_MESSAGES_PER_MINUTE) {
            registry->untold++;
            return;
        }
        registry->told++;
        message->untold = registry->untold;
        registry->untold = 0;
    }
    va_start(args, fmt);
    (void)vsnprintf(message->text, sizeof(message->text), fmt, args);
    va_end(args);
}

static void write_message(const struct message *message)
{
    if (message->untold != 0) {
        log_warn("%u more messages about OCSP responses were left out", message->untold);
    }
    if (message->text[0] == '\0') {
        return;
    }
    switch (message->level) {
    case LOG_LEVEL_ERROR:
        log_error("%s", message->text);
        break;
    case LOG_LEVEL_WARN:
        log_warn("%s", message->text);
        break;
    case LOG_LEVEL_INFO:
        log_info("%s", message->text);
        break;
    case LOG_LEVEL_DEBUG:
        log_debug("%s", message->text);
        break;
    }
}

static uint32_t random_number(void)
{
    uint32_t random = 0;

    (void)RAND_bytes((unsigned char *)&random, sizeof(random)); /* without it there is no jitter */
    return random;
}

static void on_good(struct ocsp_registry *registry, struct ocsp_subject *subject, struct span bytes,
                    const struct ocsp_finding *finding, int64_t now_ms, struct message *message)
{
    bool is_news = subject->complaint != NULL || in_use_until(subject, now_ms) == 0;
    int64_t until = finding->until != INT64_MAX ? finding->until : now_ms / 1000 + OCSP_ENDLESS_S;
    char date[32];

    set_response(subject, bytes, until);
    subject->newest_from = finding->from;
    subject->is_revoked = false;
    subject->failures = 0;
    subject->next_at_ms = now_ms + ocsp_refresh_wait_ms(finding->until, now_ms, random_number());
    free(subject->complaint);
    subject->complaint = NULL;
    say(registry, now_ms, message, is_news ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
        "certificate '%s': its OCSP response was fetched from %s and is stapled until %s",
        subject->path, subject->url, ocsp_date_text(until, date));
}

/* A problem that is told once, for as long as it is the same. */
static void on_failure(struct ocsp_registry *registry, struct ocsp_subject *subject,
                       const char *problem, int64_t now_ms, struct message *message)
{
    int64_t until = in_use_until(subject, now_ms);
    char date[32];
    char rest[128] = "handshakes go on without one";

    subject->failures++;
    subject->next_at_ms =
        now_ms + ocsp_retry_wait_ms(subject->failures, until, now_ms, random_number());
    if (subject->complaint != NULL && strcmp(subject->complaint, problem) == 0) {
        return;
    }
    free(subject->complaint);
    subject->complaint = xstrdup(problem);
    if (until != 0) {
        (void)snprintf(rest, sizeof(rest), "the one before is stapled until %s",
                       ocsp_date_text(until, date));
    }
    say(registry, now_ms, message, LOG_LEVEL_WARN,
        "certificate '%s': no OCSP response could be fetched from %s: %s; %s, and it is tried "
        "again, at least every hour",
        subject->path, subject->url, problem, rest);
}

/* The authority's word counts more than an older good one, though that has not ended: a gateway
 * that knows better must not go on vouching for a key that may be stolen. */
static void on_revoked(struct ocsp_registry *registry, struct ocsp_subject *subject,
                       const struct ocsp_finding *finding, int64_t now_ms, struct message *message)
{
    bool is_news = !subject->is_revoked;
    char date[32];

    set_response(subject, (struct span){NULL, 0}, 0);
    subject->newest_from = finding->from;
    subject->is_revoked = true;
    subject->failures = 0;
    subject->next_at_ms = now_ms + ocsp_refresh_wait_ms(INT64_MAX, now_ms, random_number());
    free(subject->complaint);
    subject->complaint = xstrdup("the certificate was revoked: get a new one with a new key");
    if (is_news) {
        say(registry, now_ms, message, LOG_LEVEL_ERROR,
            "certificate '%s' was REVOKED by its authority on %s%s%s%s, says %s: clients will "
            "refuse it, and no OCSP response is stapled: get a new certificate with a new key now",
            subject->path, ocsp_date_text(finding->revoked_at, date),
            finding->word != NULL ? " (" : "", finding->word != NULL ? finding->word : "",
            finding->word != NULL ? ")" : "", subject->url);
    }
}

/* A cache that lags behind, or somebody on the way who plays back what was said before. Not while
 * there is nothing better. */
static bool is_outdated(const struct ocsp_subject *subject, const struct ocsp_finding *finding,
                        int64_t now_ms)
{
    return finding->verdict == OCSP_VERDICT_GOOD && finding->from < subject->newest_from &&
           (subject->is_revoked || in_use_until(subject, now_ms) != 0);
}

static void take(struct ocsp_registry *registry, struct ocsp_subject *subject, struct span bytes,
                 const struct ocsp_finding *finding, const char *problem, int64_t now_ms,
                 struct message *message)
{
    struct error error;

    if (bytes.ptr == NULL) {
        on_failure(registry, subject, problem, now_ms, message);
    } else if (is_outdated(subject, finding, now_ms)) {
        int64_t until = subject->is_revoked ? INT64_MAX : subject->response->until;
        subject->next_at_ms = now_ms + ocsp_refresh_wait_ms(until, now_ms, random_number());
    } else if (finding->verdict == OCSP_VERDICT_GOOD) {
        on_good(registry, subject, bytes, finding, now_ms, message);
    } else if (finding->verdict == OCSP_VERDICT_REVOKED) {
        on_revoked(registry, subject, finding, now_ms, message);
    } else {
        ocsp_words_fetched(finding, &error);
        on_failure(registry, subject, error.text, now_ms, message);
    }
}

static void end_flight(struct ocsp_registry *registry, struct ocsp_subject *subject)
{
    subject->is_in_flight = false;
    for (size_t i = 0; i < registry->in_flight_count; i++) {
        if (registry->in_flight[i] == subject) {
            registry->in_flight[i] = registry->in_flight[--registry->in_flight_count];
            break;
        }
    }
    retire(registry, subject);
}

void ocsp_registry_done(struct ocsp_registry *registry, const struct ocsp_fetch *fetch,
                        struct span bytes, const char *problem, int64_t now_ms)
{
    struct ocsp_subject *subject = fetch->subject;
    struct ocsp_finding finding = {.verdict = OCSP_VERDICT_NO_RESPONSE};
    struct message message = {.level = LOG_LEVEL_DEBUG};

    /* What it looks at never changes, so it needs no lock: it checks signatures. */
    if (bytes.ptr != NULL) {
        finding = ocsp_check(bytes, subject->issuer, subject->serial, now_ms / 1000);
    }
    (void)pthread_mutex_lock(&registry->lock);
    take(registry, subject, bytes, &finding, problem, now_ms, &message);
    end_flight(registry, subject);
    (void)pthread_mutex_unlock(&registry->lock);
    write_message(&message);
}
