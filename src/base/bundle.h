/* A bundle: the files that a configuration is made of, as they were when it was loaded, in one
 * sealed memory file. Whoever reads them through file_opener while a bundle is its view sees the
 * same bytes as the process that made it, whatever has become of the disk meanwhile.
 *
 *     loader:  bundle_maker_create, file_opener_set_view(bundle_maker_view), read everything,
 *              bundle_maker_write --descriptor--> supervisor --descriptor--> gateway:
 *              bundle_open, file_opener_set_view(bundle_view), read everything, bundle_close
 *
 * What could not be read is in it too, with the reason. What was looked at alone, such as the file
 * of a key that the keyholder reads, is in it by its stamp, and never read. Folders are only named:
 * their files are read when they are asked for. A head, by which whoever does not read files (the
 * supervisor) knows what is in it without having their contents in its memory: bundle_read_head.
 *
 * For processes of one program: numbers are the machine's. One thread at a time. */
#ifndef TIDEGATE_BASE_BUNDLE_H
#define TIDEGATE_BASE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file_opener.h"
#include "base/span.h"

/* A file that is larger is not kept: it is read from the disk, or found to be too large. */
#define BUNDLE_FILE_MAX ((size_t)16 << 20)

enum bundle_kind {
    BUNDLE_FILE,
    BUNDLE_NAMES,  /* a folder whose names were read; a '/' ends its path */
    BUNDLE_FOLDER, /* of certificates, that are read when they are asked for */
    BUNDLE_ROOT    /* a folder that is opened and not read */
};

struct bundle_maker;
struct bundle_head;
struct bundle;

/* ---- making one ---- */

struct bundle_maker *bundle_maker_create(void) MUST_CHECK;
/* Answers for the disk, and keeps what it has answered. */
const struct file_view *bundle_maker_view(struct bundle_maker *maker);
/* From now on, of a file with private keys in it the rest alone is kept (base/pem_private.h). */
void bundle_maker_hide_keys(struct bundle_maker *maker);
/* A BUNDLE_FOLDER, or without files a BUNDLE_ROOT. */
void bundle_maker_add_folder(struct bundle_maker *maker, const char *path, bool has_files);
/* Writes all to fd, an empty memory file that allows seals, and seals it. `note` is for whoever
 * reads the head. False with errno. */
bool bundle_maker_write(const struct bundle_maker *maker, struct span note, int fd) MUST_CHECK;
/* NULL is allowed. What it kept is wiped. */
void bundle_maker_destroy(struct bundle_maker *maker);

/* ---- its head ---- */

/* NULL with an error: it was not sealed, or is not whole. */
struct bundle_head *bundle_head_read(int fd, struct error *error) MUST_CHECK;
struct span bundle_head_note(const struct bundle_head *head);
/* Whether the path is a file or a folder of it. */
bool bundle_head_names(const struct bundle_head *head, const char *path);
/* Calls `each` for all. */
struct bundle_named {
    const char *path;
    enum bundle_kind kind;
    struct file_stamp stamp; /* of a file, or a folder whose names were read */
};
typedef void bundle_named_fn(void *arg, const struct bundle_named *named);
void bundle_head_each(const struct bundle_head *head, bundle_named_fn *each, void *arg);
/* NULL is allowed. */
void bundle_head_free(struct bundle_head *head);

/* ---- reading it ---- */

/* The descriptor stays the caller's. NULL with an error. */
struct bundle *bundle_open(int fd, struct error *error) MUST_CHECK;
const struct file_view *bundle_view(struct bundle *bundle);
/* NULL is allowed. */
void bundle_close(struct bundle *bundle);

#endif
