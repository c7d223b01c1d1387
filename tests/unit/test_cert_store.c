/* A folder of certificates: whose certificate a connection gets, what is kept loaded, and what
 * changes of files do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/cert_store.h"
#include "tls/signer.h"
#include "tls_test.h"

static char complaints[4096];
static unsigned complaint_count;

static void complain(void *arg, const char *text)
{
    (void)arg;
    complaint_count++;
    strncat(complaints, text, sizeof(complaints) - strlen(complaints) - 2);
    strcat(complaints, "\n");
}

static const struct cert_listener listener = {complain, NULL};

static void forget_complaints(void)
{
    complaints[0] = '\0';
    complaint_count = 0;
}

/* A folder of its own for each test, within the test program's. */
static char folder[128];

static int set_up(void **state)
{
    static unsigned number;
    char name[32];

    (void)state;
    (void)snprintf(name, sizeof(name), "store%u", ++number);
    (void)snprintf(folder, sizeof(folder), "%s", test_path(name));
    forget_complaints();
    return mkdir(folder, 0700);
}

static int tear_down(void **state)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    (void)state;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rmdir(folder);
}

static const char *in_folder(const char *file)
{
    static char names[8][160];
    static unsigned next;
    char *name = names[next++ % 8];

    (void)snprintf(name, sizeof(names[0]), "%s/%s", strrchr(folder, '/') + 1, file);
    return name;
}

static struct identity make(const char *names, const char *key)
{
    const struct identity_options options = {.subject = "x", .names = names, .key = key};

    return identity_make(&options, NULL);
}

static void put(const char *stem, const struct identity *identity)
{
    char file[64];

    (void)snprintf(file, sizeof(file), "%s.key", stem);
    (void)test_write_key(in_folder(file), identity);
    (void)snprintf(file, sizeof(file), "%s.crt", stem);
    (void)test_write_certificate(in_folder(file), identity);
}

static void take_away(const char *file)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    assert_int_equal(unlink(path), 0);
}

static struct cert_store *open_store(size_t loaded_max)
{
    struct error error;
    struct cert_store *store = cert_store_open(folder, loaded_max, &listener, &error);

    assert_non_null(store);
    return store;
}

static void refresh(struct cert_store *store)
{
    struct error error;

    assert_true(cert_store_refresh(store, &listener, &error));
}

/* What a connection that asks for `host` gets; NULL: nothing. Not to be kept. */
static const X509 *given(struct cert_store *store, SSL_CTX *ssl_ctx, const char *host)
{
    SSL *ssl = SSL_new(ssl_ctx);
    struct error error;
    const X509 *leaf = NULL;

    if (cert_store_use(store, ssl, span_from_cstr(host), &error)) {
        leaf = SSL_get_certificate(ssl);
    }
    SSL_free(ssl);
    return leaf;
}

static bool gives(struct cert_store *store, const char *host, const struct identity *identity)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = SSL_new(ssl_ctx);
    struct error error;
    bool ok = cert_store_use(store, ssl, span_from_cstr(host), &error) &&
              X509_cmp(SSL_get_certificate(ssl), identity->certificate) == 0;

    SSL_free(ssl);
    SSL_CTX_free(ssl_ctx);
    return ok;
}

static void exact_names_before_wildcards(void **state)
{
    struct identity exact = make("DNS:www.a.example", "EC");
    struct identity wild = make("DNS:*.a.example,DNS:a.example", "EC");
    struct cert_store *store;

    (void)state;
    put("exact", &exact);
    put("wild", &wild);
    store = open_store(10);
    assert_int_equal(complaint_count, 0);
    assert_true(gives(store, "www.a.example", &exact));
    assert_true(gives(store, "WWW.a.example", &exact));
    assert_true(gives(store, "x.a.example", &wild));
    assert_true(gives(store, "a.example", &wild));
    assert_true(cert_store_has(store, SPAN_OF("*.a.example")));
    assert_false(cert_store_has(store, SPAN_OF("x.y.a.example")));
    assert_false(cert_store_has(store, SPAN_OF("example")));
    assert_false(cert_store_has(store, SPAN_OF("")));
    assert_int_equal(cert_store_counts(store).usable, 2);
    assert_int_equal(cert_store_counts(store).names, 3);
    cert_store_destroy(store);
    identity_free(&exact);
    identity_free(&wild);
}

static void never_sign(struct signer *self, struct sign_request *request)
{
    (void)self;
    sign_answer(request, span_make(NULL, 0));
}

static void with_a_signer_no_key_is_read(void **state)
{
    struct signer signer = {.sign = never_sign};
    struct identity shown = make("DNS:www.a.example", "EC");
    struct identity other = make("DNS:b.example", "RSA:2048");
    struct cert_store *store;

    (void)state;
    put("shown", &shown);
    (void)test_write_key(in_folder("shown.key"), &other);
    store = open_store(10);
    assert_false(cert_store_has_signer(store));
    assert_false(gives(store, "www.a.example", &shown));
    cert_store_destroy(store);
    store = open_store(10);
    cert_store_sign_with(store, &signer);
    assert_true(cert_store_has_signer(store));
    assert_true(gives(store, "www.a.example", &shown));
    cert_store_destroy(store);
    identity_free(&shown);
    identity_free(&other);
}

