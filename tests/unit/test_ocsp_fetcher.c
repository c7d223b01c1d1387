/* The threads that fetch OCSP responses: what hangs holds up nothing else, least of all the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "certs/ocsp_fetcher.h"
#include "dns/dns.h"
#include "io/sock.h"
#include "ocsp_test.h"
#include "settings/settings.h"
#include "tls/certificate.h"
#include "tls/ocsp_registry.h"

#define TEN_MINUTES_MS 600000
#define SECONDS 20

static const struct network_list loopback = {
    .items = (struct network[]){{.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127},
                                 .prefix_bits = 104}},
    .count = 1};

static struct identity issuer;

/* ---- a name server that does not answer ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned waiting; /* questions without an answer */

/* In place of name servers, for the whole program: each question waits for the end. */
struct dns {
    void *owners[8];
    void (*on_answer)(void *owner, const struct dns_answer *answer);
    size_t count;
};

struct dns *dns_create(struct loop *loop, const struct dns_options *options, struct error *error)
{
    (void)loop;
    (void)options;
    (void)error;
    return xcalloc(1, sizeof(struct dns));
}

static void note(unsigned count)
{
    (void)pthread_mutex_lock(&lock);
    waiting = count;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

void dns_destroy(struct dns *dns)
{
    struct dns_answer answer = {.how = DNS_FAILED, .problem = "it is over"};

    for (size_t i = 0; dns != NULL && i < dns->count; i++) {
        dns->on_answer(dns->owners[i], &answer);
    }
    free(dns);
    note(0);
}

void dns_ask(struct dns *dns, const char *name, enum dns_type type, void *owner,
             void (*on_answer)(void *owner, const struct dns_answer *answer))
{
    (void)name;
    (void)type;
    assert_true(dns->count < ARRAY_LEN(dns->owners));
    dns->on_answer = on_answer;
    dns->owners[dns->count++] = owner;
    note((unsigned)dns->count);
}

static void wait_for_lookups(unsigned count)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SECONDS;
    (void)pthread_mutex_lock(&lock);
    while (waiting != count) {
        assert_int_equal(pthread_cond_timedwait(&changed, &lock, &until), 0);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* ---- a responder ---- */

struct responder {
    int fd;
    char url[64];
    pthread_t thread;
    struct span response; /* absent: it never answers */
};

static void *respond(void *arg)
{
    struct responder *responder = arg;
    char request[4096];
    char head[128];
    int fd = accept(responder->fd, NULL, NULL);

    if (fd < 0) {
        return NULL;
    }
    ssize_t n = read(fd, request, sizeof(request));
    if (n > 0 && responder->response.ptr != NULL) {
        int len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                           responder->response.len);
        assert_int_equal(write(fd, head, (size_t)len), len);
        assert_int_equal(write(fd, responder->response.ptr, responder->response.len),
                         responder->response.len);
    }
    while (n > 0) {
        n = read(fd, request, sizeof(request)); /* until the fetcher closes it */
    }
    close(fd);
    return NULL;
}

static void start_responder(struct responder *responder)
{
    struct sock_address address;
    socklen_t len = sizeof(address.v4);

    assert_true(sock_address_from_ip(&address, "127.0.0.1", 0));
    responder->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(responder->fd, &address.any, address.len), 0);
    assert_int_equal(listen(responder->fd, 8), 0);
    assert_int_equal(getsockname(responder->fd, &address.any, &len), 0);
    (void)snprintf(responder->url, sizeof(responder->url), "http://127.0.0.1:%u/",
                   ntohs(address.v4.sin_port));
}

static void run_responder(struct responder *responder)
{
    assert_int_equal(pthread_create(&responder->thread, NULL, respond, responder), 0);
}

static void end_responder(struct responder *responder)
{
    (void)shutdown(responder->fd, SHUT_RDWR);
    assert_int_equal(pthread_join(responder->thread, NULL), 0);
    close(responder->fd);
    free((char *)(uintptr_t)responder->response.ptr);
}

/* ---- certificates ---- */

static struct identity make_leaf(const char *url)
{
    return identity_make(&(struct identity_options){.subject = "leaf", .responder = url}, &issuer);
}

static struct ocsp_subject *join(struct ocsp_registry *registry, const struct identity *leaf)
{
    const struct identity *chain[] = {leaf, &issuer};
    struct error error;
    struct certificate *certificate =
        certificate_load(test_write_chain("leaf.crt", chain, 2), &error);
    struct ocsp_subject *subject;

