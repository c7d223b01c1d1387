#include "certs/key_modes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/places.h"

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

static void check_key(const struct settings *settings, const void *member, const char *path,
                      struct config_report *report)
{
    char real[PATH_MAX];
    struct stat st;

    if (path == NULL || realpath(path, real) == NULL || stat(real, &st) != 0 ||
        (st.st_mode & (S_IROTH | S_IWOTH)) == 0 || !is_reachable(real)) {
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
    }
}
