/* Names of servers: looked up before the gateway is ready, but not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <pthread.h>

#include "base/log.h"
#include "gateway/resolver.h"

#define LONG_MS 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_hanging;
static unsigned hanging;

/* In place of the library's: "known.example" is at 127.0.0.1, others nowhere; it hangs while it is
 * told to. */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    static _Thread_local struct sock_address address;
    static _Thread_local struct addrinfo one;

    (void)service;
    (void)hints;
    (void)pthread_mutex_lock(&lock);
    hanging++;
    while (is_hanging) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    hanging--;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
    if (strcmp(name, "known.example") != 0) {
        return EAI_NONAME;
    }
    CHECK(sock_address_from_ip(&address, "127.0.0.1", 80));
    one = (struct addrinfo){.ai_addr = &address.any, .ai_addrlen = address.len};
    *found = &one;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

static void hang(bool does)
{
    (void)pthread_mutex_lock(&lock);
    is_hanging = does;
    (void)pthread_cond_broadcast(&changed);
    while (!does && hanging != 0) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* With one server for each name. */
static void make(struct snapshot *snapshot, struct backend **backend, const char *const *names,
                 size_t count)
{
    struct server servers[2] = {{0}};

    for (size_t i = 0; i < count; i++) {
        servers[i].text = names[i];
        servers[i].weight = 1;
        servers[i].endpoint = endpoint_take(&(struct endpoint_key){.host = names[i], .port = 80});
    }
    *backend =
        backend_create(&(struct backend){.name = "b"}, server_set_create(servers, count, NULL));
    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->backends = backend;
    snapshot->backend_count = 1;
}

static bool is_known(const struct backend *backend, size_t server)
{
    struct server_set *set = backend_servers(backend);
    bool has_addresses = endpoint_has_addresses(set->servers[server].endpoint);

    server_set_release(set);
    return has_addresses;
}

static void numbers_need_no_thread(void **state)
{
    static const char *const names[] = {"127.0.0.1"};
    struct snapshot snapshot;
    struct backend *backend;

    (void)state;
    make(&snapshot, &backend, names, 1);
    assert_null(resolver_start(&snapshot));
    resolver_stop(NULL);
    backend_release(backend);
}

/* The one that is not known holds up nothing. */
static void names_are_known_when_it_has_started(void **state)
{
    static const char *const names[] = {"nowhere.example", "known.example"};
    struct snapshot snapshot;
    struct backend *backend;
    struct resolver *resolver;

    (void)state;
    make(&snapshot, &backend, names, 2);
    resolver = resolver_start_within(&snapshot, LONG_MS);
    assert_non_null(resolver);
    assert_false(is_known(backend, 0));
    assert_true(is_known(backend, 1));
    resolver_stop(resolver);
    backend_release(backend);
}

/* The last: a resolver is left behind, as it is when the gateway's process ends. */
static void a_name_server_that_hangs_is_waited_for_only_so_long(void **state)
{
    static const char *const names[] = {"known.example"};
    struct snapshot snapshot;
    struct backend *backend;
    struct resolver *resolver;

    (void)state;
    make(&snapshot, &backend, names, 1);
    hang(true);
    resolver = resolver_start_within(&snapshot, 20);
    assert_non_null(resolver);
    assert_false(is_known(backend, 0));
    resolver_stop(resolver);
    hang(false);
    backend_release(backend);
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_need_no_thread),
        cmocka_unit_test(names_are_known_when_it_has_started),
        cmocka_unit_test(a_name_server_that_hangs_is_waited_for_only_so_long),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
