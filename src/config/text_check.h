/* Whether a file is text that YAML allows at all (YAML 1.2 section 5.1, c-printable): UTF-8 without
 * control bytes. libfyaml takes the first byte that is not as the end of the text, silently, so
 * half a configuration would be taken for a whole one. */
#ifndef TIDEGATE_CONFIG_TEXT_CHECK_H
#define TIDEGATE_CONFIG_TEXT_CHECK_H

#include <stdbool.h>

#include "base/span.h"
#include "config/report.h"

/* Reports the first offence, in source `file` of the report. */
bool text_check(struct span text, unsigned file, struct config_report *report) MUST_CHECK;

#endif
