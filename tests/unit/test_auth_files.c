/* Files of users and keys, what is remembered, and credentials in queries and cookies. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/key_file.h"
#include "auth/password_file.h"
#include "auth/remembered.h"
#include "edge/credential.h"

#define DIGEST "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static void *parse(const struct followed_type *type, const char *text, struct error *error)
{
    return type->parse(span_from_cstr(text), error);
}

static void assert_wrong(const struct followed_type *type, const char *text, const char *words)
{
    struct error error;

    assert_null(parse(type, text, &error));
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' is not about '%s'", error.text, words);
    }
}

/* NULL: there is no such user. */
static const char *hash_of(const struct password_file *file, struct span user)
{
    static struct password_hashes hashes;

    password_file_hashes(file, user, &hashes);
    return hashes.is_of_nobody ? NULL : hashes.items[0];
}

static void test_users_are_found_with_regard_to_case(void **state)
{
    struct error error;
    void *file = parse(&password_file_type,
                       "# staff\r\n\r\nbob:$5$salt$hash:more\r\n  ann:$y$j9T$salt$hash\n"
                       "an:$6$rounds=5000$s$h",
                       &error);

    (void)state;
    assert_non_null(file);
    assert_string_equal(hash_of(file, SPAN_OF("bob")), "$5$salt$hash");
    assert_string_equal(hash_of(file, SPAN_OF("ann")), "$y$j9T$salt$hash");
    assert_string_equal(hash_of(file, SPAN_OF("an")), "$6$rounds=5000$s$h");
    assert_null(hash_of(file, SPAN_OF("Ann")));
    assert_null(hash_of(file, SPAN_OF("a")));
    assert_null(hash_of(file, SPAN_OF("")));
    password_file_type.destroy(file);
}

static void test_empty_file_has_nobody(void **state)
{
    struct error error;
    void *file = parse(&password_file_type, "", &error);

    struct password_hashes hashes;
    (void)state;
    assert_non_null(file);
    assert_null(hash_of(file, SPAN_OF("ann")));
    password_file_hashes(file, SPAN_OF("ann"), &hashes);
    assert_int_equal(hashes.count, 1);
    assert_int_equal(strlen(hashes.items[0]), 60);
    password_file_type.destroy(file);
}

static bool has_kind(const struct password_hashes *hashes, const char *begin)
{
    size_t count = 0;

    for (size_t i = 0; i < hashes->count; i++) {
        count += strncmp(hashes->items[i], begin, strlen(begin)) == 0;
    }
    return count == 1;
}

/* What is computed for a wrong password is the same, whoever it is for. */
static void test_wrong_logins_take_as_long_for_all_users(void **state)
{
    static const char *const users[] = {"a", "b", "c", "d", "e", "f", "nobody"};
    struct error error;
    void *file = parse(&password_file_type,
                       "a:$2y$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                       "b:$2b$10$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
                       "c:$2b$05$ccccccccccccccccccccccccccccccccccccccccccccccccccccc\n"
                       "d:$6$salt$hash\ne:$6$rounds=9000$salt$hash\nf:$6$other$hash\n",
                       &error);

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct password_hashes hashes;
        password_file_hashes(file, span_from_cstr(users[i]), &hashes);
        assert_int_equal(hashes.count, 4);
        assert_int_equal(hashes.is_of_nobody, i + 1 == ARRAY_LEN(users));
        assert_true(has_kind(&hashes, "$2y$10$") != has_kind(&hashes, "$2b$10$"));
        assert_true(has_kind(&hashes, "$2b$05$"));
        assert_true(has_kind(&hashes, "$6$rounds=9000$"));
        assert_true(has_kind(&hashes, "$6$salt$") != has_kind(&hashes, "$6$other$"));
        for (size_t h = hashes.is_of_nobody ? 0 : 1; h < hashes.count; h++) {
            assert_null(strstr(hashes.items[h], "$hash"));
        }
    }
    password_file_type.destroy(file);
}

/* More kinds than are looked at do no harm, and the user's own is always the first. */
static void test_kinds_of_hashes_are_bounded(void **state)
{
    struct password_hashes hashes;
    struct error error;
    void *file = parse(&password_file_type,
                       "a:$6$rounds=1001$s$h\nb:$6$rounds=1002$s$h\nc:$6$rounds=1003$s$h\n"
                       "d:$6$rounds=1004$s$h\ne:$6$rounds=1005$s$h\n",
                       &error);

    (void)state;
    password_file_hashes(file, SPAN_OF("e"), &hashes);
    assert_int_equal(hashes.count, PASSWORD_KINDS_MAX);
    assert_string_equal(hashes.items[0], "$6$rounds=1005$s$h");
    password_file_hashes(file, SPAN_OF("nobody"), &hashes);
    assert_int_equal(hashes.count, PASSWORD_KINDS_MAX);
    assert_true(hashes.is_of_nobody);
    password_file_type.destroy(file);
}

