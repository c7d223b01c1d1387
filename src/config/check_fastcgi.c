/* Backends whose servers run scripts. */
#include "config/check_internal.h"
#include "config/places.h"

static void error_at(const struct checker *checker, struct place place, const char *text,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(checker->report, "%s", hint);
}

static void check_without(const struct checker *checker, const struct backend_settings *backend)
{
    const struct {
        const void *member;
        const char *name;
    } members[] = {{&backend->root, "root"},
                   {&backend->index, "index"},
                   {&backend->split_path, "split_path"},
                   {&backend->script_files, "script_files"},
                   {&backend->params, "params"},
                   {&backend->body_buffer, "body_buffer"}};

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (check_is_given(checker, members[i].member)) {
            config_report_add(checker->report, CONFIG_ERROR,
                              config_place(checker->settings, members[i].member),
                              "'%s' in a backend that does not speak FastCGI", members[i].name);
            config_report_hint(checker->report,
                               "say 'protocol: fastcgi', or remove it; folders of files are named "
                               "by 'files' of a route");
        }
    }
}

void check_fastcgi(const struct checker *checker, const struct backend_settings *backend)
{
    if (backend->protocol != BACKEND_FASTCGI) {
        check_without(checker, backend);
        return;
    }
    if (!check_is_given(checker, &backend->root)) {
        error_at(checker, check_place(checker, &backend->protocol, backend->place),
                 "a backend with 'protocol: fastcgi' has no 'root'",
                 "say in which folder the scripts are, for example root: /srv/www");
    }
    if (backend->health_check != NULL && backend->health_check->grpc != NULL) {
        error_at(checker, check_place(checker, &backend->health_check->grpc, backend->place),
                 "a health check by gRPC of a FastCGI server",
                 "ask for php-fpm's ping.path with 'path', or only connect: tcp: {}");
    }
}
