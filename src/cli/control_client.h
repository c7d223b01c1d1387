/* Asking a running gateway through its control socket, for the commands that do. */
#ifndef TIDEGATE_CLI_CONTROL_CLIENT_H
#define TIDEGATE_CLI_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "base/strbuf.h"

/* The socket's path from `control` of the configuration (given, or the usual one), which may have
 * errors elsewhere; in memory of the caller's own. NULL with an error. */
char *control_path_of_config(const char *given, struct error *error) MUST_CHECK;
struct control_request {
    const char *method;
    const char *target;
    unsigned timeout_s; /* between two pieces of the answer */
};

/* Adds the body of what is answered, at most 64 MiB, and its status. False with an error: there was
 * no answer. */
bool control_ask(const char *path, const struct control_request *request, unsigned *status,
                 struct strbuf *answer, struct error *error) MUST_CHECK;
/* The same for a GET within 10 s, which is answered with 200. */
bool control_get(const char *path, const char *target, struct strbuf *answer,
                 struct error *error) MUST_CHECK;
/* The same as JSON, which is the caller's; NULL with an error. */
json_t *control_get_json(const char *path, const char *target, struct error *error) MUST_CHECK;

/* Members of an answer; "" and 0 where there is none. */
const char *control_text(const json_t *object, const char *name);
long long control_number(const json_t *object, const char *name);

#endif
