/* What a process that dies says of itself, in one line and to those that outlive it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "core/core.h"
#include "gateway/deaths.h"
#include "gateway/in_hand.h"
#include "sandbox/sandbox.h"
#include "server/front_exchange.h"
#include "server/link.h"

static struct link hand_link = {.id = 7};
static struct http_request request;
static struct front_exchange exchange = {.request = &request};
static struct in_hand hand;

static void stumble(void)
{
    CHECK(hand.link == NULL);
}

static void run_a_program(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_GATEWAY};
    char *const arguments[] = {(char *)"true", NULL};

    sandbox_enter(&plan);
    (void)execv("/bin/true", arguments);
}

static void be_sent_a_signal(void)
{
    (void)kill(getpid(), SIGABRT);
}

/* A process of one worker dies of `act`; what it said goes to *words. */
static int die(void (*act)(void), bool is_worker, struct strbuf *words)
{
    int ends[2];
    char bytes[4096];
    int status = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        in_hand_register(&hand, 0);
        in_hand_of_this_thread(is_worker ? 0 : IN_HAND_MAX);
        in_hand_watch_signals();
        act();
        _exit(0);
    }
    (void)close(ends[1]);
    strbuf_clear(words);
    while ((n = read(ends[0], bytes, sizeof(bytes))) > 0) {
        strbuf_add(words, span_make(bytes, (size_t)n));
    }
    strbuf_add_cstr(words, "");
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return WTERMSIG(status);
}

static void have(const struct strbuf *words, const char *wanted)
{
    if (strstr(words->ptr, wanted) == NULL) {
        fail_msg("no '%s' in: %s", wanted, words->ptr);
    }
}

/* Both have it: the log, and whoever comes after. */
static const char *noted(const struct strbuf *words)
{
    static struct death death;
    uint64_t total;

    deaths_collect("died", 1, 1000);
    assert_int_equal(deaths_last(&death, 1, &total), 1);
    have(words, death.words);
    return death.words;
}

static int set_up(void **state)
{
    struct sock_address address;

    (void)state;
    assert_true(sock_address_from_ip(&address, "192.0.2.7", 1234));
    hand_link.peer = peer_from(&address);
    hand_link.is_peer_trusted = false;
    exchange.id = "0123456789abcdef0123456789abcdef";
    request = (struct http_request){.method_name = SPAN("GET"),
                                    .authority = SPAN("shop.example"),
                                    .target = SPAN("/a\x1b[2J?b")};
    hand = (struct in_hand){&hand_link, &exchange};
    sandbox_prepare();
    deaths_prepare();
    return 0;
}

static void a_check_tells_whose_request_it_was(void **state)
{
    struct strbuf words = {0};
    const char *note;

    (void)state;
    assert_false(deaths_refuse(&hand_link.peer, 1000));
    assert_int_equal(die(stumble, true, &words), SIGABRT);
    have(&words,
         "tidegate[gateway]: error: ended by signal 6 (SIGABRT); worker 0 had in hand: client "
         "192.0.2.7:1234, session 7, request 0123456789abcdef0123456789abcdef: GET "
         "shop.example/a?[2J?b; backtrace ");
    note = noted(&words);
    assert_memory_equal(note, "ended by signal 6", 17);
    assert_false(deaths_refuse(&hand_link.peer, 1000));
    (void)die(stumble, true, &words);
    (void)noted(&words);
    assert_true(deaths_refuse(&hand_link.peer, 1000));
    strbuf_free(&words);
}

static void a_refused_system_call_is_named(void **state)
{
    struct strbuf words = {0};

    (void)state;
    hand = (struct in_hand){&hand_link, NULL};
    assert_int_equal(die(run_a_program, true, &words), SIGSYS);
    have(&words,
         "(SIGSYS): the sandbox refuses the system call execve; worker 0 had in hand: client "
         "192.0.2.7:1234, session 7; backtrace ");
    (void)noted(&words);
    strbuf_free(&words);
}

/* Its address stands for many. */
static void nobody_is_blamed_for_others(void **state)
{
    struct strbuf words = {0};
    struct sock_address address;

    (void)state;
    assert_true(sock_address_from_ip(&address, "192.0.2.8", 1));
    hand_link.peer = peer_from(&address);
    for (int i = 0; i < 2; i++) {
        (void)die(be_sent_a_signal, true, &words);
        have(&words, "(SIGABRT), which process ");
        (void)noted(&words);
        (void)die(stumble, false, &words); /* a thread that is no worker's */
        have(&words, "worker 0 had in hand: client 192.0.2.8:1");
        (void)noted(&words);
    }
    hand_link.is_peer_trusted = true;
    for (int i = 0; i < 2; i++) {
        (void)die(stumble, true, &words);
        (void)noted(&words);
    }
    assert_false(deaths_refuse(&hand_link.peer, 1000));
    hand = (struct in_hand){0};
    (void)die(be_sent_a_signal, true, &words);
    have(&words, "; worker 0 had nothing in hand; backtrace ");
    (void)noted(&words);
    strbuf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_check_tells_whose_request_it_was, set_up),
        cmocka_unit_test_setup(a_refused_system_call_is_named, set_up),
        cmocka_unit_test_setup(nobody_is_blamed_for_others, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
