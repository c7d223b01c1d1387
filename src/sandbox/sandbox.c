#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "sandbox/sandbox_internal.h"

/* System calls have numbers below this on all machines that there are. */
#define CALLS_MAX 512

static struct {
    struct sandbox_report *reports; /* SANDBOX_ROLES of them, shared by all processes */
    const char *calls[CALLS_MAX];
    bool has_closed_files; /* this process */
} all;

void sandbox_prepare(void)
{
    void *shared;

    if (all.reports != NULL) {
        return;
    }
    shared = mmap(NULL, SANDBOX_ROLES * sizeof(*all.reports), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    all.reports = shared;
    for (int i = 0; i < CALLS_MAX; i++) {
        all.calls[i] = sandbox_resolve_call(i);
    }
}

const char *sandbox_call_name(long number)
{
    bool is_known = number >= 0 && number < CALLS_MAX && all.calls[number] != NULL;

    return is_known ? all.calls[number] : "?";
}

const char *sandbox_role_name(enum sandbox_role role)
{
    static const char *const names[] = {"supervisor", "keyholder", "gateway", "starter"};

    return names[role];
}

const char *sandbox_part_name(enum sandbox_part part)
{
    static const char *const names[] = {"no new rights", "capabilities", "system calls", "files",
                                        "memory dumps"};

    return names[part];
}

void sandbox_look(enum sandbox_role role, struct sandbox_report *report)
{
    *report = all.reports != NULL ? all.reports[role] : (struct sandbox_report){0};
}

/* ---- parts ---- */

static bool enter_no_new_privs(const struct sandbox_plan *plan, char *note, size_t size)
{
    (void)plan;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        (void)snprintf(note, size, "no_new_privs: %s", strerror(errno));
        return false;
    }
    (void)snprintf(note, size, "no_new_privs");
    return true;
}

/* What the supervisor does as root: become others for its children and take from them what they
 * could have (SETUID, SETGID, SETPCAP), end them (KILL), read certificates and keys of other users
 * (DAC_READ_SEARCH), write logs in their folders (DAC_OVERRIDE), own the control socket (CHOWN,
 * FOWNER), bind ports below 1024 (NET_BIND_SERVICE), and have a keyholder lock its memory
 * (IPC_LOCK). */
static const unsigned supervisor_capabilities[] = {
    CAP_SETUID,           CAP_SETGID,       CAP_SETPCAP, CAP_KILL,
    CAP_DAC_READ_SEARCH,  CAP_DAC_OVERRIDE, CAP_CHOWN,   CAP_FOWNER,
    CAP_NET_BIND_SERVICE, CAP_IPC_LOCK,
};

static uint64_t wanted_capabilities(enum sandbox_role role)
{
    uint64_t wanted = 0;

    for (size_t i = 0; role == SANDBOX_SUPERVISOR && i < ARRAY_LEN(supervisor_capabilities); i++) {
        wanted |= UINT64_C(1) << supervisor_capabilities[i];
    }
    return wanted;
}

static bool set_capabilities(uint64_t wanted, uint64_t *left)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, data) != 0) {
        return false;
    }
    *left = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(wanted >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
        *left |= (uint64_t)data[i].permitted << (32 * i);
    }
    return syscall(SYS_capset, &header, data) == 0;
}

static bool enter_capabilities(const struct sandbox_plan *plan, char *note, size_t size)
{
    uint64_t wanted = wanted_capabilities(plan->role);
    uint64_t left = 0;

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* Those that even a program of root's could not get back; it needs SETPCAP, so it comes first
     * and fails where there is nothing to lose. */
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++) {
        if ((wanted >> c & 1) == 0) {
            (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        }
    }
    if (!set_capabilities(wanted, &left)) {
        (void)snprintf(note, size, "cannot be given up: %s", strerror(errno));
        return false;
    }
    (void)snprintf(note, size, left == 0 ? "none" : "%d, of root's", __builtin_popcountll(left));
    return true;
}

