#include "certs/own_keys.h"

#include "base/key_uri.h"

static void each_given(const char *const *key, own_key_fn *each, void *arg)
{
    if (*key != NULL) {
        each(arg, key);
    }
}

static void each_of_log(const struct log_rules_settings *log, own_key_fn *each, void *arg)
{
    for (size_t i = 0; log != NULL && i < log->to_count; i++) {
        each_given(&log->to[i].key, each, arg);
    }
}

static void each_of_logs(const struct settings *settings, own_key_fn *each, void *arg)
{
    each_of_log(&settings->log.rules, each, arg);
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        each_of_log(site->log, each, arg);
        for (size_t r = 0; r < site->route_count; r++) {
            each_of_log(site->routes[r].log, each, arg);
        }
    }
}

void own_keys_each(const struct settings *settings, own_key_fn *each, void *arg)
{
    each_of_logs(settings, each, arg);
    for (size_t i = 0; i < settings->site_count; i++) {
        const struct tls_settings *tls = settings->sites[i].tls;

        for (size_t k = 0; tls != NULL && k < tls->certificate_count; k++) {
            each_given(&tls->certificates[k].key, each, arg);
        }
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];

        if (backend->tls != NULL) {
            each_given(&backend->tls->key, each, arg);
        }
        for (size_t j = 0; j < backend->server_count; j++) {
            if (backend->servers[j].tls != NULL) {
                each_given(&backend->servers[j].tls->key, each, arg);
            }
        }
    }
}

static void look(void *arg, const char *const *key)
{
    *(bool *)arg |= key_uri_is(span_from_cstr(*key));
}

bool own_keys_need_module(const struct settings *settings)
{
    bool is_any = false;

    own_keys_each(settings, look, &is_any);
    return is_any;
}
