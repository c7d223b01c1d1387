/* Files as they were, for whoever may not read them or comes later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bundle.h"

static char folder[64] = "/tmp/tidegate-bundle-XXXXXX";
static char file[96];
static char missing[96];

static void write_file(const char *text)
{
    FILE *made = fopen(file, "w");

    assert_non_null(made);
    assert_true(fputs(text, made) >= 0);
    assert_int_equal(fclose(made), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(file, sizeof(file), "%s/shop.crt", folder);
    (void)snprintf(missing, sizeof(missing), "%s/none.crt", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(file) + rmdir(folder);
}

static void assert_reads(const char *path, const char *text)
{
    char bytes[64] = "";
    int fd = file_opener_open(path);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), strlen(text));
    assert_string_equal(bytes, text);
    close(fd);
}

/* What a loader that read the file and looked for the missing one leaves. */
static int make(const char *note)
{
    struct bundle_maker *maker = bundle_maker_create();
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    file_opener_set_view(bundle_maker_view(maker));
    assert_reads(file, "first");
    assert_int_equal(file_opener_open(missing), -1);
    assert_int_equal(errno, ENOENT);
    assert_true(file_opener_stamp(folder).inode != 0); /* a folder is no file of it */
    file_opener_set_view(NULL);
    bundle_maker_add_folder(maker, "/etc/certificates", true);
    assert_true(bundle_maker_write(maker, span_from_cstr(note), fd));
    bundle_maker_destroy(maker);
    return fd;
}

static void what_was_read_stays_as_it_was(void **state)
{
    struct file_stamp before;
    struct bundle *bundle;
    struct error error;
    int fd;

    (void)state;
    write_file("first");
    before = file_opener_stamp(file);
    fd = make("");
    write_file("second");
    bundle = bundle_open(fd, &error);
    assert_non_null(bundle);
    file_opener_set_view(bundle_view(bundle));
    assert_reads(file, "first");
    assert_reads(file, "first");
    struct file_stamp then = file_opener_stamp(file);
    assert_true(file_stamp_equal(&then, &before));
    assert_int_equal(file_opener_open(missing), -1);
    assert_int_equal(errno, ENOENT);
    file_opener_set_view(NULL);
    assert_reads(file, "second");
    bundle_close(bundle);
    close(fd);
}

/* As the file of a key that somebody else reads: it is known by its stamp, and is read from the
 * disk by whoever wants it all the same. */
static void what_was_looked_at_alone_is_not_read(void **state)
{
    struct bundle_maker *maker = bundle_maker_create();
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    char bytes[4096];
    struct file_stamp before;
    struct file_stamp then;
    struct bundle *bundle;
    struct error error;
    ssize_t len;

    (void)state;
    write_file("secret");
    file_opener_set_view(bundle_maker_view(maker));
    before = file_opener_stamp(file);
    file_opener_set_view(NULL);
    assert_true(bundle_maker_write(maker, span_make(NULL, 0), fd));
    bundle_maker_destroy(maker);
    len = pread(fd, bytes, sizeof(bytes), 0);
    assert_true(len > 0);
    assert_null(memmem(bytes, (size_t)len, "secret", 6));
    write_file("another");
    bundle = bundle_open(fd, &error);
    assert_non_null(bundle);
    file_opener_set_view(bundle_view(bundle));
    then = file_opener_stamp(file);
    assert_true(file_stamp_equal(&then, &before));
    assert_reads(file, "another");
    file_opener_set_view(NULL);
    bundle_close(bundle);
    close(fd);
}

/* While it is made, too: two looks at a file see the same. */
static void a_maker_reads_each_file_once(void **state)
{
    struct bundle_maker *maker = bundle_maker_create();

    (void)state;
    write_file("first");
    file_opener_set_view(bundle_maker_view(maker));
    assert_reads(file, "first");
    write_file("second");
    assert_reads(file, "first");
    file_opener_set_view(NULL);
    bundle_maker_destroy(maker);
}

static bool lists(const char *name)
{
    struct strbuf names;
    bool found = false;

    strbuf_init(&names);
    assert_true(file_opener_list(folder, &names));
    for (size_t at = 0; at < names.len; at += strlen(names.ptr + at) + 1) {
        found = found || strcmp(names.ptr + at, name) == 0;
    }
    strbuf_free(&names);
    return found;
}

