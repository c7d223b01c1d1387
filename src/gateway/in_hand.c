#include "gateway/in_hand.h"

#include <execinfo.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/span.h"
#include "base/thread.h"
#include "sandbox/sandbox.h"
#include "server/front_exchange.h"

/* Of a request's target; a dump of the rest would be somebody's secret more often than of use. */
#define TARGET_MAX 200
#define FRAMES_MAX 32

static const int watched[] = THREAD_ERROR_SIGNALS;

static struct {
    const struct in_hand *hands[IN_HAND_MAX];
    size_t count;
} all;

void in_hand_register(const struct in_hand *hand, unsigned worker)
{
    if (worker < IN_HAND_MAX) {
        all.hands[worker] = hand;
        all.count = worker >= all.count ? (size_t)worker + 1 : all.count;
    }
}

/* ---- in the handler: no allocation, no stdio ---- */

struct line {
    char bytes[1024];
    size_t len;
};

/* Bytes of a peer's must not be able to move a cursor. */
static void add(struct line *line, struct span text)
{
    for (size_t i = 0; i < text.len && line->len < sizeof(line->bytes) - 1; i++) {
        char c = text.ptr[i];
        line->bytes[line->len++] = c >= 0x20 && c < 0x7f ? c : '?';
    }
}

static void add_text(struct line *line, const char *text)
{
    add(line, span_make(text, strlen(text)));
}

static void add_number(struct line *line, unsigned number)
{
    char digits[12];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    add(line, span_make(digits + at, sizeof(digits) - at));
}

static void put(struct line *line)
{
    line->bytes[line->len++] = '\n';
    ssize_t n = write(STDERR_FILENO, line->bytes, line->len);
    (void)n; /* there is nobody left to tell */
    line->len = 0;
}

static void add_exchange(struct line *line, const struct front_exchange *x)
{
    add_text(line, ", request ");
    add(line, span_make(x->id, strnlen(x->id, REQUEST_ID_LEN)));
    if (x->request->method_name.ptr == NULL) {
        return;
    }
    add_text(line, ": ");
    add(line, x->request->method_name);
    add_text(line, " ");
    add(line, x->request->authority);
    struct span target = x->request->target;
    target.len = target.len < TARGET_MAX ? target.len : TARGET_MAX;
    add(line, target);
}

static void tell_hand(unsigned worker, const struct in_hand *hand)
{
    struct line line = {.len = 0};
    char client[SOCK_TEXT_MAX];

    add_text(&line, "tidegate: gateway: error: worker ");
    add_number(&line, worker);
    if (hand->link == NULL) {
        add_text(&line, " had nothing in hand");
        put(&line);
        return;
    }
    add_text(&line, " had in hand: client ");
    add(&line, span_make(client, peer_text(&hand->link->peer, client)));
    if (hand->link->sni != NULL) {
        add_text(&line, " (server name ");
        add_text(&line, hand->link->sni);
        add_text(&line, ")");
    }
    if (hand->exchange != NULL) {
        add_exchange(&line, hand->exchange);
    }
    put(&line);
}

static void tell_backtrace(void)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);

    backtrace_symbols_fd(frames, count, STDERR_FILENO);
}

/* Reset by SA_RESETHAND, so that an error in here, and the signal once it is over, end the process.
 */
static void on_signal(int number, siginfo_t *info, void *context)
{
    struct line line = {.len = 0};

    (void)context;

    add_text(&line, "tidegate: gateway: error: ended by signal ");
    add_number(&line, (unsigned)number);
    add_text(&line, number == SIGABRT ? " (SIGABRT)" : number == SIGSEGV ? " (SIGSEGV)" : "");
    if (number == SIGSYS) {
        add_text(&line, " (SIGSYS): the sandbox refuses the system call ");
        add_text(&line, sandbox_call_name(info->si_syscall));
    }
    put(&line);
    for (size_t i = 0; i < all.count; i++) {
        if (all.hands[i] != NULL) {
            tell_hand((unsigned)i, all.hands[i]);
        }
    }
    tell_backtrace();
    (void)raise(number);
}

void in_hand_watch_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | (int)SA_RESETHAND | SA_NODEFER};
    struct sigaction present;
    void *frame;

    /* The first call loads a library, which a handler must not. */
    (void)backtrace(&frame, 1);
    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        /* SIGSYS has the supervisor's handler, which knows of no hands. */
        if (watched[i] == SIGSYS ||
            (sigaction(watched[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL)) {
            (void)sigaction(watched[i], &action, NULL);
        }
    }
}