static bool enter_dumps(const struct sandbox_plan *plan, char *note, size_t size)
{
    const struct rlimit none = {0, 0};

    if (plan->keep_dumpable) {
        (void)snprintf(note, size, "allowed, by --debug");
        return false;
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        (void)snprintf(note, size, "cannot be forbidden: %s", strerror(errno));
        return false;
    }
    (void)snprintf(note, size, "none, nor debuggers of the same user");
    return true;
}

/* The files before the calls, among which theirs are not. */
static const struct {
    enum sandbox_part part;
    bool (*enter)(const struct sandbox_plan *plan, char *note, size_t size);
} order[] = {
    {SANDBOX_NO_NEW_PRIVS, enter_no_new_privs},
    {SANDBOX_CAPABILITIES, enter_capabilities},
    {SANDBOX_DUMPS, enter_dumps},
    {SANDBOX_FILES, sandbox_enter_files},
    {SANDBOX_CALLS, sandbox_enter_calls},
};

static void say(const struct sandbox_report *report)
{
    struct strbuf lacking;

    strbuf_init(&lacking);
    for (size_t i = 0; i < SANDBOX_PARTS; i++) {
        if (report->parts[i].state == SANDBOX_LACKS) {
            strbuf_printf(&lacking, "%s%s (%s)", lacking.len != 0 ? ", " : "",
                          sandbox_part_name((enum sandbox_part)i), report->parts[i].note);
        }
    }
    if (lacking.len != 0) {
        log_warn("the sandbox lacks: %s; the rest holds (tidegate status --sandbox)", lacking.ptr);
    } else {
        log_debug("the sandbox holds: %s", report->parts[SANDBOX_CALLS].note);
    }
    strbuf_free(&lacking);
}

void sandbox_enter(const struct sandbox_plan *plan)
{
    struct sandbox_report *report = &all.reports[plan->role];

    *report = (struct sandbox_report){.pid = getpid()};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum sandbox_part part = order[i].part;
        char *note = report->parts[part].note;
        bool holds = order[i].enter(plan, note, sizeof(report->parts[part].note));

        report->parts[part].state = holds ? SANDBOX_HOLDS : SANDBOX_LACKS;
        if ((part == SANDBOX_FILES && !plan->has_paths) ||
            (part == SANDBOX_DUMPS && plan->keep_dumpable)) {
            report->parts[part].state = SANDBOX_NOT_MEANT;
        }
    }
    all.has_closed_files = report->parts[SANDBOX_FILES].state == SANDBOX_HOLDS;
    say(report);
}

/* A plain look (access, O_PATH) is not asked about by Landlock, so the difference tells. */
bool sandbox_reaches(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)close(fd);
        return true;
    }
    return !all.has_closed_files || errno != EACCES || access(folder, R_OK | X_OK) != 0;
}

void sandbox_end(enum sandbox_role role)
{
    if (all.reports != NULL) {
        all.reports[role].pid = 0;
    }
}

void sandbox_skip(enum sandbox_role role, const char *why)
{
    struct sandbox_report *report = &all.reports[role];

    *report = (struct sandbox_report){.pid = getpid()};
    for (size_t i = 0; i < SANDBOX_PARTS; i++) {
        report->parts[i].state = SANDBOX_NOT_MEANT;
        (void)snprintf(report->parts[i].note, sizeof(report->parts[i].note), "%s",
                       why != NULL ? why : "'sandbox: off' in the configuration");
    }
}

/* ---- what is refused ---- */

static const char *watched_role = "";

static void put(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* there is nobody left to tell */
}

static void on_refused(int number, siginfo_t *info, void *context)
{
    (void)context;
    put("tidegate[");
    put(watched_role);
    put("]: error: the sandbox refuses the system call ");
    put(sandbox_call_name(info->si_syscall));
    put(", so this process ends; nothing of Tidegate's needs it: somebody may have taken the "
        "process over, or this is an error of Tidegate's (then 'sandbox: off' helps meanwhile)\n");
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void sandbox_watch(enum sandbox_role role)
{
    struct sigaction action = {.sa_sigaction = on_refused,
                               .sa_flags =
                                   SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};

    watched_role = sandbox_role_name(role);
    (void)sigaction(SIGSYS, &action, NULL);
}