static void count_named(void *arg, const struct bundle_named *named)
{
    unsigned *counted = arg;

    *counted += named->kind == BUNDLE_NAMES && named->path[strlen(named->path) - 1] == '/' ? 1 : 0;
}

/* The folders of parts of a configuration. */
static void names_in_a_folder_stay_as_they_were(void **state)
{
    struct bundle_maker *maker = bundle_maker_create();
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    struct strbuf names;
    struct error error;
    struct bundle *bundle;
    struct bundle_head *head;
    unsigned counted = 0;

    (void)state;
    strbuf_init(&names);
    write_file("first");
    file_opener_set_view(bundle_maker_view(maker));
    assert_true(lists("shop.crt"));
    assert_false(file_opener_list(missing, &names));
    assert_int_equal(errno, ENOENT);
    file_opener_set_view(NULL);
    assert_true(bundle_maker_write(maker, span_make(NULL, 0), fd));
    bundle_maker_destroy(maker);
    assert_int_equal(unlink(file), 0);
    bundle = bundle_open(fd, &error);
    assert_non_null(bundle);
    file_opener_set_view(bundle_view(bundle));
    assert_true(lists("shop.crt"));
    assert_false(file_opener_list(missing, &names));
    assert_int_equal(errno, ENOENT);
    file_opener_set_view(NULL);
    assert_false(lists("shop.crt"));
    bundle_close(bundle);
    head = bundle_head_read(fd, &error);
    assert_non_null(head);
    bundle_head_each(head, count_named, &counted);
    assert_int_equal(counted, 2);
    bundle_head_free(head);
    strbuf_free(&names);
    write_file("first");
    close(fd);
}

static void count(void *arg, const struct bundle_named *named)
{
    unsigned *counts = arg;

    assert_non_null(named->path);
    counts[named->kind]++;
}

static void the_head_tells_what_is_in_it(void **state)
{
    unsigned counts[4] = {0};
    struct bundle_head *head;
    struct error error;
    int fd;

    (void)state;
    write_file("first");
    fd = make("for the supervisor");
    head = bundle_head_read(fd, &error);
    assert_non_null(head);
    assert_true(span_eq_cstr(bundle_head_note(head), "for the supervisor"));
    assert_true(bundle_head_names(head, file));
    assert_true(bundle_head_names(head, "/etc/certificates"));
    assert_false(bundle_head_names(head, "/etc/shadow"));
    bundle_head_each(head, count, counts);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[BUNDLE_FOLDER], 1);
    bundle_head_free(head);
    close(fd);
}

static void nobody_can_change_it_later(void **state)
{
    int fd;

    (void)state;
    write_file("first");
    fd = make("");
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
}

static void what_is_not_sealed_or_not_whole_is_refused(void **state)
{
    struct error error;
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    static const char zeros[4096];

    (void)state;
    assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    assert_null(bundle_open(fd, &error));
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    assert_null(bundle_open(fd, &error));
    assert_non_null(strstr(error.text, "not whole"));
    close(fd);
}

static void many_files_are_found(void **state)
{
    struct bundle_maker *maker = bundle_maker_create();
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    struct bundle_head *head;
    struct error error;
    char path[64];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(path, sizeof(path), "/folder/%d", i);
        bundle_maker_add_folder(maker, path, false);
        bundle_maker_add_folder(maker, path, false);
    }
    assert_true(bundle_maker_write(maker, span_make(NULL, 0), fd));
    bundle_maker_destroy(maker);
    head = bundle_head_read(fd, &error);
    assert_non_null(head);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(path, sizeof(path), "/folder/%d", i);
        assert_true(bundle_head_names(head, path));
    }
    assert_false(bundle_head_names(head, "/folder/5000"));
    bundle_head_free(head);
    close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_looked_at_alone_is_not_read),
        cmocka_unit_test(what_was_read_stays_as_it_was),
        cmocka_unit_test(a_maker_reads_each_file_once),
        cmocka_unit_test(names_in_a_folder_stay_as_they_were),
        cmocka_unit_test(the_head_tells_what_is_in_it),
        cmocka_unit_test(nobody_can_change_it_later),
        cmocka_unit_test(what_is_not_sealed_or_not_whole_is_refused),
        cmocka_unit_test(many_files_are_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
