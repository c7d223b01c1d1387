/* Asking a running gateway through its control socket, for the commands that do. */
#ifndef TIDEGATE_CLI_CONTROL_CLIENT_H
#define TIDEGATE_CLI_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "base/strbuf.h"

/* The socket's path from `control` of the configuration (given, or the usual one), in memory of the
 * caller's own; NULL with an error. */
char *control_path_of_config(const char *given, struct error *error) MUST_CHECK;
/* Adds the body of what the gateway answers to a GET of `target`, at most 64 MiB within 10 s. */
bool control_get(const char *path, const char *target, struct strbuf *answer,
                 struct error *error) MUST_CHECK;
/* The same as JSON, which is the caller's; NULL with an error. */
json_t *control_get_json(const char *path, const char *target, struct error *error) MUST_CHECK;

/* Members of an answer; "" and 0 where there is none. */
const char *control_text(const json_t *object, const char *name);
long long control_number(const json_t *object, const char *name);

#endif
