/* tidegate status: asks a running gateway through its control socket. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/config.h"
#include "io/sock.h"
#include "settings/settings.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, TIMEOUT_S = 10 };

/* ---- asking ---- */

static int open_socket(const char *path, struct error *error)
{
    struct timeval limit = {.tv_sec = TIMEOUT_S};
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

/* The body of the answer; false with an error. */
static bool get(const char *path, const char *target, struct strbuf *answer, struct error *error)
{
    char request[128];
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n", target);
    int fd = open_socket(path, error);
    ssize_t got = 0;

    if (fd < 0) {
        return false;
    }
    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) == len) {
        while (answer->len < ANSWER_MAX &&
               (got = recv(fd, strbuf_reserve(answer, 65536), 65536, 0)) > 0) {
            answer->len += (size_t)got;
        }
    }
    (void)close(fd);
    strbuf_add_char(answer, '\0');
    char *body = strstr(answer->ptr, "\r\n\r\n");
    if (got != 0 || strncmp(answer->ptr, "HTTP/1.1 200 ", 13) != 0 || body == NULL) {
        return error_set(error, "the gateway at '%s' did not answer as expected", path);
    }
    body += 4;
    answer->len = strlen(body);
    memmove(answer->ptr, body, answer->len + 1);
    return true;
}

/* The path of `control`, in memory of its own; NULL with an error. */
static char *path_of_config(const char *given, struct error *error)
{
    const char *file = config_find_file(given, error);
    struct config_report report;
    struct settings *settings;
    char *path = NULL;

    if (file == NULL) {
        return NULL;
    }
    config_report_init(&report);
    settings = config_load_file(file, &report);
    if (settings == NULL) {
        (void)error_set(error, "%s has errors (see tidegate check); name the socket with --socket",
                        file);
    } else if (settings->control == NULL || strcmp(settings->control, "off") == 0) {
        (void)error_set(error,
                        "%s has no control socket: set 'control: /run/tidegate/control.sock' there "
                        "and restart the gateway",
                        file);
    } else {
        path = xstrdup(settings->control);
    }
    settings_destroy(settings);
    config_report_free(&report);
    return path;
}

/* ---- printing ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* What clients send must not reach a terminal as it is. */
static void print_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        (void)putchar(c < ' ' || c >= 0x7f ? '?' : c);
    }
}

static void print_group(const json_t *group, bool color)
{
    const json_t *example = json_object_get(group, "example");
    const char *name = text_of(example, "name");
    const char *mend = text_of(group, "mend");
    bool is_backend = strcmp(text_of(group, "side"), "backend") == 0;

    (void)printf("%s%6lld  ", color ? "\033[1m" : "", number_of(group, "count"));
    print_clean(text_of(group, "reason"));
    (void)printf("%s  (%s)\n", color ? "\033[0m" : "",
                 is_backend ? "with a backend" : "with a client");
    (void)printf("        when        %.19sZ", text_of(group, "last"));
    if (number_of(group, "count") > 1) {
        (void)printf(", first %.19sZ", text_of(group, "first"));
    }
    (void)printf("\n        who refused %s\n        why         ", text_of(example, "who"));
    print_clean(text_of(example, "detail"));
    (void)printf("\n        last        ");
    print_clean(text_of(example, "peer"));
    if (name[0] != '\0') {
        (void)printf(is_backend ? " of the backend " : " asked for ");
        print_clean(name);
    }
    if (mend[0] != '\0') {
        (void)printf("\n        what to do  ");
        print_clean(mend);
    }
    (void)printf("\n\n");
}

static void print_handshakes(const json_t *answer)
{
    const json_t *groups = json_object_get(answer, "groups");
    bool color = options_color(stdout);

    if (json_array_size(groups) == 0) {
        (void)printf("No handshake and no connection has failed since the gateway started.\n");
        return;
    }
    (void)printf("%lld failed since the gateway started:\n\n", number_of(answer, "total"));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        print_group(json_array_get(groups, i), color);
    }
}

static void print_backend(const json_t *backend)
{
    const json_t *servers = json_object_get(backend, "servers");

    (void)printf("backend %s: %lld in use\n", text_of(backend, "name"),
                 number_of(backend, "leases"));
    for (size_t i = 0; i < json_array_size(servers); i++) {
        const json_t *server = json_array_get(servers, i);
        bool is_resolved = json_is_true(json_object_get(server, "resolved"));
        (void)printf("  %-30s %s, %lld idle connections\n", text_of(server, "address"),
                     !is_resolved                        ? "name not resolved"
                     : number_of(server, "down_at") != 0 ? "could not be reached"
                                                         : "up",
                     number_of(server, "idle"));
    }
}

