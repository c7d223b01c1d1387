#include "process/child_signals.h"

#include <stddef.h>

#include "base/check.h"

/* A terminal's Ctrl-C and a service manager's SIGTERM reach every process of the group, but when to
 * drain is the supervisor's word alone. */
void child_signals_ignore(const sigset_t *signals)
{
    static const int handled_signals[] = {CHILD_SIGNALS};
    struct sigaction action = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        action.sa_handler = handled_signals[i] == SIGCHLD ? SIG_DFL : SIG_IGN;
        (void)sigaction(handled_signals[i], &action, NULL);
    }
    (void)sigprocmask(SIG_SETMASK, signals, NULL);
}
