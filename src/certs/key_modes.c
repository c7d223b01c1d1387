#include "certs/key_modes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/key_uri.h"
#include "certs/own_keys.h"
#include "config/places.h"

/* Where a key's first line is, even behind a chain. */
#define KEY_LOOK_BYTES 65536
#define PRIVATE_KEY "PRIVATE KEY-----"

/* Whether others may enter all folders above. */
static bool is_reachable(char *path)
{
    struct stat st;
    char *slash;

    while ((slash = strrchr(path, '/')) != NULL && slash != path) {
        *slash = '\0';
        if (stat(path, &st) != 0 || (st.st_mode & S_IXOTH) == 0) {
            return false;
        }
    }
    return true;
}

/* Another kind of file is told of as what it is, and may be for everybody. */
static bool has_private_key(const char *path)
{
    char text[KEY_LOOK_BYTES];
    FILE *file = fopen(path, "re");
    size_t len;

    if (file == NULL) {
        return false;
    }
    len = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    return memmem(text, len, PRIVATE_KEY, sizeof(PRIVATE_KEY) - 1) != NULL;
}

/* What is wrong with the modes of a file; NULL: nothing. */
static const char *fault_of(const char *path, char real[PATH_MAX])
{
    struct stat st;

    if (realpath(path, real) == NULL || stat(real, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & (S_IROTH | S_IWOTH)) == 0) {
        return NULL;
    }
    return (st.st_mode & S_IWOTH) != 0 ? "replace" : "read";
}

struct check {
    const struct settings *settings;
    struct config_report *report;
};

static void check_key(void *arg, const char *const *key)
{
    const struct check *check = arg;
    const char *path;
    const char *fault;
    char real[PATH_MAX];
    struct key_uri uri;
    struct error ignored; /* what was read has been looked at */
    bool is_pin;

    if (!key_uri_opens(*key, &uri, &path, &ignored) || path == NULL) {
        return;
    }
    is_pin = path != *key;
    fault = fault_of(path, real);
    if (fault == NULL || (!is_pin && !has_private_key(real)) || !is_reachable(real)) {
        return;
    }
    config_report_add(check->report, CONFIG_WARNING, config_place(check->settings, key),
                      "everybody on this machine can %s the %s %s", fault,
                      is_pin ? "PIN" : "private key", path);
    config_report_hint(check->report, "chmod 600 %s", path);
}

void key_modes_check(const struct settings *settings, struct config_report *report)
{
    struct check check = {settings, report};

    own_keys_each(settings, check_key, &check);
}
