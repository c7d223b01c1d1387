/* Which files may be opened: Landlock (since Linux 5.13), by its system calls, as the C library has
 * no functions for them. What a kernel knows less of is asked of it as far as it goes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox_internal.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* linux/landlock.h, whose newer versions older systems do not have. */
#define CREATE_RULESET_VERSION (1U << 0)
#define RULE_PATH_BENEATH 1

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_REFER_BIT 13                 /* version 2 */
#define FS_TRUNCATE_BIT 14              /* version 3 */
#define FS_IOCTL_BIT 15                 /* version 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0) /* version 4 */
#define SCOPE_ALL UINT64_C(3)           /* version 6: abstract Unix sockets, signals */

struct ruleset_attributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* version 4 */
    uint64_t scoped;             /* version 6 */
};

struct path_attributes {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

/* All rights that this version knows; what has none of them cannot be done. */
static uint64_t known_rights(int version)
{
    unsigned bits = version < 2   ? FS_REFER_BIT
                    : version < 3 ? FS_TRUNCATE_BIT
                    : version < 5 ? FS_IOCTL_BIT
                                  : FS_IOCTL_BIT + 1;

    return (UINT64_C(1) << bits) - 1;
}

static size_t attributes_size(int version)
{
    return version < 4   ? sizeof(uint64_t)
           : version < 6 ? 2 * sizeof(uint64_t)
                         : sizeof(struct ruleset_attributes);
}

/* What is done to a file, and to what is in a folder, in order to write there. */
static uint64_t writing_rights(int version, bool is_folder)
{
    uint64_t rights = FS_WRITE_FILE | UINT64_C(1) << FS_TRUNCATE_BIT | UINT64_C(1) << FS_IOCTL_BIT;

    if (is_folder) {
        rights |= FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK;
    }
    return rights & known_rights(version);
}

/* To a device, such as /dev/null, one may write. */
static bool allow_open(int ruleset, int fd, int written_version)
{
    struct path_attributes attributes = {.allowed_access = FS_READ_FILE, .parent_fd = fd};
    struct stat st;

    if (fstat(fd, &st) == 0) {
        bool is_folder = S_ISDIR(st.st_mode);
        attributes.allowed_access |= is_folder ? FS_READ_DIR : 0;
        attributes.allowed_access |= S_ISCHR(st.st_mode) ? FS_WRITE_FILE : 0;
        attributes.allowed_access |=
            written_version != 0 ? writing_rights(written_version, is_folder) : 0;
    }
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attributes, 0) == 0;
}

/* written_version: of Landlock, where it may be written; 0: it may be read alone. */
static bool allow(int ruleset, const char *path, int written_version)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        return true; /* it is not there, or out of reach without this, too */
    }
    ok = allow_open(ruleset, fd, written_version);
    (void)close(fd);
    return ok;
}

/* What it looks at in order to say where an error was. */
static bool allow_sanitizer(int ruleset)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

    program[len > 0 ? len : 0] = '\0';
    return allow(ruleset, "/proc", 0) && allow(ruleset, program, 0);
}

static int create_ruleset(int version)
{
    struct ruleset_attributes attributes = {.handled_access_fs = known_rights(version)};

    if (version >= 4) {
        attributes.handled_access_net = NET_BIND_TCP;
    }
    if (version >= 6) {
        attributes.scoped = SCOPE_ALL;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, attributes_size(version), 0);
}

static void say_allowed(const struct sandbox_plan *plan, int version, char *note, size_t size)
{
    char written[40] = "none";

    if (plan->written_count != 0) {
        (void)snprintf(written, sizeof(written), "%zu", plan->written_count);
    }
    (void)snprintf(note, size, "Landlock %d: %zu folders and files to read, %s to write%s", version,
                   plan->path_count, written,
                   plan->has_modules ? ", for the modules of keys in tokens" : "");
}

bool sandbox_enter_files(const struct sandbox_plan *plan, char *note, size_t size)
{
    int version;
    int ruleset;
    bool ok = true;

    if (!plan->has_paths) {
        (void)snprintf(note, size, "all that its user may read");
        return true;
    }
    version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    ruleset = version > 0 ? create_ruleset(version) : -1;
    if (ruleset < 0) {
        (void)snprintf(note, size, "%s",
                       errno == ENOSYS       ? "this kernel has no Landlock (5.13 or newer does)"
                       : errno == EOPNOTSUPP ? "Landlock is not switched on in this kernel (lsm=)"
                       : errno == EPERM      ? "the container forbids Landlock"
                                             : strerror(errno));
        return false;
    }
    for (size_t i = 0; ok && i < plan->path_count; i++) {
        ok = allow(ruleset, plan->paths[i], 0);
    }
    for (size_t i = 0; ok && i < plan->folder_count; i++) {
        ok = allow_open(ruleset, plan->folders[i], 0);
    }
    for (size_t i = 0; ok && i < plan->written_count; i++) {
        ok = allow(ruleset, plan->written[i], version);
    }
    ok = ok && (!IS_SANITIZED || allow_sanitizer(ruleset));
    ok = ok && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (ok) {
        say_allowed(plan, version, note, size);
    } else {
        (void)snprintf(note, size, "Landlock: %s", strerror(errno));
    }
    (void)close(ruleset);
    return ok;
}
