/* Keys of tokens by way of an engine, which is what there is on systems without the provider
 * (Debian 12). The library calls engines deprecated, and later versions have none. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "tls/openssl/key_ways.h"

#ifndef OPENSSL_NO_ENGINE

/* One for each module, as long as the process: keys sign by way of it. */
struct module_engine {
    struct list node;
    ENGINE *engine;
    char path[PATH_MAX];
};

static struct list engines = {&engines, &engines};

/* A copy of the engine that is the caller's alone, so that each has its own module. NULL: there is
 * none. */
static ENGINE *load_engine(void)
{
    const char *folder = getenv("OPENSSL_ENGINES");
    ENGINE *engine;

    ENGINE_load_dynamic();
    engine = ENGINE_by_id("dynamic");
    folder = folder != NULL ? folder : OPENSSL_info(OPENSSL_INFO_ENGINES_DIR);
    if (engine == NULL || folder == NULL ||
        ENGINE_ctrl_cmd_string(engine, "ID", "pkcs11", 0) != 1 ||
        ENGINE_ctrl_cmd_string(engine, "DIR_LOAD", "2", 0) != 1 ||
        ENGINE_ctrl_cmd_string(engine, "DIR_ADD", folder, 0) != 1 ||
        ENGINE_ctrl_cmd_string(engine, "LIST_ADD", "0", 0) != 1 ||
        ENGINE_ctrl_cmd_string(engine, "LOAD", NULL, 0) != 1) {
        ENGINE_free(engine);
        return NULL;
    }
    return engine;
}

/* Nobody sits at a terminal. */
static int no_answer(UI *ui, UI_STRING *question)
{
    (void)ui;
    (void)question;
    return 0;
}

static UI_METHOD *nobody(void)
{
    static UI_METHOD *method;

    if (method == NULL) {
        method = UI_create_method("nobody");
        CHECK(method != NULL && UI_method_set_reader(method, no_answer) == 0);
    }
    return method;
}

static bool set_up(ENGINE *engine, const char *module)
{
    return ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1) == 1 &&
           (module[0] == '\0' || ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) == 1) &&
           ENGINE_ctrl_cmd(engine, "SET_USER_INTERFACE", 0, nobody(), NULL, 1) == 1 &&
           ENGINE_init(engine) == 1;
}

/* is_there: the engine is installed, whether it can load its module or not. */
static struct module_engine *begin(const char *module, bool may_begin, bool *is_there)
{
    struct module_engine *begun;
    ENGINE *engine;

    LIST_FOR_EACH(node, &engines)
    {
        begun = LIST_ENTRY(node, struct module_engine, node);
        if (strcmp(begun->path, module) == 0) {
            *is_there = true;
            return begun;
        }
    }
    engine = may_begin ? load_engine() : NULL;
    *is_there = engine != NULL;
    if (engine == NULL || !set_up(engine, module)) {
        ENGINE_free(engine);
        return NULL;
    }
    begun = xcalloc(1, sizeof(*begun));
    begun->engine = engine;
    memcpy(begun->path, module, strlen(module) + 1);
    list_push_back(&engines, &begun->node);
    return begun;
}

EVP_PKEY *key_engine_load(const struct key_uri *uri, const char *pin, bool may_begin,
                          bool *is_there)
{
    struct module_engine *begun = begin(uri->module, may_begin, is_there);

    if (begun == NULL ||
        (pin[0] != '\0' && ENGINE_ctrl_cmd_string(begun->engine, "PIN", pin, 0) != 1)) {
        return NULL;
    }
    return ENGINE_load_private_key(begun->engine, uri->object, nobody(), NULL);
}

#else

EVP_PKEY *key_engine_load(const struct key_uri *uri, const char *pin, bool may_begin,
                          bool *is_there)
{
    (void)uri;
    (void)pin;
    (void)may_begin;
    *is_there = false;
    return NULL;
}

#endif
