#include "process/loader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/bundle.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "gateway/snapshot.h"
#include "process/file_broker.h"
#include "process/key_desk.h"
#include "process/plan.h"
#include "process/privileges.h"

/* Of the child. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1 };

/* ---- the child ---- */

static void add_folder(void *arg, const char *path, bool with_files)
{
    bundle_maker_add_folder(arg, path, with_files);
}

/* It is named in the bundle then, though nobody reads it yet: the supervisor opens for the gateway
 * what is named there, and no other file. */
static void look_at_file(void *arg, const char *owner, const char *path)
{
    (void)arg;
    (void)owner;
    (void)file_opener_stamp(path);
}

/* Who may not read what, as that is known only while somebody may. */
static void tell_of_files(const struct settings *settings, const struct snapshot *snapshot)
{
    struct privileges privileges;
    struct error ignored;

    if (privileges_resolve(&privileges, account_to_become(settings->user), settings->group,
                           &ignored)) {
        file_broker_tell(snapshot, &privileges);
    }
}

static bool write_bundle(struct bundle_maker *maker, const struct settings *settings, int fd,
                         FILE *report)
{
    struct strbuf note;
    bool is_written;

    strbuf_init(&note);
    plan_write(settings, &note);
    is_written = bundle_maker_write(maker, strbuf_span(&note), fd);
    if (!is_written) {
        (void)fprintf(report, "tidegate: error: cannot keep what the configuration names: %s\n",
                      strerror(errno));
    }
    strbuf_free(&note);
    return is_written;
}

/* Builds what the gateway will build, from the files that it will build it from. */
static bool rehearse(struct settings *settings, struct bundle_maker *maker, int bundle_fd,
                     bool is_first_time, struct config_report *report, FILE *out)
{
    struct snapshot *snapshot = snapshot_create(settings, report);
    bool is_done = false;

    if (snapshot != NULL) {
        snapshot_each_folder(snapshot, add_folder, maker);
        snapshot_each_file(snapshot, look_at_file, NULL);
        if (is_first_time) {
            tell_of_files(settings, snapshot);
        }
        is_done = write_bundle(maker, settings, bundle_fd, out);
        snapshot_release(snapshot);
    }
    return is_done;
}

/* Before the first key is read. */
static void use_keyholder(const struct loader_options *options, const struct settings *settings,
                          struct bundle_maker *maker)
{
    struct key_terms terms = {.is_confined = settings->sandbox != SANDBOX_OFF};
    struct error ignored; /* the supervisor finds the same, and says so */

    if (options->keys == LOADER_KEYS_HERE ||
        (options->keys == LOADER_KEYS_BY_CONFIG && settings->key_process == KEY_PROCESS_OFF) ||
        !privileges_resolve(&terms.privileges, account_to_become(settings->user), settings->group,
                            &ignored)) {
        return;
    }
    module_files_of(settings, &terms.modules);
    bundle_maker_hide_keys(maker);
    key_desk_send_terms(&terms);
    key_desk_use(false); /* what was read stays for the gateway */
}

static int load(const struct loader_options *options, int bundle_fd, FILE *out)
{
    struct bundle_maker *maker = bundle_maker_create();
    struct config_report report;
    struct settings *settings;
    bool is_done = false;

    config_report_init(&report);
    file_opener_set_view(bundle_maker_view(maker));
    settings = config_load_file_partly(options->path, &report);
    if (settings != NULL) {
        use_keyholder(options, settings, maker);
    }
    if (settings != NULL && !config_report_has_errors(&report)) {
        is_done = rehearse(settings, maker, bundle_fd, options->is_first_time, &report, out);
    } else if (settings != NULL) {
        snapshot_check_files(settings, &report);
    }
    file_opener_set_view(NULL);
    config_report_print(&report, out, options->is_first_time && options->color);
    config_report_free(&report);
    settings_destroy(settings);
    bundle_maker_destroy(maker);
    return is_done ? EXIT_DONE : EXIT_REFUSED;
}

static _Noreturn void be_loader(const struct loader *loader, const struct loader_options *options,
                                pid_t parent)
{
    FILE *out = options->is_first_time ? stderr : fdopen(loader->report_fd, "w");
    int status;

    if (options->in_child != NULL) {
        options->in_child(options->arg);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent || out == NULL) {
        _exit(EXIT_REFUSED);
    }
    status = load(options, loader->bundle_fd, out);
    (void)fflush(out);
    exit(status);
}

/* ---- the supervisor's side ---- */

static int memory_file(const char *name, unsigned flags)
{
    return memfd_create(name, MFD_CLOEXEC | flags);
}

static void close_files(struct loader *loader)
{
    if (loader->bundle_fd >= 0) {
        (void)close(loader->bundle_fd);
    }
    if (loader->report_fd >= 0) {
        (void)close(loader->report_fd);
    }
    loader->bundle_fd = loader->report_fd = -1;
}

bool loader_start(struct loader *loader, const struct loader_options *options, struct error *error)
{
    pid_t parent = getpid();

    *loader = (struct loader){.bundle_fd = memory_file("tidegate-bundle", MFD_ALLOW_SEALING),
                              .report_fd = memory_file("tidegate-report", 0),
                              .deadline_ms = clock_ms() + LOADER_MS};
    if (loader->bundle_fd < 0 || loader->report_fd < 0) {
        (void)error_set_errno(error, errno, "cannot load the configuration: memfd_create");
        close_files(loader);
        return false;
    }
    (void)fflush(NULL); /* or both processes would print what waits in a buffer */
    loader->pid = fork();
    if (loader->pid < 0) {
        loader->pid = 0;
        (void)error_set(
            error,
            "cannot load the configuration: fork: %s; there is too little memory, or "
            "the limit of processes is reached (TasksMax= of the service, or ulimit -u)",
            strerror(errno));
        close_files(loader);
        return false;
    }
    if (loader->pid == 0) {
        be_loader(loader, options, parent);
    }
    return true;
}

enum loader_result loader_ended(struct loader *loader, int status)
{
    loader->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE) {
        return LOADER_DONE;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED) {
        return LOADER_REFUSED;
    }
    if (WIFSIGNALED(status)) {
        (void)dprintf(loader->report_fd,
                      "tidegate: error: loading the configuration was ended by signal %d (%s)\n",
                      WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)dprintf(loader->report_fd,
                      "tidegate: error: loading the configuration ended with status %d\n",
                      WEXITSTATUS(status));
    }
    return LOADER_FAILED;
}

void loader_reset(struct loader *loader)
{
    int status;

    if (loader->pid > 0) {
        (void)kill(loader->pid, SIGKILL);
        while (waitpid(loader->pid, &status, 0) < 0 && errno == EINTR) {
        }
        loader->pid = 0;
    }
    close_files(loader);
}