static void test_weak_and_dear_hashes_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"ann", "line 1 is not NAME:HASH"},
        {":$5$a$b", "line 1 is not NAME:HASH"},
        {"\nann:{SHA}abc", "line 2, user 'ann'"},
        {"ann:$apr1$a$b", "none of bcrypt"},
        {"ann:", "none of bcrypt"},
        {"ann:rqXexS6ZhobKA", "none of bcrypt"},
        {"ann:$2y$10$short", "is cut"},
        {"ann:$2y$15$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "seconds a login"},
        {"ann:$6$rounds=2000001$a$b", "seconds a login"},
        {"ann:$6$rounds=$a$b", "seconds a login"},
        {"ann:$y$jFT$a$b", "another cost"},
        {"ann:$y$", "another cost"},
        {"ann:$5$a$b\nann:$5$a$c", "twice"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_wrong(&password_file_type, cases[i].text, cases[i].words);
    }
}

static void test_keys_are_found_by_their_digest(void **state)
{
    struct error error;
    void *file = parse(&key_file_type,
                       "# keys\nci   " DIGEST " scopes=read,write expires=2027-01-31\n", &error);
    unsigned char digest[SHA256_BYTES];
    const struct key_entry *entry;

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof(digest); i++) {
        static const unsigned char bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
        digest[i] = bytes[i % 8];
    }
    entry = key_file_find(file, digest);
    assert_non_null(entry);
    assert_true(span_eq_cstr(entry->name, "ci"));
    assert_int_equal(entry->scopes.count, 2);
    assert_true(span_eq_cstr(entry->scopes.items[1], "write"));
    assert_int_equal(entry->expires, 1801353600);
    digest[31] ^= 1; /* the same order, another key */
    assert_null(key_file_find(file, digest));
    digest[0] = 0xff;
    assert_null(key_file_find(file, digest));
    key_file_type.destroy(file);
}

static void test_wrong_lines_of_keys_are_told(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"ci", "no 64 hex digits"},
        {"ci 123", "no 64 hex digits"},
        {"ci g123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef", "no 64 hex digits"},
        {"ci " DIGEST " scopes=", "scopes="},
        {"ci " DIGEST " scopes=a,,b", "scopes="},
        {"ci " DIGEST " expires=2027-13-01", "is a day"},
        {"ci " DIGEST " expires=2027-01-31T12:00:00", "is a day"},
        {"ci " DIGEST " admin", "neither"},
        {"a " DIGEST "\nb " DIGEST, "the same key"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_wrong(&key_file_type, cases[i].text, cases[i].words);
    }
}

static void test_proofs_end_and_depend_on_each_part(void **state)
{
    struct span parts[] = {SPAN("basic"), SPAN("ann"), SPAN("secret")};
    struct span moved[] = {SPAN("basic"), SPAN("anns"), SPAN("ecret")};
    struct remembered_key key;
    struct remembered_key other;

    (void)state;
    assert_true(remembered_key_make(parts, 3, &key));
    assert_true(remembered_key_make(moved, 3, &other));
    assert_memory_not_equal(&key, &other, sizeof(key));
    assert_false(remembered_has(&key, 1000));
    remembered_add(&key, 2000);
    assert_true(remembered_has(&key, 1999));
    assert_false(remembered_has(&key, 2000));
    assert_false(remembered_has(&other, 1000));
    remembered_add(&key, 4000);
    assert_true(remembered_has(&key, 3000));
}

/* However many there are, the newest is among them. */
static void test_memory_of_proofs_is_bounded(void **state)
{
    struct remembered_key key;

    (void)state;
    for (unsigned i = 0; i < 3 * REMEMBERED_MAX; i++) {
        struct span part = span_make(&i, sizeof(i));
        assert_true(remembered_key_make(&part, 1, &key));
        remembered_add(&key, 5000 + i);
        assert_true(remembered_has(&key, 4000));
    }
}

static void test_credentials_are_found_once(void **state)
{
    struct span value;

    (void)state;
    assert_int_equal(credential_find(SPAN_OF("a=1&key=x&b=2"), '&', SPAN_OF("key"), &value),
                     CREDENTIAL_ONE);
    assert_true(span_eq_cstr(value, "x"));
    assert_int_equal(credential_find(SPAN_OF("a=1; key=x=y"), ';', SPAN_OF("key"), &value),
                     CREDENTIAL_ONE);
    assert_true(span_eq_cstr(value, "x=y"));
    assert_int_equal(credential_find(SPAN_OF("key=1&key=2"), '&', SPAN_OF("key"), &value),
                     CREDENTIAL_MANY);
    assert_int_equal(credential_find(SPAN_OF("monkey=1&KEY=2"), '&', SPAN_OF("key"), &value),
                     CREDENTIAL_ABSENT);
    assert_int_equal(credential_find(span_make(NULL, 0), '&', SPAN_OF("key"), &value),
                     CREDENTIAL_ABSENT);
    assert_int_equal(credential_find(SPAN_OF("key"), '&', SPAN_OF("key"), &value), CREDENTIAL_ONE);
    assert_int_equal(value.len, 0);
}