    assert_non_null(certificate);
    subject = ocsp_registry_join(registry, certificate);
    assert_non_null(subject);
    certificate_destroy(certificate);
    return subject;
}

static struct span good_response(const struct identity *leaf)
{
    const struct ocsp_answer answer = {.leaf = leaf->certificate,
                                       .issuer = issuer.certificate,
                                       .signer = &issuer,
                                       .from = time(NULL) - 10,
                                       .until = time(NULL) + 1000};

    return ocsp_answer_make(&answer);
}

static void wait_for_response(struct ocsp_subject *subject)
{
    const struct timespec step = {0, 10000000};

    for (unsigned i = 0; i < SECONDS * 100; i++) {
        size_t len;
        unsigned char *response = ocsp_subject_response(subject, (int64_t)time(NULL) * 1000, &len);
        if (response != NULL) {
            OPENSSL_free(response);
            return;
        }
        (void)nanosleep(&step, NULL);
    }
    fail_msg("no response came");
}

/* ---- the tests ---- */

static void nothing_to_fetch(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct ocsp_fetcher *fetcher = ocsp_fetcher_start(registry, TEN_MINUTES_MS, &loopback);

    (void)state;
    ocsp_fetcher_stop(fetcher);
    ocsp_fetcher_stop(NULL);
    ocsp_registry_release(registry);
}

static void a_certificate_that_comes_later(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct ocsp_fetcher *fetcher = ocsp_fetcher_start(registry, TEN_MINUTES_MS, &loopback);
    struct responder responder = {0};
    struct ocsp_subject *subject;
    struct identity leaf;

    (void)state;
    start_responder(&responder);
    leaf = make_leaf(responder.url);
    responder.response = good_response(&leaf);
    run_responder(&responder);
    subject = join(registry, &leaf);
    wait_for_response(subject);
    ocsp_fetcher_stop(fetcher);
    end_responder(&responder);
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void the_end_does_not_wait_for_a_responder(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct responder silent = {0};
    struct responder good = {0};
    struct ocsp_fetcher *fetcher;
    struct ocsp_subject *subjects[2];
    struct identity leaves[2];

    (void)state;
    start_responder(&silent);
    start_responder(&good);
    leaves[0] = make_leaf(silent.url);
    leaves[1] = make_leaf(good.url);
    good.response = good_response(&leaves[1]);
    run_responder(&silent);
    run_responder(&good);
    for (size_t i = 0; i < 2; i++) {
        subjects[i] = join(registry, &leaves[i]);
    }
    fetcher = ocsp_fetcher_start(registry, TEN_MINUTES_MS, &loopback);
    wait_for_response(subjects[1]);
    ocsp_fetcher_stop(fetcher); /* ten minutes, if it waited */
    end_responder(&silent);
    end_responder(&good);
    for (size_t i = 0; i < 2; i++) {
        ocsp_subject_leave(subjects[i]);
        identity_free(&leaves[i]);
    }
    ocsp_registry_release(registry);
}

static void the_end_does_not_wait_for_a_name_server(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct responder good = {0};
    struct ocsp_fetcher *fetcher;
    struct ocsp_subject *subjects[3];
    struct identity leaves[3];

    (void)state;
    start_responder(&good);
    leaves[0] = make_leaf("http://slow.example/");
    leaves[1] = make_leaf("http://slow.example/");
    leaves[2] = make_leaf(good.url);
    good.response = good_response(&leaves[2]);
    run_responder(&good);
    for (size_t i = 0; i < 3; i++) {
        subjects[i] = join(registry, &leaves[i]);
    }
    fetcher = ocsp_fetcher_start(registry, TEN_MINUTES_MS, &loopback);
    wait_for_lookups(4); /* two families each */
    wait_for_response(subjects[2]);
    ocsp_fetcher_stop(fetcher);
    wait_for_lookups(0); /* what hung is for nobody */
    end_responder(&good);
    for (size_t i = 0; i < 3; i++) {
        ocsp_subject_leave(subjects[i]);
        identity_free(&leaves[i]);
    }
    ocsp_registry_release(registry);
}

static int set_up(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    issuer = identity_make(&(struct identity_options){.subject = "Issuer", .is_ca = true}, NULL);
    return tls_test_set_up(state);
}

static int tear_down(void **state)
{
    identity_free(&issuer);
    return tls_test_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_fetch),
        cmocka_unit_test(a_certificate_that_comes_later),
        cmocka_unit_test(the_end_does_not_wait_for_a_responder),
        cmocka_unit_test(the_end_does_not_wait_for_a_name_server),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
