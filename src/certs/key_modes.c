#include "certs/key_modes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static void check_key(const struct settings *settings, const void *member, const char *path,
                      struct config_report *report)
{
    char real[PATH_MAX];
    struct stat st;

    if (path == NULL || realpath(path, real) == NULL || stat(real, &st) != 0 ||
        !S_ISREG(st.st_mode) || (st.st_mode & (S_IROTH | S_IWOTH)) == 0 || !has_private_key(real) ||
        !is_reachable(real)) {
        return;
    }
    config_report_add(report, CONFIG_WARNING, config_place(settings, member),
                      (st.st_mode & S_IWOTH) != 0
                          ? "everybody on this machine can replace the private key %s"
                          : "everybody on this machine can read the private key %s",
                      path);
    config_report_hint(report, "chmod 600 %s", path);
}

void key_modes_check(const struct settings *settings, struct config_report *report)
{
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct tls_settings *tls = settings->sites[i].tls;

        for (size_t k = 0; tls != NULL && k < tls->certificate_count; k++) {
            check_key(settings, &tls->certificates[k].key, tls->certificates[k].key, report);
        }
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_tls_settings *tls = settings->backends[i].tls;

        if (tls != NULL) {
            check_key(settings, &tls->key, tls->key, report);
        }
        for (size_t j = 0; j < settings->backends[i].server_count; j++) {
            const struct backend_tls_settings *own = settings->backends[i].servers[j].tls;
            if (own != NULL) {
                check_key(settings, &own->key, own->key, report);
            }
        }
    }
}
