/* Who may read a file later, and where root opens one for somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"

#define NOBODY 65534U

static char folder[64] = "/tmp/tidegate-opener-XXXXXX";
static char file[96];

static int set_up(void **state)
{
    FILE *made;

    (void)state;
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(file, sizeof(file), "%s/shop.key", folder);
    made = fopen(file, "w");
    return made == NULL || fclose(made) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(file) + rmdir(folder);
}

static void reading_takes_the_file_and_its_folders(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0755) + chmod(file, 0644), 0);
    assert_true(file_opener_may_read(file, NOBODY, NOBODY));
    assert_int_equal(chmod(file, 0600), 0);
    assert_false(file_opener_may_read(file, NOBODY, NOBODY));
    assert_true(file_opener_may_read(file, geteuid(), NOBODY));
    assert_int_equal(chmod(folder, 0700) + chmod(file, 0644), 0);
    assert_false(file_opener_may_read(file, NOBODY, NOBODY));
    assert_true(file_opener_may_read("/no/such/file", NOBODY, NOBODY));
}

/* Whoever can exchange the file for a link could have root open anything. */
static void a_folder_that_the_user_may_change_is_not_safe(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(file_opener_is_safe(file, NOBODY, NOBODY));
    assert_false(file_opener_is_safe(file, geteuid(), NOBODY));
    assert_false(file_opener_is_safe(file, 0, 0));
    assert_int_equal(chmod(folder, 0757), 0);
    assert_false(file_opener_is_safe(file, NOBODY, NOBODY));
    assert_int_equal(chmod(folder, 01777), 0); /* a new name can still be made in it */
    assert_false(file_opener_is_safe(file, NOBODY, NOBODY));
    assert_int_equal(chmod(folder, 0755), 0);
    assert_false(file_opener_is_safe("/no/such/file", NOBODY, NOBODY));
}

/* A pipe that somebody writes to is read, as a shell's <(...) is. */
static void a_pipe_that_nobody_writes_to_is_empty(void **state)
{
    char pipe_path[sizeof(file) + 8];
    char byte;
    int writer;
    int fd;

    (void)state;
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    fd = file_opener_open(pipe_path);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    writer = open(pipe_path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "x", 1), 1);
    assert_int_equal(close(writer), 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(pipe_path), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_takes_the_file_and_its_folders),
        cmocka_unit_test(a_folder_that_the_user_may_change_is_not_safe),
        cmocka_unit_test(a_pipe_that_nobody_writes_to_is_empty),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
