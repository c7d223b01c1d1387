/* What the directive tables say, for editors (JSON Schema, draft 2020-12) and for people (the
 * reference manual in Markdown, docs/configuration.md). */
#ifndef TIDEGATE_CONFIG_SCHEMA_H
#define TIDEGATE_CONFIG_SCHEMA_H

#include <stdio.h>

void config_schema_print(FILE *out);
void config_manual_print(FILE *out);

#endif
