/* What is found wrong with certificates (tls/cert_check.h), into a report of the configuration. */
#ifndef TIDEGATE_CERTS_TLS_REPORT_H
#define TIDEGATE_CERTS_TLS_REPORT_H

#include "config/report.h"

struct tls_report {
    struct config_report *report;
    struct place place;
    bool has_errors;
};

/* For struct cert_findings; arg: a struct tls_report. */
static inline void tls_report_finding(void *arg, bool is_error, const char *text, const char *hint)
{
    struct tls_report *to = arg;

    config_report_add(to->report, is_error ? CONFIG_ERROR : CONFIG_WARNING, to->place, "%s", text);
    if (hint != NULL) {
        config_report_hint(to->report, "%s", hint);
    }
    to->has_errors |= is_error;
}

#endif
