#include "cli/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "config/config.h"
#include "io/sock.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, GET_TIMEOUT_S = 10 };

static int open_socket(const char *path, unsigned timeout_s, struct error *error)
{
    struct timeval limit = {.tv_sec = timeout_s};
    struct sock_address address;
    int fd;

    if (!sock_address_from_path(&address, path)) {
        (void)error_set(error, "'%s' is too long for the path of a socket", path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    }
    if (fd < 0 || connect(fd, &address.any, address.len) != 0) {
        const char *mend = errno == EACCES   ? "; only the user that started it may ask (try sudo)"
                           : errno == ENOENT ? "; does the gateway run, with this 'control'?"
                                             : "; the gateway that made it does not run";
        (void)error_set(error, "cannot ask the gateway at '%s': %s%s", path, strerror(errno), mend);
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

/* "HTTP/1.1 200 OK": its status; 0: it is none. */
static unsigned status_of(const char *answer)
{
    unsigned long status = 0;

    if (strncmp(answer, "HTTP/1.1 ", 9) == 0) {
        status = strtoul(answer + 9, NULL, 10);
    }
    return status >= 100 && status <= 599 ? (unsigned)status : 0;
}

bool control_ask(const char *path, const struct control_request *request, unsigned *status,
                 struct strbuf *answer, struct error *error)
{
    char text[128];
    int len = snprintf(text, sizeof(text),
                       "%s %s HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n",
                       request->method, request->target);
    int fd = open_socket(path, request->timeout_s, error);
    ssize_t got = -1;

    if (fd < 0) {
        return false;
    }
    if (send(fd, text, (size_t)len, MSG_NOSIGNAL) == len) {
        while (answer->len < ANSWER_MAX &&
               (got = recv(fd, strbuf_reserve(answer, 65536), 65536, 0)) > 0) {
            answer->len += (size_t)got;
        }
    }
    (void)close(fd);
    strbuf_add_char(answer, '\0');
    char *body = strstr(answer->ptr, "\r\n\r\n");
    *status = status_of(answer->ptr);
    if (got != 0 || *status == 0 || body == NULL) {
        return error_set(error, "the gateway at '%s' did not answer as expected", path);
    }
    body += 4;
    answer->len = strlen(body);
    memmove(answer->ptr, body, answer->len + 1);
    return true;
}

bool control_get(const char *path, const char *target, struct strbuf *answer, struct error *error)
{
    const struct control_request request = {"GET", target, GET_TIMEOUT_S};
    unsigned status;

    return control_ask(path, &request, &status, answer, error) &&
           (status == 200 ||
            error_set(error, "the gateway at '%s' did not answer as expected", path));
}

char *control_path_of_config(const char *given, struct error *error)
{
    const char *file = config_find_file(given, error);
    struct config_report report;
    struct settings *settings;
    char *path = NULL;

    if (file == NULL) {
        return NULL;
    }
    config_report_init(&report);
    settings = config_load_file_partly(file, &report);
    if (settings != NULL && settings->control != NULL && strcmp(settings->control, "off") != 0) {
        path = xstrdup(settings->control);
    } else if (config_report_has_errors(&report)) {
        (void)error_set(error,
                        "%s has errors (see tidegate check), and no 'control' that can be read; "
                        "name the socket with --socket",
                        file);
    } else {
        (void)error_set(error,
                        "%s has no control socket: set 'control: /run/tidegate/control.sock' there "
                        "and restart the gateway",
                        file);
    }
    settings_destroy(settings);
    config_report_free(&report);
    return path;
}

json_t *control_get_json(const char *path, const char *target, struct error *error)
{
    struct strbuf answer;
    json_error_t why;
    json_t *json = NULL;

    strbuf_init(&answer);
    if (control_get(path, target, &answer, error)) {
        json = json_loads(answer.ptr, 0, &why);
        if (json == NULL) {
            (void)error_set(error, "the gateway's answer is no JSON: %s", why.text);
        }
    }
    strbuf_free(&answer);
    return json;
}

const char *control_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

long long control_number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}
