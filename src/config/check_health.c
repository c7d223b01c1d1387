/* What a backend says of its servers' health. */
#include "config/check_internal.h"

static int count_kinds(const struct health_check_settings *check)
{
    return (check->http != NULL) + (check->tcp != NULL) + (check->tls != NULL) +
           (check->grpc != NULL);
}

static void check_talk(const struct checker *checker, const struct check_connect_settings *check)
{
    if (check != NULL && check->send != NULL && check->expect == NULL) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &check->send, check->place),
                          "'send' has no effect, as nothing is expected of the answer");
        config_report_hint(checker->report, "add for example expect: \"+PONG\"");
    }
}

static void check_kind(const struct checker *checker, const struct backend_settings *backend)
{
    const struct health_check_settings *check = backend->health_check;

    if (count_kinds(check) > 1 ||
        (check_is_given(checker, &check->path) && check_is_given(checker, &check->http))) {
        config_report_add(checker->report, CONFIG_ERROR, check->place,
                          "a health check is of one kind: http (or path), tcp, tls or grpc");
        config_report_hint(checker->report, "leave one of them; a check by http or grpc connects, "
                                            "and shakes hands, too");
    }
    check_talk(checker, check->tcp);
    check_talk(checker, check->tls);
    if (check->tls != NULL && backend->tls == NULL) {
        config_report_add(checker->report, CONFIG_ERROR, check->tls->place,
                          "a check by tls needs 'tls' in the backend, which says how");
        config_report_hint(checker->report, "add 'tls: {}' to the backend, or check by 'tcp: {}'");
    }
    if (check->grpc != NULL && backend->protocol == BACKEND_H1) {
        config_report_add(checker->report, CONFIG_ERROR, check->grpc->place,
                          "gRPC is spoken over HTTP/2, and the backend speaks HTTP/1.1");
        config_report_hint(checker->report, "say 'protocol: h2c' (or h2, with 'tls')");
    }
}

static bool has_word(const struct string_list *list, const char *word)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], word) == 0) {
            return true;
        }
    }
    return false;
}

void check_retries(const struct checker *checker, const struct retries_settings *retries)
{
    if (retries != NULL && has_word(&retries->on, "timeout") && retries->per_try_ms == 0) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &retries->on, retries->place),
                          "'for' has timeout, but 'per_try' does not say which");
        config_report_hint(checker->report, "add for example per_try: 2s");
    }
    if (retries != NULL && retries->per_try_ms != 0 && !has_word(&retries->on, "timeout")) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &retries->per_try_ms, retries->place),
                          "'per_try' has no effect, as 'for' has no timeout");
        config_report_hint(checker->report, "add timeout to 'for', or remove 'per_try'");
    }
}

void check_health(const struct checker *checker, const struct backend_settings *backend)
{
    const struct health_check_settings *check = backend->health_check;
    const struct outliers_settings *outliers = &backend->outliers;

    if (check != NULL) {
        check_kind(checker, backend);
    }
    check_retries(checker, backend->retries);
    if (outliers->eject_max_ms < outliers->eject_ms) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &outliers->eject_max_ms, outliers->place),
                          "'eject_max' is shorter than 'eject'");
        config_report_hint(checker->report, "raise 'eject_max', or lower 'eject'");
    }
}
