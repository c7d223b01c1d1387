/* The folder that a route serves files from: the one that has its name now.
 *
 * Folders are replaced whole (`rm -rf`, `mkdir`, a link that is moved to the next release), and an
 * open descriptor stays with the old one. So the name is looked up again, at most once a
 * millisecond, and the folder opened anew when it is another one. All workers share it without a
 * lock. */
#ifndef TIDEGATE_FILES_FILES_ROOT_H
#define TIDEGATE_FILES_FILES_ROOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

struct files_root {
    const char *path; /* the settings' */
    int fd;           /* -1: it was never opened. The number stays, what it stands for changes. */
    atomic_uint_least64_t device;
    atomic_uint_least64_t inode;
    atomic_uint_least64_t looked_ms;
    atomic_int missing;   /* errno of why there is none now; 0: there is */
    pthread_mutex_t lock; /* of those who open it anew */
};

/* May need more rights than the gateway's user has. False: the error says why. */
bool files_root_open(struct files_root *root, const char *path, struct error *error) MUST_CHECK;
/* The same for one that need not be there now: it is opened when it is. */
void files_root_open_later(struct files_root *root, const char *path);
/* Nothing happens to one that was not opened. */
void files_root_close(struct files_root *root);
/* The descriptor of the folder, or -1 with errno: ENOENT, ENOTDIR, EACCES, ... Where the user may
 * not look the name up (a folder above is closed to it), the folder that was opened stays. `now_us`
 * is the loop's time. */
int files_root_fd(struct files_root *root, uint64_t now_us) MUST_CHECK;

#endif
