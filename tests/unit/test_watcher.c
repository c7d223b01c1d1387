/* Files are watched wherever their paths lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/watcher.h"

#define LIMIT_MS 10000

static char folder[64];
static struct watcher watcher;

/* Of the test's folder. */
static const char *in(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *made = fopen(in(name), "w");

    assert_non_null(made);
    assert_true(fputs(text, made) >= 0);
    assert_int_equal(fclose(made), 0);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(in(name), 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, in(name)), 0);
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(in(from), in(to)), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/tidegate-watcher-XXXXXX");
    watcher_init(&watcher);
    return mkdtemp(folder) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    watcher_free(&watcher);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool is_config(const void *arg, const char *path)
{
    return strcmp(path, arg) == 0;
}

/* Watches a file, which is also the configuration's own where `own` names it, and a folder of
 * certificates; NULL: none. Returns the news that there are at once. */
static unsigned follow_for_news(const char *file, const char *own, const char *certificates)
{
    struct bundle_maker *maker = bundle_maker_create();
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    struct bundle_head *head;
    struct error error;

    file_opener_set_view(bundle_maker_view(maker));
    if (file != NULL) {
        (void)file_opener_stamp(in(file));
    }
    file_opener_set_view(NULL);
    if (certificates != NULL) {
        bundle_maker_add_folder(maker, in(certificates), true);
    }
    assert_true(bundle_maker_write(maker, span_make(NULL, 0), fd));
    bundle_maker_destroy(maker);
    head = bundle_head_read(fd, &error);
    assert_non_null(head);
    watcher_follow(&watcher, head, is_config, own != NULL ? in(own) : "");
    bundle_head_free(head);
    (void)close(fd);
    assert_true(watcher_deadline(&watcher) != UINT64_MAX);
    return watcher_look(&watcher);
}

static void follow(const char *file, const char *own, const char *certificates)
{
    assert_int_equal(follow_for_news(file, own, certificates), 0);
}

/* The kernel tells of something, and this comes of it. */
static void assert_news(unsigned news)
{
    struct pollfd ready = {.fd = watcher.fd, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
    watcher_read(&watcher);
    assert_true(watcher.first_ms != 0);
    assert_int_equal(watcher_look(&watcher), news);
    assert_int_equal(watcher_look(&watcher), 0);
}

static void a_file_that_is_written_counts(void **state)
{
    (void)state;
    write_file("shop.crt", "one");
    write_file("other.crt", "other");
    follow("shop.crt", NULL, NULL);
    write_file("shop.crt", "another");
    assert_news(WATCHER_FILES);
    write_file("other.crt", "beside it");
    assert_news(0);
}

static void a_file_that_is_exchanged_counts(void **state)
{
    (void)state;
    write_file("tidegate.yaml", "one");
    follow("tidegate.yaml", "tidegate.yaml", NULL);
    write_file("new", "two");
    move("new", "tidegate.yaml");
    assert_news(WATCHER_CONFIG);
    write_file("new", "three");
    move("new", "tidegate.yaml");
    assert_news(WATCHER_CONFIG);
}

/* As Kubernetes does it. */
static void a_link_on_the_way_that_is_turned_counts(void **state)
{
    (void)state;
    make_folder("first");
    make_folder("second");
    make_folder("third");
    write_file("first/shop.crt", "one");
    write_file("second/shop.crt", "two");
    write_file("third/shop.crt", "three");
    make_link("first", "..data");
    make_link("..data/shop.crt", "shop.crt");
    follow("shop.crt", NULL, NULL);
    make_link("second", "..new");
    move("..new", "..data");
    assert_news(WATCHER_FILES);
    write_file("second/shop.crt", "where it leads now");
    assert_news(WATCHER_FILES);
    make_link("third", "..new");
    move("..new", "..data");
    assert_news(WATCHER_FILES);
}

static void a_file_that_appears_counts(void **state)
{
    (void)state;
    follow("none/yet/shop.crt", NULL, NULL);
    make_folder("none");
    assert_news(0); /* one step nearer */
    make_folder("none/yet");
    assert_news(0);
    write_file("none/yet/shop.crt", "here");
    assert_news(WATCHER_FILES);
}

static void a_folder_that_is_exchanged_counts(void **state)
{
    (void)state;
    make_folder("live");
    write_file("live/shop.crt", "one");
    follow("live/shop.crt", NULL, NULL);
    make_folder("new");
    write_file("new/shop.crt", "two");
    move("live", "old");
    move("new", "live");
    assert_news(WATCHER_FILES);
    write_file("live/shop.crt", "in the new folder");
    assert_news(WATCHER_FILES);
}

static void every_change_in_a_folder_of_certificates_counts(void **state)
{
    (void)state;
    make_folder("certificates");
    make_folder("certificates/shop");
    follow(NULL, NULL, "certificates");
    write_file("certificates/a.crt", "one");
    assert_news(WATCHER_FILES);
    write_file("certificates/shop/cert.pem", "one");
    assert_news(WATCHER_FILES);
    make_folder("certificates/new");
    assert_news(WATCHER_FILES);
    write_file("certificates/new/cert.pem", "one");
    assert_news(WATCHER_FILES);
}

static void what_was_not_told_yet_is_not_lost_with_the_next_configuration(void **state)
{
    (void)state;
    make_folder("certificates");
    follow(NULL, NULL, "certificates");
    write_file("certificates/a.crt", "one");
    assert_int_equal(follow_for_news(NULL, NULL, "certificates"), WATCHER_FILES);
    /* The same after it was read, but before it was looked at. */
    write_file("certificates/b.crt", "one");
    watcher_read(&watcher);
    assert_int_equal(follow_for_news(NULL, NULL, "certificates"), WATCHER_FILES);
    /* Once. */
    follow(NULL, NULL, "certificates");
    write_file("certificates/c.crt", "one");
    assert_news(WATCHER_FILES);
}

static void a_folder_that_the_next_configuration_has_besides_is_news(void **state)
{
    (void)state;
    make_folder("certificates");
    make_folder("others");
    follow(NULL, NULL, "certificates");
    assert_int_equal(follow_for_news(NULL, NULL, "others"), WATCHER_FILES);
    follow(NULL, NULL, "others");
    write_file("others/a.crt", "one");
    assert_news(WATCHER_FILES);
}

/* Between loading and watching, or where the kernel cannot tell. */
static void what_nobody_told_of_is_found_by_looking(void **state)
{
    (void)state;
    write_file("shop.crt", "one");
    follow("shop.crt", NULL, NULL);
    (void)close(watcher.fd);
    watcher.fd = -1;
    write_file("shop.crt", "another");
    assert_int_equal(watcher_look(&watcher), WATCHER_FILES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_written_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_exchanged_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_on_the_way_that_is_turned_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_appears_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_exchanged_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_change_in_a_folder_of_certificates_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_not_told_yet_is_not_lost_with_the_next_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_the_next_configuration_has_besides_is_news,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_told_of_is_found_by_looking, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