static void of_two_the_younger_one_that_is_valid(void **state)
{
    const struct identity_options old = {
        .subject = "o", .names = "DNS:a.example", .from_days = -30, .until_days = 300};
    const struct identity_options young = {
        .subject = "y", .names = "DNS:a.example", .from_days = -3, .until_days = 30};
    const struct identity_options future = {
        .subject = "f", .names = "DNS:a.example", .from_days = 3, .until_days = 300};
    struct identity three[] = {identity_make(&old, NULL), identity_make(&young, NULL),
                               identity_make(&future, NULL)};
    struct cert_store *store;

    (void)state;
    put("a", &three[0]);
    put("b", &three[1]);
    put("c", &three[2]);
    store = open_store(10);
    assert_true(gives(store, "a.example", &three[1]));
    cert_store_destroy(store);
    for (size_t i = 0; i < 3; i++) {
        identity_free(&three[i]);
    }
}

static void no_more_than_so_many_are_loaded(void **state)
{
    struct identity many[5];
    char names[32];
    char stem[8];
    struct cert_store *store;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
        (void)snprintf(names, sizeof(names), "DNS:n%u.example", i);
        (void)snprintf(stem, sizeof(stem), "n%u", i);
        many[i] = make(names, "EC");
        put(stem, &many[i]);
    }
    store = open_store(2);
    assert_int_equal(cert_store_loaded(store), 0);
    for (unsigned i = 0; i < 3 * ARRAY_LEN(many); i++) {
        unsigned n = i * 2 % ARRAY_LEN(many);
        (void)snprintf(names, sizeof(names), "n%u.example", n);
        assert_true(gives(store, names, &many[n]));
        assert_int_equal(cert_store_loaded(store), i == 0 ? 1 : 2);
    }
    cert_store_destroy(store);
    for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
        identity_free(&many[i]);
    }
}

static void what_is_used_stays(void **state)
{
    struct identity a = make("DNS:a.example", "EC");
    struct identity b = make("DNS:b.example", "EC");
    struct identity c = make("DNS:c.example", "EC");
    struct cert_store *store;

    (void)state;
    put("a", &a);
    put("b", &b);
    put("c", &c);
    store = open_store(2);
    assert_true(gives(store, "a.example", &a));
    assert_true(gives(store, "b.example", &b));
    assert_true(gives(store, "a.example", &a));
    assert_true(gives(store, "c.example", &c)); /* b goes */
    take_away("a.key");
    take_away("b.key");
    assert_true(gives(store, "a.example", &a));
    assert_false(gives(store, "b.example", &b));
    cert_store_destroy(store);
    identity_free(&a);
    identity_free(&b);
    identity_free(&c);
}

static void changes_are_taken_over(void **state)
{
    struct identity a = make("DNS:a.example", "EC");
    struct identity a2 = make("DNS:a.example,DNS:more.example", "RSA:2048");
    struct identity b = make("DNS:b.example", "EC");
    struct cert_store *store;

    (void)state;
    put("a", &a);
    store = open_store(10);
    assert_true(gives(store, "a.example", &a));
    refresh(store);
    assert_int_equal(cert_store_counts(store).changed, 0);
    put("a", &a2);
    put("b", &b);
    refresh(store);
    assert_int_equal(cert_store_counts(store).changed, 1);
    assert_int_equal(cert_store_counts(store).added, 1);
    assert_int_equal(cert_store_loaded(store), 2);
    assert_true(gives(store, "more.example", &a2));
    assert_true(gives(store, "a.example", &a2));
    assert_true(gives(store, "b.example", &b));
    take_away("a.crt");
    refresh(store);
    assert_int_equal(cert_store_counts(store).removed, 1);
    assert_false(cert_store_has(store, SPAN_OF("a.example")));
    assert_true(gives(store, "b.example", &b));
    refresh(store);
    assert_int_equal(cert_store_counts(store).removed, 0);
    assert_int_equal(complaint_count, 0);
    cert_store_destroy(store);
    identity_free(&a);
    identity_free(&a2);
    identity_free(&b);
}

