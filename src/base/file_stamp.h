/* What tells one version of a file from the next: taken before the file is read, compared later. A
 * change of owner or mode counts too, since it may be what was waited for. */
#ifndef TIDEGATE_BASE_FILE_STAMP_H
#define TIDEGATE_BASE_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_stamp {
    uint64_t inode; /* 0: there is no file, or it cannot be looked at */
    int64_t size;
    int64_t changed_ns; /* the inode's time of change, which follows contents, name and mode */
    uint32_t mode;
    uint32_t owner;
    uint32_t group;
    uint32_t zero; /* where padding would lie: bundles have stamps as they lie in memory */
};
_Static_assert(sizeof(struct file_stamp) == 5 * sizeof(uint64_t), "padding");

static inline struct file_stamp file_stamp_from(const struct stat *st)
{
    return (struct file_stamp){
        .inode = (uint64_t)st->st_ino,
        .size = (int64_t)st->st_size,
        .changed_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + (int64_t)st->st_ctim.tv_nsec,
        .mode = (uint32_t)st->st_mode,
        .owner = (uint32_t)st->st_uid,
        .group = (uint32_t)st->st_gid,
    };
}

static inline bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed_ns == b->changed_ns &&
           a->mode == b->mode && a->owner == b->owner && a->group == b->group;
}

static inline bool file_stamp_allows(const struct file_stamp *stamp, uint32_t user, uint32_t group,
                                     unsigned bit)
{
    unsigned shift = stamp->owner == user ? 6 : stamp->group == group ? 3 : 0;

    return user == 0 || (stamp->mode >> shift & bit) != 0;
}

/* Whether the mode lets this user read the file, or go into the folder (access lists, and the
 * folders above, are not looked at). */
static inline bool file_stamp_readable_by(const struct file_stamp *stamp, uint32_t user,
                                          uint32_t group)
{
    return file_stamp_allows(stamp, user, group, 4);
}

static inline bool file_stamp_enterable_by(const struct file_stamp *stamp, uint32_t user,
                                           uint32_t group)
{
    return file_stamp_allows(stamp, user, group, 1);
}

#endif
