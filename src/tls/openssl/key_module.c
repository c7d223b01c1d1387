#include "tls/openssl/key_module.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tls/openssl/key_ways.h"

static struct {
    pthread_mutex_t lock;
    bool is_closed;
} modules = {.lock = PTHREAD_MUTEX_INITIALIZER};

void key_module_close(void)
{
    (void)pthread_mutex_lock(&modules.lock);
    modules.is_closed = true;
    (void)pthread_mutex_unlock(&modules.lock);
}

/* ---- why not ---- */

/* What the module said: the last reason that has words and is not that of a layer above it. */
static void find_reason(char *reason, size_t size)
{
    const char *data;
    int flags;
    unsigned long number;

    (void)snprintf(reason, size, "it gives no reason");
    while ((number = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *words = ERR_reason_error_string(number);
        bool has_data = (flags & ERR_TXT_STRING) != 0 && data[0] != '\0';

        if (ERR_GET_LIB(number) == ERR_LIB_ENGINE || (words == NULL && !has_data)) {
            continue;
        }
        (void)snprintf(reason, size, "%s%s%s", words != NULL ? words : "",
                       words != NULL && has_data ? ": " : "", has_data ? data : "");
    }
}

/* What to do, by what it is about. */
static const struct {
    const char *word;
    const char *hint;
} hints[] = {
    {"PIN", "is the right PIN in the file of pin-source, and is the token not locked?"},
    {"reading strings", "it wants a PIN: name the file that has it: ?pin-source=file:/PATH"},
    {"login", "name the file with the token's PIN: ?pin-source=file:/PATH"},
    {"module", "is p11-kit installed and configured with the token's module, and can the gateway's "
               "user read it?"},
    {"not found", "is the token there, can the gateway's user use it, and does it have a private "
                  "key of that name (`pkcs11-tool --list-objects --login`)? What a module reads "
                  "and writes is named by key_module_files"},
};

static const char *hint_for(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (strcasestr(reason, hints[i].word) != NULL) {
            return hints[i].hint;
        }
    }
    return hints[ARRAY_LEN(hints) - 1].hint;
}

static void explain(const char *name, bool is_there, bool is_closed, struct error *error)
{
    char reason[300];

    find_reason(reason, sizeof(reason));
    if (is_there) {
        (void)error_set(error, "the key '%s' cannot be used: %s; %s", name, reason,
                        hint_for(reason));
    } else if (is_closed) {
        (void)error_set(error,
                        "the key '%s' is in a token, and this process can load no module for it "
                        "any more (sandbox): with key_process: off, the first such key takes a "
                        "restart",
                        name);
    } else {
        (void)error_set(error,
                        "the key '%s' is in a token, and OpenSSL finds no way there: install its "
                        "engine of PKCS#11 (Debian 12: libengine-pkcs11-openssl) or, for OpenSSL "
                        "3.2 and newer, its provider (pkcs11-provider)",
                        name);
    }
}

/* ---- loading ---- */

/* A library that is not there is told by nobody in words that mean something. */
static bool is_module_there(const char *name, const struct key_uri *uri, struct error *error)
{
    return uri->module[0] == '\0' || access(uri->module, R_OK) == 0 ||
           error_set_errno(
               error, errno,
               "the key '%s' cannot be used: its module (module-path) cannot be read by "
               "the user that this process is, or is where neither the system's "
               "programs nor key_module_files are",
               name);
}

EVP_PKEY *key_module_load(const char *name, const struct key_uri *uri, const char *pin,
                          struct error *error)
{
    bool is_there = false;
    EVP_PKEY *key;

    if (!is_module_there(name, uri, error)) {
        return NULL;
    }
    (void)pthread_mutex_lock(&modules.lock);
    ERR_clear_error();
    key = key_provider_load(uri, pin, !modules.is_closed, &is_there);
    if (!is_there) {
        ERR_clear_error();
        key = key_engine_load(uri, pin, !modules.is_closed, &is_there);
    }
    if (key == NULL) {
        explain(name, is_there, modules.is_closed, error);
    }
    ERR_clear_error();
    (void)pthread_mutex_unlock(&modules.lock);
    return key;
}
