/* process/upgrade: from the wish to the answer, with a starter and a new process that the test
 * plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/fake_clock.h"
#include "io/fd_pass.h"
#include "process/given_sockets.h"
#include "process/listen.h"
#include "process/takeover.h"
#include "process/upgrade.h"

#define UPGRADE_MS 60000

struct play {
    struct upgrade upgrade;
    struct listen_set listening;
    int starter; /* the test's end */
    int link;    /* as the new process has it; -1: not yet */
    int report;
    int caller; /* the test's end of who waits */
};

static void pair(int kind, int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void ask(struct play *play)
{
    const struct upgrade_estate estate = {
        .listening = &play->listening, .stand_in_fd = -1, .orders_fd = -1, .limit_ms = UPGRADE_MS};
    int ends[2];

    pair(SOCK_STREAM, ends);
    play->caller = ends[0];
    upgrade_begin(&play->upgrade, ends[1], &estate);
}

/* Asked for; what goes to the starter is taken. */
static void begin(struct play *play)
{
    int ends[2];
    int fds[FD_PASS_MAX];
    size_t count = 0;
    int word;

    fake_clock_start();
    *play = (struct play){.link = -1, .report = -1, .caller = -1};
    pair(SOCK_SEQPACKET, ends);
    upgrade_init(&play->upgrade, "/usr/bin/tidegate");
    play->upgrade.starter = (struct starter){.fd = ends[0], .pid = 1};
    play->starter = ends[1];
    ask(play);
    assert_int_equal(play->upgrade.state, UPGRADE_STARTING);
    assert_int_equal(fd_pass_receive_all(play->starter, &word, sizeof(word), fds, &count),
                     sizeof(word));
    assert_int_equal(count, 2);
    play->link = fds[0];
    play->report = fds[1];
}

static void starter_says(struct play *play, enum starter_word word, int value)
{
    const struct starter_news news = {(int)word, value};

    assert_true(fd_pass_send(play->starter, &news, sizeof(news), -1));
    upgrade_read_starter(&play->upgrade);
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Who waits has been answered so. */
static void assert_answer(struct play *play, const char *status, const char *words)
{
    char text[2048] = "";
    ssize_t n = 0;
    ssize_t got;

    while ((got = read(play->caller, text + n, sizeof(text) - 1 - (size_t)n)) > 0) {
        n += got;
    }
    text[n] = '\0';
    assert_non_null(strstr(text, status));
    assert_non_null(strstr(text, words));
    close_end(&play->caller);
}

static void end(struct play *play)
{
    upgrade_free(&play->upgrade);
    close_end(&play->starter);
    close_end(&play->link);
    close_end(&play->report);
    close_end(&play->caller);
}

/* The other side, up to its being ready. */
static void take_over(struct play *play, struct takeover *takeover)
{
    struct given_sockets given = {0};
    struct error error;
    int link = play->link;

    play->link = -1;
    assert_true(takeover_begin(takeover, link, &given, &error));
    assert_int_equal(given.count, 0);
    close_end(&takeover->log_fd); /* the test's own standard error, once more */
    takeover_ready(takeover);
    assert_int_equal(takeover->state, TAKEOVER_READY);
}

static void it_goes_over_step_by_step(void **state)
{
    struct takeover takeover;
    struct play play;
    (void)state;

    begin(&play);
    starter_says(&play, STARTER_RUNS, 4711);
    assert_int_equal(play.upgrade.pid, 4711);
    take_over(&play, &takeover);
    assert_int_equal(upgrade_read_link(&play.upgrade), UPGRADE_IS_READY);
    upgrade_commit(&play.upgrade, -1);
    assert_int_equal(play.upgrade.state, UPGRADE_COMMITTING);
    assert_int_equal(takeover_read(&takeover), TAKEOVER_IS_OURS);
    assert_int_equal(upgrade_read_link(&play.upgrade), UPGRADE_NO_NEWS);
    takeover_owned(&takeover);
    assert_int_equal(upgrade_read_link(&play.upgrade), UPGRADE_IS_OWNED);
    upgrade_leave(&play.upgrade);
    assert_int_equal(play.upgrade.state, UPGRADE_LEAVING);
    upgrade_quiet(&play.upgrade);
    assert_int_equal(play.upgrade.state, UPGRADE_OVER);
    assert_int_equal(takeover_read(&takeover), TAKEOVER_IS_QUIET);
    assert_answer(&play, "HTTP/1.1 200 ", "process 4711 has taken over");
    assert_true(upgrade_deadline(&play.upgrade) == UINT64_MAX);
    takeover_free(&takeover);
    end(&play);
}

static void one_that_hangs_is_given_up(void **state)
{
    struct play play;
    int request = 0;
    int fd;
    (void)state;

    begin(&play);
    starter_says(&play, STARTER_RUNS, 4711);
    fake_clock_move_us((UPGRADE_MS - 1) * UINT64_C(1000));
    assert_true(upgrade_deadline(&play.upgrade) > fake_clock_now_us() / 1000);
    fake_clock_move_us(2000);
    assert_true(upgrade_deadline(&play.upgrade) <= fake_clock_now_us() / 1000);
    upgrade_deadline_passed(&play.upgrade);
    assert_int_equal(play.upgrade.state, UPGRADE_NONE);
    assert_answer(&play, "HTTP/1.1 503 ", "did not serve within 60000 ms (timeouts.upgrade)");
    /* The starter ends it. */
    assert_int_equal(fd_pass_receive(play.starter, &request, sizeof(request), &fd),
                     sizeof(request));
    assert_int_not_equal(request, 0);
    end(&play);
}

static void what_it_says_and_how_it_ends_is_told(void **state)
{
    static const struct {
        enum starter_word word;
        int value;
        const char *status;
        const char *words;
    } cases[] = {
        {STARTER_CANNOT_RUN, ENOENT, "503", "/usr/bin/tidegate cannot be run: No such file"},
        {STARTER_HAS_ENDED, 1 << 8, "422", "exited with status 1 "},
        {STARTER_HAS_ENDED, 127 << 8, "503", "exited with status 127 "},
        {STARTER_HAS_ENDED, SIGSEGV, "503", "ended by signal 11 "},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct play play;

        begin(&play);
        if (cases[i].word == STARTER_HAS_ENDED) {
            starter_says(&play, STARTER_RUNS, 4711);
            assert_int_equal(write(play.report, "its words\n", 10), 10);
        }
        starter_says(&play, cases[i].word, cases[i].value);
        assert_int_equal(play.upgrade.state, UPGRADE_NONE);
        assert_answer(&play, cases[i].status, cases[i].words);
        end(&play);
    }
}

static void the_end_of_one_that_was_given_up_is_not_that_of_the_next(void **state)
{
    struct play play;
    (void)state;

    begin(&play);
    starter_says(&play, STARTER_RUNS, 1);
    fake_clock_move_us(UPGRADE_MS * UINT64_C(1000));
    upgrade_deadline_passed(&play.upgrade);
    close_end(&play.caller);
    ask(&play);
    starter_says(&play, STARTER_HAS_ENDED, SIGKILL); /* of the first one */
    assert_int_equal(play.upgrade.state, UPGRADE_STARTING);
    starter_says(&play, STARTER_RUNS, 2);
    assert_int_equal(play.upgrade.pid, 2);
    starter_says(&play, STARTER_HAS_ENDED, SIGKILL);
    assert_int_equal(play.upgrade.state, UPGRADE_NONE);
    end(&play);
}

static void one_that_dies_before_it_is_in_charge_changes_nothing(void **state)
{
    struct takeover takeover;
    struct play play;
    (void)state;

    begin(&play);
    starter_says(&play, STARTER_RUNS, 4711);
    take_over(&play, &takeover);
    assert_int_equal(upgrade_read_link(&play.upgrade), UPGRADE_IS_READY);
    takeover_free(&takeover);
    upgrade_commit(&play.upgrade, -1); /* nobody is there */
    starter_says(&play, STARTER_HAS_ENDED, SIGKILL);
    assert_int_equal(play.upgrade.state, UPGRADE_NONE);
    assert_answer(&play, "HTTP/1.1 503 ", "ended by signal 9 ");
    end(&play);
}

static void one_that_knows_nothing_of_it_is_given_up_soon(void **state)
{
    struct play play;
    (void)state;

    begin(&play);
    starter_says(&play, STARTER_RUNS, 4711);
    close_end(&play.link);
    while (play.upgrade.link_fd >= 0) {
        assert_int_equal(upgrade_read_link(&play.upgrade), UPGRADE_NO_NEWS);
    }
    assert_true(upgrade_deadline(&play.upgrade) <= fake_clock_now_us() / 1000 + 3000);
    upgrade_deadline_passed(&play.upgrade);
    assert_answer(&play, "HTTP/1.1 503 ", "a version that cannot");
    end(&play);
}

static void without_a_starter_there_is_none(void **state)
{
    struct play play;
    (void)state;

    begin(&play);
    close_end(&play.starter);
    upgrade_read_starter(&play.upgrade);
    assert_int_equal(play.upgrade.state, UPGRADE_NONE);
    assert_answer(&play, "HTTP/1.1 503 ", "is gone");
    ask(&play);
    assert_int_equal(play.upgrade.state, UPGRADE_NONE);
    assert_answer(&play, "HTTP/1.1 503 ", "restart the service instead");
    end(&play);
}

static void another_protocol_is_refused(void **state)
{
    static struct handover hello;
    struct given_sockets given = {0};
    struct takeover takeover;
    struct error error;
    int ends[2];
    (void)state;

    pair(SOCK_SEQPACKET, ends);
    hello = (struct handover){.word = HANDOVER_HELLO, .number = HANDOVER_PROTOCOL + 1};
    assert_true(handover_send(ends[0], &hello));
    assert_false(takeover_begin(&takeover, ends[1], &given, &error));
    assert_non_null(strstr(error.text, "hands over by protocol 2"));
    takeover_free(&takeover);
    (void)close(ends[0]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_over_step_by_step),
        cmocka_unit_test(one_that_hangs_is_given_up),
        cmocka_unit_test(what_it_says_and_how_it_ends_is_told),
        cmocka_unit_test(the_end_of_one_that_was_given_up_is_not_that_of_the_next),
        cmocka_unit_test(one_that_dies_before_it_is_in_charge_changes_nothing),
        cmocka_unit_test(one_that_knows_nothing_of_it_is_given_up_soon),
        cmocka_unit_test(without_a_starter_there_is_none),
        cmocka_unit_test(another_protocol_is_refused),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
