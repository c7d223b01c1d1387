#include "tls/cert_listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cert_listing_free(struct cert_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->names[i]);
    }
    free(listing->names);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

bool cert_listing_is_certificate(const char *name)
{
    return has_suffix(name, ".crt") || has_suffix(name, ".cer") || has_suffix(name, ".pem");
}

bool cert_listing_is_file_name(const char *name)
{
    /* Hidden files are editors' and tools' half-done ones. */
    return name[0] != '.' && (cert_listing_is_certificate(name) || has_suffix(name, ".key") ||
                              has_suffix(name, ".ocsp"));
}

bool cert_listing_may_hold_key(const char *name)
{
    return has_suffix(name, ".key") || has_suffix(name, ".pem");
}

/* within "": the folder itself. */
static void list_name(struct cert_listing *listing, const char *within, const char *name)
{
    size_t size = strlen(within) + strlen(name) + 2;
    char *joined = xmalloc(size);

    (void)snprintf(joined, size, "%s%s%s", within, within[0] != '\0' ? "/" : "", name);
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity != 0 ? listing->capacity * 2 : 64;
        listing->names = xrealloc(listing->names, listing->capacity * sizeof(char *));
    }
    listing->names[listing->count++] = joined;
}

static bool is_folder(DIR *dir, const struct dirent *found)
{
    struct stat st;

    if (found->d_name[0] == '.' || found->d_type == DT_REG) {
        return false;
    }
    return found->d_type == DT_DIR ||
           (fstatat(dirfd(dir), found->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode));
}

/* NULL with errno; also as somebody who may. */
static DIR *open_within(const char *folder, DIR *dir, const char *name)
{
    int fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    char path[PATH_MAX];
    DIR *within;

    if (fd < 0 && errno == EACCES &&
        snprintf(path, sizeof(path), "%s/%s/", folder, name) < (int)sizeof(path)) {
        fd = file_opener_open(path);
    }
    within = fd >= 0 ? fdopendir(fd) : NULL;
    if (within == NULL && fd >= 0) {
        (void)close(fd);
    }
    return within;
}

static bool list_files(DIR *dir, const char *within, struct cert_listing *listing)
{
    struct dirent *found;

    errno = 0;
    while ((found = readdir(dir)) != NULL) {
        if (cert_listing_is_file_name(found->d_name)) {
            list_name(listing, within, found->d_name);
        }
        errno = 0;
    }
    return errno == 0;
}

static bool list_within(const char *folder, DIR *dir, const char *name,
                        struct cert_listing *listing)
{
    DIR *within = open_within(folder, dir, name);
    bool ok;
    int number;

    if (within == NULL) {
        return errno == ENOENT; /* it has just gone */
    }
    ok = list_files(within, name, listing);
    number = errno;
    (void)closedir(within);
    errno = number;
    return ok;
}

bool cert_listing_read(struct cert_listing *listing, const char *folder, DIR *dir)
{
    struct dirent *found;
    bool ok = true;

    *listing = (struct cert_listing){0};
    errno = 0;
    while (ok && (found = readdir(dir)) != NULL) {
        if (is_folder(dir, found)) {
            ok = list_within(folder, dir, found->d_name, listing);
        } else if (cert_listing_is_file_name(found->d_name)) {
            list_name(listing, "", found->d_name);
        }
        errno = ok ? 0 : errno;
    }
    if (errno == 0 && listing->count != 0) {
        qsort(listing->names, listing->count, sizeof(char *), compare_names);
    }
    return errno == 0;
}

/* So many names are looked at before the table is searched: what belongs to a certificate lies
 * beside it. */
#define NEAR 8

/* The listing's own text; NULL: there is no such file. near: where it may be, or soon after. */
static const char *find_listed(const struct cert_listing *listing, size_t near, const char *wanted)
{
    char **found;

    if (strcmp(listing->names[near], wanted) < 0) {
        for (size_t i = near + 1; i < near + NEAR && i < listing->count; i++) {
            int order = strcmp(listing->names[i], wanted);
            if (order >= 0) {
                return order == 0 ? listing->names[i] : NULL;
            }
        }
    }
    found = bsearch(&wanted, listing->names, listing->count, sizeof(char *), compare_names);
    return found != NULL ? *found : NULL;
}

/* Longer names than a folder's file in a folder can have are not there. */
#define NAME_SIZE (2 * NAME_MAX + 16)

/* The name at `at` with another suffix, if there is such a file. */
const char *cert_listing_sibling(const struct cert_listing *listing, size_t at, const char *suffix)
{
    const char *name = listing->names[at];
    char wanted[NAME_SIZE];

    return snprintf(wanted, sizeof(wanted), "%.*s%s", (int)strlen(name) - 4, name, suffix) <
                   (int)sizeof(wanted)
               ? find_listed(listing, at, wanted)
               : NULL;
}

/* Another file beside it, if it is there. */
const char *cert_listing_beside(const struct cert_listing *listing, size_t at, const char *other)
{
    const char *name = listing->names[at];
    const char *slash = strrchr(name, '/');
    int len = slash != NULL ? (int)(slash - name) + 1 : 0;
    char wanted[NAME_SIZE];

    return snprintf(wanted, sizeof(wanted), "%.*s%s", len, name, other) < (int)sizeof(wanted)
               ? find_listed(listing, at, wanted)
               : NULL;
}

const char *cert_listing_base_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

/* certbot and its like write fullchain.pem and privkey.pem, and the parts of the one into cert.pem
 * and chain.pem besides: one certificate, not four. */
bool cert_listing_is_part_of_chain(const struct cert_listing *listing, size_t at)
{
    const char *base = cert_listing_base_name(listing->names[at]);
    bool is_part = strcmp(base, "cert.pem") == 0 || strcmp(base, "chain.pem") == 0 ||
                   strcmp(base, "privkey.pem") == 0;

    return is_part && cert_listing_beside(listing, at, "fullchain.pem") != NULL &&
           cert_listing_beside(listing, at, "privkey.pem") != NULL;
}
