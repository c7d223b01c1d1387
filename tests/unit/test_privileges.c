/* Giving up root. What needs root runs in a child, and is skipped for other users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/privileges.h"

static void not_root(void)
{
    if (geteuid() != 0) {
        skip();
    }
}

static void an_unknown_user_is_told_with_what_to_write(void **state)
{
    struct privileges privileges;
    struct error error;

    (void)state;
    not_root();
    assert_false(privileges_resolve(&privileges, "no-such-user-here", NULL, &error));
    assert_non_null(strstr(error.text, "no-such-user-here"));
    assert_non_null(strstr(error.text, "user: NAME"));
    assert_false(privileges_resolve(&privileges, "nobody", "no-such-group-here", &error));
    assert_non_null(strstr(error.text, "group: NAME"));
}

static void root_and_its_group_are_refused(void **state)
{
    struct privileges privileges;
    struct error error;

    (void)state;
    not_root();
    assert_false(privileges_resolve(&privileges, "root", NULL, &error));
    assert_false(privileges_resolve(&privileges, "0", NULL, &error));
    assert_false(privileges_resolve(&privileges, "nobody", "root", &error));
    assert_non_null(strstr(error.text, "running as root"));
}

static void numbers_are_users_too(void **state)
{
    struct privileges privileges;
    struct error error;

    (void)state;
    not_root();
    assert_true(privileges_resolve(&privileges, "54321", "54322", &error));
    assert_int_equal(privileges.uid, 54321);
    assert_int_equal(privileges.gid, 54322);
    assert_false(privileges_resolve(&privileges, "4294967295", NULL, &error));
}

/* Returns 0 when all is given up. Runs in a child, so no cmocka in here. */
static int drop_in_child(bool resolve)
{
    struct privileges privileges = {0};
    struct error error;

    if (resolve && !privileges_resolve(&privileges, "nobody", NULL, &error)) {
        return 10;
    }
    if (!privileges_drop(&privileges, &error)) {
        return 11;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return 12;
    }
    if (privileges.change_user &&
        (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) != 0)) {
        return 13;
    }
    return privileges.change_user && access("/etc/shadow", R_OK) == 0 ? 14 : 0;
}

static void assert_child(bool resolve)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        _exit(drop_in_child(resolve));
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void dropping_leaves_no_right_and_no_way_back(void **state)
{
    (void)state;
    not_root();
    assert_child(true);
}

static void without_root_the_way_up_is_still_closed(void **state)
{
    (void)state;
    assert_child(false);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_user_is_told_with_what_to_write),
        cmocka_unit_test(root_and_its_group_are_refused),
        cmocka_unit_test(numbers_are_users_too),
        cmocka_unit_test(dropping_leaves_no_right_and_no_way_back),
        cmocka_unit_test(without_root_the_way_up_is_still_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
