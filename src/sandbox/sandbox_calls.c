/* Which system calls a role may make: seccomp, by libseccomp, which knows their names and numbers
 * on each machine. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "base/check.h"
#include "sandbox/sandbox_internal.h"

/* What every process does: memory, threads of its own, time, signals to itself, descriptors that it
 * has. Names that a system does not know are left out. */
static const char *const everyone[] = {
    /* memory */
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "membarrier",
    /* threads and waiting */
    "futex",
    "futex_time64",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "sched_yield",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "getcpu",
    "exit",
    "exit_group",
    "arch_prctl",
    "restart_syscall",
    /* signals */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "sigaltstack",
    "sigaction",
    "sigprocmask",
    "sigreturn",
    "tgkill",
    "alarm",
    "setitimer",
    "getitimer",
    "pause",
    /* time */
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    /* who and where we are */
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getuid32",
    "geteuid32",
    "getgid32",
    "getegid32",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getsid",
    "uname",
    "sysinfo",
    "getcwd",
    "getrlimit",
    "ugetrlimit",
    "getrusage",
    "getrandom",
    "umask",
    /* descriptors */
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "close",
    "close_range",
    "lseek",
    "_llseek",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "fcntl64",
    "fstat",
    "fstat64",
    "fstatfs",
    "fstatfs64",
    "ftruncate",
    "ftruncate64",
    "fsync",
    "fdatasync",
    "fadvise64",
    "fadvise64_64",
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_settime64",
    "timerfd_gettime",
    "pipe",
    "pipe2",
    "memfd_create",
    /* sockets that are there */
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "recvmmsg_time64",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "socketcall",
};

/* The network, and files to read (which of them, Landlock and the user's rights tell). To be bound
 * is netlink's socket, when a name is looked up; ports Landlock forbids. */
static const char *const gateway[] = {
    "setpriority", /* downwards alone, without the capability: threads that check passwords */
    "accept",      "accept4",    "bind",      "connect",    "splice",   "tee",        "sendfile",
    "sendfile64",  "open",       "openat",    "openat2",    "stat",     "lstat",      "stat64",
    "lstat64",     "newfstatat", "fstatat64", "statx",      "statfs",   "statfs64",   "access",
    "faccessat",   "faccessat2", "readlink",  "readlinkat", "getdents", "getdents64", "readahead",
};

/* Code that is not ours, which reaches a token: files and sockets of its own, memory that it shares
 * with a daemon. */
static const char *const modules[] = {
    "flock",         "mkdir",         "mkdirat", "unlink",    "unlinkat", "rename",
    "renameat",      "renameat2",     "fchmod",  "fallocate", "shmget",   "shmat",
    "shmdt",         "shmctl",        "semget",  "semop",     "semctl",   "semtimedop",
    "sched_getattr", "sched_setattr", "mincore", "msync",     "getxattr",
};

/* Processes, users, sockets to listen on, and other users' files. */
static const char *const supervisor[] = {
    "fork",
    "vfork",
    "execve",
    "execveat",
    "wait4",
    "waitid",
    "waitpid",
    "kill",
    "tkill",
    "rt_sigqueueinfo",
    "pidfd_open",
    "pidfd_send_signal",
    "pidfd_getfd",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setuid32",
    "setgid32",
    "setresuid32",
    "setresgid32",
    "setgroups32",
    "setfsuid",
    "setfsgid",
    "setpgid",
    "setsid",
    "capget",
    "capset",
    "setrlimit",
    "setpriority",
    "getpriority",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "sched_setaffinity",
    "sched_setscheduler",
    "mlockall",
    "munlockall",
    "listen",
    "signalfd",
    "signalfd4",
    "inotify_init",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    "creat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "truncate64",
    "fallocate",
    "flock",
    "chdir",
    "fchdir",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "chown32",
    "fchown32",
    "lchown32",
    "utimensat",
    "futimesat",
};

/* What a sanitizer does besides: it looks at the whole process when that ends. */
static const char *const sanitizers[] = {
    "open",
    "openat",
    "readlink",
    "readlinkat",
    "stat",
    "newfstatat",
    "getdents",
    "getdents64",
    "wait4",
    "kill",
    "tkill",
    "personality",
    "process_vm_readv",
    "sched_setaffinity",
    "setrlimit",
    "msync",
    "mincore",
    "capget",
};

struct filter {
    scmp_filter_ctx ctx;
    size_t count;
    int error; /* of libseccomp, the first; 0: none */
};

static void note_error(struct filter *filter, int result)
{
    if (result < 0 && result != -EEXIST && filter->error == 0) {
        filter->error = -result;
    }
}

static void add_all(struct filter *filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);

        if (number != __NR_SCMP_ERROR) {
            note_error(filter, seccomp_rule_add(filter->ctx, SCMP_ACT_ALLOW, number, 0));
            filter->count++;
        }
    }
}

#define ADD(filter, call, ...)                                                                     \
    note_error(filter, seccomp_rule_add((filter)->ctx, SCMP_ACT_ALLOW, SCMP_SYS(call), __VA_ARGS__))

