/* Watches the files that a configuration is made of, wherever their paths lead: a file that is
 * written or exchanged, a link that is turned to another one (certbot's live/, Kubernetes' ..data),
 * a folder that is replaced, a file that appears later. The kernel tells of changes in folders
 * (inotify(7)); what counts is whether a file is another one than before, looked at a moment after
 * the last news, so that what is renewed in several steps is seen whole. A look at all of them once
 * in a while makes up for what the kernel cannot tell: file systems of a network, too many watches.
 *
 *     watcher_follow -> poll watcher.fd --events--> watcher_read -> at watcher_deadline: watcher_look
 *
 * The supervisor's, which may look everywhere. It reads no file. */
#ifndef TIDEGATE_PROCESS_WATCHER_H
#define TIDEGATE_PROCESS_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bundle.h"
#include "base/check.h"

/* After so long without news what is new is looked at, and after so long in any case. */
#define WATCHER_QUIET_MS 100
#define WATCHER_PATIENCE_MS 1000
/* Between two looks at everything that nobody asked for. */
#define WATCHER_SLOW_MS 60000

enum watcher_news {
    WATCHER_CONFIG = 1, /* the configuration itself, or a folder that parts of it come from */
    WATCHER_FILES = 2   /* what it names: certificates and the like */
};

struct watched;

struct watcher {
    int fd; /* to be read when it can be; -1: the kernel has none for us */
    struct watched *files;
    size_t file_count;
    int *folders; /* watches of folders of certificates, in which every change counts */
    size_t folder_count;
    unsigned news;         /* of those folders */
    bool is_lost;          /* watches have gone, or events: all paths are to be walked again */
    bool is_told;          /* that there are too few watches was said */
    uint64_t first_ms;     /* when the news that were not looked at yet began; 0: there are none */
    uint64_t last_ms;      /* when the last of them came */
    uint64_t next_slow_ms; /* monotonic */
    uint64_t earliest_ms;  /* of the next look, as looking costs something */
};

/* Nothing is watched. */
void watcher_init(struct watcher *watcher);
/* From now on these; `is_config` tells of a path whether it is the configuration's own. What has
 * changed since the bundle was made is news, and in folders of certificates what was not told yet
 * of those that were followed before. A folder that comes later is news itself. */
void watcher_follow(struct watcher *watcher, const struct bundle_head *head,
                    bool (*is_config)(const void *arg, const char *path), const void *arg);
void watcher_read(struct watcher *watcher);
/* When watcher_look is to be called, monotonic; UINT64_MAX: never. */
uint64_t watcher_deadline(const struct watcher *watcher);
/* What has changed since the last look: of enum watcher_news. */
unsigned watcher_look(struct watcher *watcher) MUST_CHECK;
/* In a child. */
void watcher_let_go(const struct watcher *watcher);
void watcher_free(struct watcher *watcher);

#endif