static void what_is_broken_leaves_the_old_one(void **state)
{
    struct identity a = make("DNS:a.example", "EC");
    struct identity other = make("DNS:a.example,DNS:b.example", "EC");
    struct cert_store *store;

    (void)state;
    put("a", &a);
    store = open_store(10);
    assert_true(gives(store, "a.example", &a));
    (void)test_write_certificate(in_folder("a.crt"), &other); /* and the old key */
    refresh(store);
    assert_non_null(strstr(complaints, "does not belong to the certificate"));
    assert_non_null(strstr(complaints, "the old certificate stays"));
    assert_true(gives(store, "a.example", &a));
    assert_false(cert_store_has(store, SPAN_OF("b.example")));
    forget_complaints();
    refresh(store);
    assert_int_equal(complaint_count, 0); /* said once */
    (void)test_write(in_folder("a.crt"), SPAN_OF("-----BEGIN CERTIFICATE-----\nhalf"));
    refresh(store);
    assert_non_null(strstr(complaints, "damaged"));
    assert_true(gives(store, "a.example", &a));
    put("a", &other);
    refresh(store);
    assert_true(gives(store, "b.example", &other));
    cert_store_destroy(store);
    identity_free(&a);
    identity_free(&other);
}

static void a_folder_that_is_gone_changes_nothing(void **state)
{
    struct identity a = make("DNS:a.example", "EC");
    struct cert_store *store;
    struct error error;
    char moved[160];

    (void)state;
    put("a", &a);
    store = open_store(10);
    assert_true(gives(store, "a.example", &a));
    (void)snprintf(moved, sizeof(moved), "%s.away", folder);
    assert_int_equal(rename(folder, moved), 0);
    assert_false(cert_store_refresh(store, &listener, &error));
    assert_non_null(strstr(error.text, "cannot be opened"));
    assert_true(gives(store, "a.example", &a));
    assert_int_equal(rename(moved, folder), 0);
    assert_null(cert_store_open("/nowhere/at/all", 1, &listener, &error));
    cert_store_destroy(store);
    identity_free(&a);
}

static void complaints_are_counted_not_repeated(void **state)
{
    struct identity a = make(NULL, "EC");
    char stem[16];
    struct cert_store *store;

    (void)state;
    for (unsigned i = 0; i < CERT_COMPLAINTS_MAX + 5; i++) {
        (void)snprintf(stem, sizeof(stem), "n%02u", i);
        put(stem, &a);
    }
    store = open_store(1);
    assert_int_equal(complaint_count, CERT_COMPLAINTS_MAX + 1);
    assert_non_null(strstr(complaints, "has no DNS names"));
    assert_non_null(strstr(complaints, "5 more files"));
    assert_int_equal(cert_store_counts(store).usable, 0);
    cert_store_destroy(store);
    identity_free(&a);
}

static void modes_tell_who_may_read(void **state)
{
    struct identity a = make("DNS:a.example", "EC");
    struct cert_store *store;
    char path[256];
    char first[256] = "";

    (void)state;
    put("a", &a);
    (void)snprintf(path, sizeof(path), "%s/a.key", folder);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    store = open_store(1);
    assert_int_equal(cert_store_unreadable(store, geteuid(), 12345, first, sizeof(first)), 0);
    assert_int_equal(cert_store_unreadable(store, 12345, getegid(), first, sizeof(first)), 0);
    assert_int_equal(cert_store_unreadable(store, 12345, 12345, first, sizeof(first)), 1);
    assert_string_equal(first, path);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(cert_store_unreadable(store, 12345, getegid(), first, sizeof(first)), 1);
    assert_string_equal(first, folder);
    cert_store_destroy(store);
    identity_free(&a);
}

/* ---- several threads ---- */

struct visitor {
    struct cert_store *store;
    SSL_CTX *ssl_ctx;
    unsigned misses;
};

static void *visit(void *arg)
{
    struct visitor *visitor = arg;
    char host[32];

    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(host, sizeof(host), "n%u.example", i % 4);
        visitor->misses += given(visitor->store, visitor->ssl_ctx, host) == NULL ? 1 : 0;
    }
    return NULL;
}

static void threads_and_changes_at_once(void **state)
{
    struct identity many[4];
    struct visitor visitors[3];
    pthread_t threads[3];
    char names[32];
    char file[16];
    struct cert_store *store;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
        (void)snprintf(names, sizeof(names), "DNS:n%u.example", i);
        (void)snprintf(file, sizeof(file), "n%u", i);
        many[i] = make(names, "EC");
        put(file, &many[i]);
    }
    store = open_store(2);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        visitors[i] = (struct visitor){store, SSL_CTX_new(TLS_server_method()), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        char from[256];
        char to[256];
        /* The same contents under the same name: only the stamp changes. */
        (void)test_write_certificate(in_folder("new"), &many[i % 4]);
        (void)snprintf(from, sizeof(from), "%s/new", folder);
        (void)snprintf(to, sizeof(to), "%s/n%u.crt", folder, i % 4);
        assert_int_equal(rename(from, to), 0);
        refresh(store);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(visitors[i].misses, 0);
        SSL_CTX_free(visitors[i].ssl_ctx);
    }
    cert_store_destroy(store);
    for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
        identity_free(&many[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(with_a_signer_no_key_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(exact_names_before_wildcards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_two_the_younger_one_that_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_than_so_many_are_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_used_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_are_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_broken_leaves_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_gone_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(complaints_are_counted_not_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes_tell_who_may_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_and_changes_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, tls_test_set_up, tls_test_tear_down);
}
