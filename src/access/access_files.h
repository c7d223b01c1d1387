/* The files that rules ask: sets of addresses and the database of countries, each opened once for
 * all rules that name it, and looked at again while they are in use. */
#ifndef TIDEGATE_ACCESS_ACCESS_FILES_H
#define TIDEGATE_ACCESS_ACCESS_FILES_H

#include "base/followed.h"

/* Zero-initialised: none. */
struct access_files {
    struct access_file {
        char *path;
        const struct followed_type *type;
        struct followed *file; /* NULL: it could not be opened, which was told */
    } * items;
    size_t count;
    size_t capacity;
};

/* NULL with an error, which is told once for each file: empty then. */
struct followed *access_files_open(struct access_files *files, const char *path,
                                   const struct followed_type *type,
                                   struct error *error) MUST_CHECK;
/* Whether one of them has changed; what has, and what is wrong with it, is logged. */
bool access_files_refresh(const struct access_files *files);
void access_files_each(const struct access_files *files,
                       void (*each)(void *arg, const char *owner, const char *path), void *arg);
void access_files_close(struct access_files *files);

#endif
