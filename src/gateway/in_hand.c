#include "gateway/in_hand.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/signal_stack.h"
#include "base/span.h"
#include "base/thread.h"
#include "gateway/deaths.h"
#include "sandbox/sandbox.h"
#include "server/front_exchange.h"

/* Of a request's target; a dump of the rest would be somebody's secret more often than of use. */
#define TARGET_MAX 200
#define METHOD_MAX 32
#define HOST_MAX 128
#define FRAMES_MAX 32

static const int watched[] = THREAD_ERROR_SIGNALS;

static struct {
    const struct in_hand *hands[IN_HAND_MAX];
    size_t count;
} all;

/* The thread's worker, counted from 1; 0: it is none's. */
static _Thread_local unsigned own;

void in_hand_of_this_thread(unsigned worker)
{
    own = worker < IN_HAND_MAX ? worker + 1 : 0;
}

void in_hand_register(const struct in_hand *hand, unsigned worker)
{
    if (worker < IN_HAND_MAX) {
        all.hands[worker] = hand;
        all.count = worker >= all.count ? (size_t)worker + 1 : all.count;
    }
}

/* ---- in the handler: no allocation, no stdio ---- */

/* What is said, in the shared note or, where that is somebody else's, in memory of this thread. */
struct line {
    char *bytes;
    size_t size;
    size_t *len;
};

/* Bytes of a peer's must not be able to move a cursor. */
static void add(struct line *line, struct span text)
{
    for (size_t i = 0; i < text.len && *line->len < line->size - 1; i++) {
        char c = text.ptr[i];
        line->bytes[(*line->len)++] = c >= 0x20 && c < 0x7f ? c : '?';
    }
}

static void add_text(struct line *line, const char *text)
{
    add(line, span_make(text, strlen(text)));
}

static void add_number(struct line *line, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    add(line, span_make(digits + at, sizeof(digits) - at));
}

static void add_exchange(struct line *line, const struct front_exchange *x)
{
    add_text(line, ", request ");
    add(line, span_make(x->id, strnlen(x->id, REQUEST_ID_LEN)));
    if (x->request->method_name.ptr == NULL) {
        return;
    }
    add_text(line, ": ");
    add(line, span_cut(x->request->method_name, METHOD_MAX));
    add_text(line, " ");
    add(line, span_cut(x->request->authority, HOST_MAX));
    add(line, span_cut(x->request->target, TARGET_MAX));
}

static void add_hand(struct line *line, unsigned worker, const struct in_hand *hand)
{
    char client[SOCK_TEXT_MAX];

    add_text(line, "; worker ");
    add_number(line, worker, 10);
    add_text(line, " had in hand: client ");
    add(line, span_make(client, peer_text(&hand->link->peer, client)));
    add_text(line, ", session ");
    add_number(line, hand->link->id, 10);
    if (hand->link->sni != NULL) {
        add_text(line, " (server name ");
        add(line, span_make(hand->link->sni, strnlen(hand->link->sni, HOST_MAX)));
        add_text(line, ")");
    }
    if (hand->exchange != NULL) {
        add_exchange(line, hand->exchange);
    }
}

/* Places in the program are counted from where it was loaded, as addr2line wants them. */
static void add_backtrace(struct line *line)
{
    extern const char __executable_start[];
    extern const char etext[];
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);

    add_text(line, "; backtrace");
    for (int i = 0; i < count; i++) {
        uintptr_t frame = (uintptr_t)frames[i];
        uintptr_t start = (uintptr_t)__executable_start;
        bool is_ours = frame >= start && frame < (uintptr_t)etext;

        add_text(line, is_ours ? " tidegate+0x" : " 0x");
        add_number(line, is_ours ? frame - start : frame, 16);
    }
}

static void add_signal(struct line *line, int number, const siginfo_t *info)
{
    add_text(line, "ended by signal ");
    add_number(line, (unsigned)number, 10);
    add_text(line, number == SIGABRT   ? " (SIGABRT)"
                   : number == SIGSEGV ? " (SIGSEGV)"
                   : number == SIGSYS  ? " (SIGSYS)"
                                       : "");
    if (info->si_code == SI_USER) {
        add_text(line, ", which process ");
        add_number(line, (unsigned)info->si_pid, 10);
        add_text(line, " sent");
    } else if (number == SIGSYS) {
        add_text(line, ": the sandbox refuses the system call ");
        add_text(line, sandbox_call_name(info->si_syscall));
    }
}

/* The worker whose thread this is, or IN_HAND_MAX. */
static unsigned own_worker(void)
{
    return own != 0 ? own - 1 : IN_HAND_MAX;
}

/* First of all, as telling the rest may go wrong: what this thread did it did for that client. A
 * signal that somebody sent says nothing of it. */
static void note_client(struct death_note *note, const siginfo_t *info)
{
    unsigned worker = own_worker();
    const struct in_hand *hand = worker < all.count ? all.hands[worker] : NULL;

    if (note == NULL || info->si_code == SI_USER || hand == NULL || hand->link == NULL ||
        hand->link->is_peer_trusted || hand->link->peer.is_unix) {
        return;
    }
    note->client = hand->link->peer;
    note->is_blaming = 1;
}

static void add_hands(struct line *line)
{
    unsigned worker = own_worker();

    for (unsigned i = 0; i < all.count; i++) {
        bool is_asked = worker == IN_HAND_MAX || worker == i;

        if (is_asked && all.hands[i] != NULL && all.hands[i]->link != NULL) {
            add_hand(line, i, all.hands[i]);
        }
    }
    if (worker != IN_HAND_MAX && (all.hands[worker] == NULL || all.hands[worker]->link == NULL)) {
        add_text(line, "; worker ");
        add_number(line, worker, 10);
        add_text(line, " had nothing in hand");
    }
}

static void put(const char *bytes, size_t len)
{
    ssize_t n = write(STDERR_FILENO, bytes, len);
    (void)n; /* there is nobody left to tell */
}

/* Reset by SA_RESETHAND, so that an error in here, and the signal once it is over, end the process.
 */
static void on_signal(int number, siginfo_t *info, void *context)
{
    static const char head[] = "tidegate[gateway]: error: ";
    struct death_note *note = deaths_note();
    char own_bytes[DEATH_WORDS_MAX];
    size_t own_len = 0;
    size_t said;
    struct line line = {own_bytes, sizeof(own_bytes), &own_len};

    (void)context;
    note_client(note, info);
    if (note != NULL) {
        line = (struct line){note->words, sizeof(note->words), &note->len};
    }
    add_signal(&line, number, info);
    add_hands(&line);
    /* Before the backtrace, which reads a stack that may be no good. */
    put(head, sizeof(head) - 1);
    put(line.bytes, *line.len);
    said = *line.len;
    add_backtrace(&line);
    put(line.bytes + said, *line.len - said);
    put("\n", 1);
    (void)raise(number);
}

void in_hand_watch_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags =
                                   SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};
    struct sigaction present;
    void *frame;

    signal_stack_begin();
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
