#include "process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"

static bool parse_number(const char *text, unsigned *id)
{
    uint64_t value;

    /* (uid_t)-1 means "leave as it is" to setresuid, so it is no user. */
    if (!span_to_u64(span_from_cstr(text), UINT32_MAX - 1, &value)) {
        return false;
    }
    *id = (unsigned)value;
    return true;
}

static bool find_user(const char *name, uid_t *uid, gid_t *gid, struct error *error)
{
    const struct passwd *entry;
    unsigned number;

    errno = 0;
    entry = getpwnam(name);
    if (entry != NULL) {
        *uid = entry->pw_uid;
        *gid = entry->pw_gid;
        return true;
    }
    if (parse_number(name, &number)) {
        entry = getpwuid(number);
        *uid = number;
        *gid = entry != NULL ? entry->pw_gid : number;
        return true;
    }
    return error_set(error,
                     "there is no user '%s' to become after start-up; write `user: NAME` with an "
                     "account that exists and owns nothing, or make one: useradd --system %s",
                     name, name);
}

static bool find_group(const char *name, gid_t *gid, struct error *error)
{
    const struct group *entry = getgrnam(name);
    unsigned number;

    if (entry != NULL) {
        *gid = entry->gr_gid;
        return true;
    }
    if (parse_number(name, &number)) {
        *gid = number;
        return true;
    }
    return error_set(error,
                     "there is no group '%s' to become after start-up; write `group: NAME` with "
                     "one that exists, or leave the line out to take the user's own",
                     name);
}

bool privileges_resolve(struct privileges *privileges, const char *user, const char *group,
                        struct error *error)
{
    *privileges = (struct privileges){.change_user = geteuid() == 0};
    if (!privileges->change_user) {
        return true;
    }
    if (!find_user(user, &privileges->uid, &privileges->gid, error)) {
        return false;
    }
    if (group != NULL && !find_group(group, &privileges->gid, error)) {
        return false;
    }
    if (privileges->uid == 0 || privileges->gid == 0) {
        return error_set(error,
                         "`user: %s` would leave the gateway running as root; name an account "
                         "without rights, such as `user: nobody`",
                         user);
    }
    return true;
}

bool privileges_check(const char *user, const char *group, struct error *error)
{
    uid_t uid = 1;
    gid_t gid = 1;

    if ((user != NULL && !find_user(user, &uid, &gid, error)) ||
        (group != NULL && !find_group(group, &gid, error))) {
        return false;
    }
    if (uid == 0 || gid == 0) {
        return error_set(error, "the gateway would keep the rights of root; it needs none once it "
                                "listens: name an account without rights, such as nobody");
    }
    return true;
}

static bool clear_capabilities(struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    /* An ambient capability would survive an exec. Old kernels and containers may lack the call;
     * clearing the permitted set below empties the ambient one too. */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, data) != 0) {
        return error_set_errno(error, errno, "cannot give up the capabilities");
    }
    return true;
}

static bool change_ids(const struct privileges *p, struct error *error)
{
    if (setgroups(0, NULL) != 0) {
        return error_set_errno(error, errno,
                               "cannot leave root's groups; in a container it needs the SETGID "
                               "capability, or start it as the right user at once");
    }
    if (setresgid(p->gid, p->gid, p->gid) != 0) {
        return error_set_errno(error, errno, "cannot change to group %u", (unsigned)p->gid);
    }
    if (setresuid(p->uid, p->uid, p->uid) != 0) {
        return error_set_errno(error, errno, "cannot change to user %u", (unsigned)p->uid);
    }
    return true;
}

/* Trusting the calls above is not enough: an old kernel's bug, or a capability kept by a security
 * module, has left processes root before. */
static bool verify_no_way_back(const struct privileges *p, struct error *error)
{
    uid_t ruid;
    uid_t euid;
    uid_t suid;
    gid_t rgid;
    gid_t egid;
    gid_t sgid;

    if (getresuid(&ruid, &euid, &suid) != 0 || ruid != p->uid || euid != p->uid || suid != p->uid ||
        getresgid(&rgid, &egid, &sgid) != 0 || rgid != p->gid || egid != p->gid || sgid != p->gid) {
        return error_set(error, "the change of user did not take hold");
    }
    if (setuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0) {
        return error_set(error, "root could be taken back after it was given up");
    }
    return true;
}

bool privileges_drop(const struct privileges *privileges, struct error *error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return error_set_errno(error, errno, "cannot set no_new_privs");
    }
    if (privileges->change_user && !change_ids(privileges, error)) {
        return false;
    }
    if (!clear_capabilities(error)) {
        return false;
    }
    if (privileges->change_user && !verify_no_way_back(privileges, error)) {
        return false;
    }
    /* A dump would hold private keys and other people's requests. It also keeps other processes
     * of this user from reading our memory through /proc. */
    if (prctl(PR_SET_DUMPABLE, privileges->keep_dumpable ? 1 : 0, 0, 0, 0) != 0) {
        return error_set_errno(error, errno, "cannot forbid core dumps");
    }
    return true;
}