/* Memory is written or run, never both. */
static void add_memory(struct filter *filter, bool is_free)
{
    if (is_free) {
        ADD(filter, mmap, 0);
        ADD(filter, mmap2, 0);
        ADD(filter, mprotect, 0);
        return;
    }
    ADD(filter, mmap, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ADD(filter, mmap, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
    ADD(filter, mmap2, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ADD(filter, mmap2, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
    ADD(filter, mprotect, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ADD(filter, mprotect, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
}

/* Threads are made by clone, whose flags can be looked at; those of clone3 cannot, so it counts as
 * missing, and the C library takes clone. */
static void add_threads(struct filter *filter, bool may_fork)
{
    note_error(filter, seccomp_rule_add(filter->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
    if (may_fork) {
        ADD(filter, clone, 0);
    } else {
        ADD(filter, clone, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    }
}

/* Addresses of the Internet and Unix sockets; netlink is how the C library learns which addresses
 * the machine has, before it looks up a name. */
static void add_sockets(struct filter *filter)
{
    ADD(filter, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
    ADD(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_INET, 0),
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
    ADD(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_INET, 0),
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
    ADD(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0),
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
    ADD(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0),
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
    ADD(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));
    ADD(filter, socketpair, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
}

/* Names of threads, and what is told of ourselves; for the supervisor also what its children do. */
static void add_prctl(struct filter *filter, bool is_free)
{
    static const int allowed[] = {PR_SET_NAME,         PR_GET_NAME,     PR_GET_DUMPABLE,
                                  PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_SET_VMA};

    if (is_free) {
        ADD(filter, prctl, 0);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        ADD(filter, prctl, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)allowed[i], 0));
    }
}

/* Reading limits of our own, and setting none; what is waiting, and whether it is a terminal. */
static void add_limits_and_ioctl(struct filter *filter, bool is_free)
{
    static const unsigned long allowed[] = {0x541B /* FIONREAD */, 0x5401 /* TCGETS */,
                                            0x5413 /* TIOCGWINSZ */, 0x5421 /* FIONBIO */,
                                            0x8910 /* SIOCGIFNAME */};

    if (is_free) {
        ADD(filter, prlimit64, 0);
        ADD(filter, ioctl, 0);
        return;
    }
    ADD(filter, prlimit64, 2, SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        ADD(filter, ioctl, 1, SCMP_A1(SCMP_CMP_EQ, allowed[i], 0));
    }
}

/* LeakSanitizer stops all threads from a helper that shares their memory, with ptrace. */
static void add_sanitizers(struct filter *filter)
{
    static const int requests[] = {PTRACE_ATTACH, PTRACE_DETACH, PTRACE_CONT, PTRACE_GETREGS,
                                   PTRACE_GETREGSET};

    add_all(filter, sanitizers, ARRAY_LEN(sanitizers));
    ADD(filter, clone, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, CLONE_VM));
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        ADD(filter, ptrace, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)requests[i], 0));
    }
}

static void fill(struct filter *filter, enum sandbox_role role, bool has_modules)
{
    bool is_supervisor = role == SANDBOX_SUPERVISOR;

    add_all(filter, everyone, ARRAY_LEN(everyone));
    if (has_modules || is_supervisor) {
        add_all(filter, modules, ARRAY_LEN(modules));
    }
    if (role != SANDBOX_KEYHOLDER || has_modules) {
        add_all(filter, gateway, ARRAY_LEN(gateway));
        add_sockets(filter);
    }
    if (is_supervisor) {
        add_all(filter, supervisor, ARRAY_LEN(supervisor));
    }
    if (IS_SANITIZED) {
        add_sanitizers(filter);
    }
    add_memory(filter, is_supervisor || has_modules || IS_SANITIZED);
    add_threads(filter, is_supervisor);
    add_prctl(filter, is_supervisor || IS_SANITIZED);
    add_limits_and_ioctl(filter, is_supervisor || IS_SANITIZED);
}

bool sandbox_enter_calls(const struct sandbox_plan *plan, char *note, size_t size)
{
    struct filter filter = {.ctx = seccomp_init(SCMP_ACT_TRAP)};

    if (filter.ctx == NULL) {
        (void)snprintf(note, size, "seccomp: there is no memory");
        return false;
    }
    /* A tree instead of a list: those of the data path are found soon. Older libraries have none.
     */
    (void)seccomp_attr_set(filter.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    fill(&filter, plan->role, plan->has_modules);
    if (filter.error == 0) {
        note_error(&filter, seccomp_load(filter.ctx));
    }
    seccomp_release(filter.ctx);
    if (filter.error != 0) {
        (void)snprintf(note, size, "seccomp: %s%s", strerror(filter.error),
                       filter.error == EINVAL || filter.error == ENOSYS
                           ? "; this kernel or container has no filters"
                           : "");
        return false;
    }
    (void)snprintf(note, size, "seccomp: %zu allowed%s, any other ends the process", filter.count,
                   plan->has_modules ? ", with files, sockets and code of modules" : "");
    return true;
}

const char *sandbox_resolve_call(int number)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

    return name != NULL ? name : "?";
}