static void test_credentials_are_taken_out(void **state)
{
    static const struct {
        const char *text;
        char separator;
        const char *left;
    } cases[] = {
        {"key=x", '&', ""},         {"key=x&a=1", '&', "a=1"},
        {"a=1&key=x", '&', "a=1"},  {"a=1&key=x&b", '&', "a=1&b"},
        {"a=1&key", '&', "a=1"},    {"a=1", '&', "a=1"},
        {"key=x; a=1", ';', "a=1"}, {"a=1; key=x; b=2", ';', "a=1; b=2"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span left = credential_remove(span_from_cstr(cases[i].text), cases[i].separator,
                                             SPAN_OF("key"), &arena);
        if (!span_eq_cstr(left, cases[i].left)) {
            fail_msg("%s: '%.*s'", cases[i].text, SPAN_ARG(left));
        }
    }
    arena_destroy(&arena);
}

/* ---- a file that is followed ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What is half there for a moment is not taken up. */
static void *write_later(void *path)
{
    const struct timespec moment = {.tv_nsec = 100000000};

    (void)nanosleep(&moment, NULL);
    write_file(path, "ann:$5$a$whole\n");
    return NULL;
}

static void test_file_that_is_being_written_is_waited_for(void **state)
{
    char path[] = "/tmp/tidegate-unit-XXXXXX";
    int fd = mkstemp(path);
    struct error error;
    struct followed *followed;
    struct followed_object *object;
    pthread_t writer;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    write_file(path, "ann:$5$a$b\n");
    followed = followed_open(path, &password_file_type, &error);
    assert_non_null(followed);
    write_file(path, "");
    assert_int_equal(pthread_create(&writer, NULL, write_later, path), 0);
    assert_int_equal(followed_look(followed, &error), FOLLOWED_SAME);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(followed_look(followed, &error), FOLLOWED_CHANGED);
    object = followed_get(followed);
    assert_string_equal(hash_of(followed_read(object), SPAN_OF("ann")), "$5$a$whole");
    followed_put(object);
    followed_close(followed);
    assert_int_equal(unlink(path), 0);
}

static void test_file_is_followed(void **state)
{
    char path[] = "/tmp/tidegate-unit-XXXXXX";
    int fd = mkstemp(path);
    struct error error;
    struct followed *followed;
    struct followed_object *first;
    struct followed_object *second;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    write_file(path, "ann:$5$a$b\n");
    followed = followed_open(path, &password_file_type, &error);
    assert_non_null(followed);
    assert_int_equal(followed_look(followed, &error), FOLLOWED_SAME);
    first = followed_get(followed);
    write_file(path, "bob:$5$a$b\nbob:$5$a$b\n");
    assert_int_equal(followed_look(followed, &error), FOLLOWED_WRONG);
    assert_int_equal(followed_look(followed, &error), FOLLOWED_SAME); /* it was told of */
    write_file(path, "bob:$5$a$longer\n");
    assert_int_equal(followed_look(followed, &error), FOLLOWED_CHANGED);
    second = followed_get(followed);
    assert_non_null(hash_of(followed_read(first), SPAN_OF("ann")));
    assert_non_null(hash_of(followed_read(second), SPAN_OF("bob")));
    assert_null(hash_of(followed_read(second), SPAN_OF("ann")));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(followed_look(followed, &error), FOLLOWED_WRONG);
    followed_close(followed);
    followed_put(first);
    followed_put(second);
    assert_null(followed_open(path, &password_file_type, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_are_found_with_regard_to_case),
        cmocka_unit_test(test_empty_file_has_nobody),
        cmocka_unit_test(test_wrong_logins_take_as_long_for_all_users),
        cmocka_unit_test(test_kinds_of_hashes_are_bounded),
        cmocka_unit_test(test_weak_and_dear_hashes_are_refused),
        cmocka_unit_test(test_keys_are_found_by_their_digest),
        cmocka_unit_test(test_wrong_lines_of_keys_are_told),
        cmocka_unit_test(test_proofs_end_and_depend_on_each_part),
        cmocka_unit_test(test_memory_of_proofs_is_bounded),
        cmocka_unit_test(test_credentials_are_found_once),
        cmocka_unit_test(test_credentials_are_taken_out),
        cmocka_unit_test(test_file_is_followed),
        cmocka_unit_test(test_file_that_is_being_written_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
