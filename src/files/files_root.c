#include "files/files_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"

static void note(struct files_root *root, const struct stat *st)
{
    atomic_store_explicit(&root->device, (uint64_t)st->st_dev, memory_order_relaxed);
    atomic_store_explicit(&root->inode, (uint64_t)st->st_ino, memory_order_relaxed);
}

static bool is_same(struct files_root *root, const struct stat *st)
{
    return atomic_load_explicit(&root->device, memory_order_relaxed) == (uint64_t)st->st_dev &&
           atomic_load_explicit(&root->inode, memory_order_relaxed) == (uint64_t)st->st_ino;
}

bool files_root_open(struct files_root *root, const char *path, struct error *error)
{
    struct stat st;

    *root = (struct files_root){.path = path, .fd = file_opener_open_folder(path)};
    if (root->fd < 0 || fstat(root->fd, &st) != 0) {
        int number = errno;
        (void)error_set_errno(error, number, "cannot open the folder %s", path);
        errno = number;
        return false;
    }
    note(root, &st);
    (void)pthread_mutex_init(&root->lock, NULL);
    return true;
}

void files_root_open_later(struct files_root *root, const char *path)
{
    struct error error;

    if (!files_root_open(root, path, &error)) {
        int number = errno;
        /* A descriptor for dup3 to put the folder behind. */
        *root = (struct files_root){.path = path, .fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};
        atomic_store_explicit(&root->missing, number, memory_order_relaxed);
        (void)pthread_mutex_init(&root->lock, NULL);
    }
}

void files_root_close(struct files_root *root)
{
    if (root->path == NULL || root->fd < 0) {
        return;
    }
    (void)close(root->fd);
    (void)pthread_mutex_destroy(&root->lock);
    root->fd = -1;
}

/* dup3 puts the new folder behind the old number at once, so that whoever opens a file beneath it
 * in the same moment gets one of the two. Returns errno. */
static int open_anew(struct files_root *root)
{
    struct stat st;
    int result = 0;
    int fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, &st) != 0 || dup3(fd, root->fd, O_CLOEXEC) < 0) {
        result = errno;
    } else {
        note(root, &st);
    }
    (void)close(fd);
    return result;
}

/* Returns errno of why there is no folder; 0: there is. */
static int look(struct files_root *root)
{
    struct stat st;
    int result = 0;

    if (stat(root->path, &st) != 0) {
        return errno == EACCES || errno == EPERM ? 0 : errno;
    }
    if (is_same(root, &st)) {
        return 0;
    }
    (void)pthread_mutex_lock(&root->lock);
    /* Somebody else may have been faster. */
    if (stat(root->path, &st) == 0 && !is_same(root, &st)) {
        result = open_anew(root);
    }
    (void)pthread_mutex_unlock(&root->lock);
    return result;
}

int files_root_fd(struct files_root *root, uint64_t now_us)
{
    uint64_t now_ms = now_us / 1000;

    if (atomic_load_explicit(&root->looked_ms, memory_order_relaxed) != now_ms) {
        int missing = look(root);
        atomic_store_explicit(&root->missing, missing, memory_order_relaxed);
        atomic_store_explicit(&root->looked_ms, now_ms, memory_order_relaxed);
    }
    errno = atomic_load_explicit(&root->missing, memory_order_relaxed);
    return errno == 0 ? root->fd : -1;
}