/* Nothing where nothing is fetched. */
static void print_ocsp(const json_t *ocsp)
{
    const json_t *problems = json_object_get(ocsp, "problems");
    long long left = number_of(ocsp, "failing") - (long long)json_array_size(problems);

    if (number_of(ocsp, "certificates") == 0) {
        return;
    }
    (void)printf("OCSP: responses for %lld of %lld certificates\n", number_of(ocsp, "stapled"),
                 number_of(ocsp, "certificates"));
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *problem = json_array_get(problems, i);
        (void)printf("  ");
        print_clean(text_of(problem, "certificate"));
        (void)printf(" (%s), from ", json_is_true(json_object_get(problem, "stapled"))
                                         ? "the response before still holds"
                                         : "none is stapled");
        print_clean(text_of(problem, "responder"));
        (void)printf(": ");
        print_clean(text_of(problem, "problem"));
        (void)printf("\n");
    }
    if (left > 0) {
        (void)printf("  and %lld more\n", left);
    }
}

static void print_status(const json_t *answer)
{
    const json_t *backends = json_object_get(answer, "backends");
    long long up = number_of(answer, "uptime_s");

    (void)printf("Tidegate %s, process %lld, up %lld d %02lld:%02lld:%02lld\n",
                 text_of(answer, "version"), number_of(answer, "pid"), up / 86400, up / 3600 % 24,
                 up / 60 % 60, up % 60);
    (void)printf("%lld workers, %lld connections, %lld requests under way, %lld failures",
                 number_of(answer, "workers"), number_of(answer, "sessions"),
                 number_of(answer, "exchanges"), number_of(answer, "failures"));
    (void)printf("%s\n", number_of(answer, "failures") != 0 ? " (see --handshakes)" : "");
    if (number_of(answer, "silent_workers") != 0) {
        (void)printf("%lld of the workers did not answer in time\n",
                     number_of(answer, "silent_workers"));
    }
    for (size_t i = 0; i < json_array_size(backends); i++) {
        print_backend(json_array_get(backends, i));
    }
    print_ocsp(json_object_get(answer, "ocsp"));
}

static int compare_ends(const void *a, const void *b)
{
    long long left = number_of(*(const json_t *const *)a, "seconds_left");
    long long right = number_of(*(const json_t *const *)b, "seconds_left");

    return (left > right) - (left < right);
}

/* The one that ends first at the top. */
static void print_certificates(const json_t *answer)
{
    const json_t *found = json_object_get(answer, "certificates");
    size_t count = json_array_size(found);
    const json_t **sorted = xcalloc(count + 1, sizeof(*sorted));

    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(found, i);
    }
    qsort(sorted, count, sizeof(*sorted), compare_ends);
    for (size_t i = 0; i < count; i++) {
        long long left = number_of(sorted[i], "seconds_left");
        (void)printf("%.10s  %s%lld days%s  ", text_of(sorted[i], "not_after"),
                     left < 0 ? "ended " : "", (left < 0 ? -left : left) / 86400,
                     left < 0 ? " ago" : " left");
        print_clean(text_of(sorted[i], "owner"));
        (void)printf("  ");
        if (strcmp(text_of(sorted[i], "kind"), "certificate") != 0) {
            print_clean(text_of(sorted[i], "kind"));
            (void)printf(" ");
        }
        print_clean(text_of(sorted[i], "names"));
        (void)printf("  ");
        print_clean(text_of(sorted[i], "file"));
        (void)printf("\n");
    }
    if (number_of(answer, "total") > (long long)count) {
        (void)printf("and %lld more\n", number_of(answer, "total") - (long long)count);
    }
    if (count == 0) {
        (void)printf("No site and no backend has a certificate.\n");
    }
    free(sorted);
}

static const struct page {
    const char *path;
    void (*print)(const json_t *answer);
} pages[] = {{"/status", print_status},
             {"/handshakes", print_handshakes},
             {"/certificates", print_certificates}};

static bool show(const char *path, const struct page *page, bool as_json, struct error *error)
{
    struct strbuf answer;
    json_error_t why;
    json_t *json = NULL;
    bool ok;

    strbuf_init(&answer);
    ok = get(path, page->path, &answer, error);
    if (ok && as_json) {
        (void)fputs(answer.ptr, stdout);
    } else if (ok) {
        json = json_loads(answer.ptr, 0, &why);
        ok = json != NULL || error_set(error, "the gateway's answer is no JSON: %s", why.text);
    }
    if (json != NULL) {
        page->print(json);
        json_decref(json);
    }
    strbuf_free(&answer);
    return ok;
}

int cmd_status(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    bool handshakes = false;
    bool certificates = false;
    bool as_json = false;
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL},
                                        {"--handshakes", NULL, NULL, &handshakes},
                                        {"--certificates", NULL, NULL, &certificates},
                                        {"--json", NULL, NULL, &as_json}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct error error;
    char *path;
    bool ok;

    if (result != OPTIONS_OK) {
        return result;
    }
    if (handshakes && certificates) {
        return usage_error("status", "--handshakes or --certificates, one at a time");
    }
    path = socket_path != NULL ? xstrdup(socket_path) : path_of_config(config, &error);
    ok = path != NULL && show(path, &pages[certificates ? 2 : handshakes ? 1 : 0], as_json, &error);
    free(path);
    if (!ok) {
        (void)fprintf(stderr, "tidegate status: %s\n", error.text);
    }
    return ok ? 0 : 1;
}
