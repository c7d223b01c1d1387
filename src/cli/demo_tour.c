#include "cli/demo_tour.h"

#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/demo_client.h"
#include "cli/demo_log.h"

struct tour {
    const struct demo_world *world;
    bool color;
    uint16_t port;
    char ca[DEMO_PATH_SIZE];
    char client_certificate[DEMO_PATH_SIZE];
    char client_key[DEMO_PATH_SIZE];
    /* Of the way that is being shown: */
    unsigned number;
    bool is_ok;
    struct demo_reply reply;
    json_t *echo; /* what the origin saw; NULL: no origin saw anything */
};

#define BOLD "1"
#define DIM "2"
#define RED "31"
#define GREEN "32"

static void print_colored(const struct tour *tour, const char *code, const char *text)
{
    if (tour->color) {
        (void)printf("\033[%sm%s\033[0m", code, text);
    } else {
        (void)fputs(text, stdout);
    }
}

static void print_line(const char *label, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void print_line(const char *label, const char *fmt, ...)
{
    va_list args;

    (void)printf("   %-22s ", label);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)printf("\n");
}

/* A fact that must hold for the way to have done what it says. */
static void expect(struct tour *tour, bool holds, const char *fact)
{
    (void)printf("   ");
    print_colored(tour, holds ? GREEN : RED, holds ? "ok    " : "FAILED");
    (void)printf(" %s\n", fact);
    tour->is_ok = tour->is_ok && holds;
}

/* --- what the origin saw --- */

static const char *echo_text(const struct tour *tour, const char *name)
{
    const char *text = json_string_value(json_object_get(tour->echo, name));

    return text != NULL ? text : "";
}

/* NULL: the origin did no TLS. */
static const json_t *echo_tls(const struct tour *tour)
{
    const json_t *tls = json_object_get(tour->echo, "tls");

    return json_is_object(tls) ? tls : NULL;
}

static const char *echo_tls_text(const struct tour *tour, const char *name)
{
    const char *text = json_string_value(json_object_get(echo_tls(tour), name));

    return text != NULL ? text : "";
}

/* NULL: it got no such field. */
static const char *echo_field(const struct tour *tour, const char *name)
{
    const json_t *fields = json_object_get(tour->echo, "fields");

    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *pair = json_array_get(fields, i);
        const char *field = json_string_value(json_array_get(pair, 0));

        if (field != NULL && strcasecmp(field, name) == 0) {
            return json_string_value(json_array_get(pair, 1));
        }
    }
    return NULL;
}

static bool field_is(const struct tour *tour, const char *name, const char *value)
{
    const char *got = echo_field(tour, name);

    return got != NULL && strcmp(got, value) == 0;
}

static void print_origin_saw(const struct tour *tour)
{
    static const char *const shown[] = {
        "Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via"};

    if (tour->echo == NULL) {
        print_line("the origin saw", "nothing");
        return;
    }
    print_line("the origin saw", "%s %s %s, from %s", echo_text(tour, "method"),
               echo_text(tour, "target"), echo_text(tour, "version"), echo_text(tour, "client"));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const char *value = echo_field(tour, shown[i]);

        if (value != NULL) {
            print_line("", "%s: %s", shown[i], value);
        }
    }
}

/* --- one way --- */

static void begin(struct tour *tour, const char *title, const char *scheme, const char *host,
                  const char *target)
{
    char url[200];

    tour->is_ok = true;
    (void)snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, (unsigned)tour->port, target);
    (void)printf("\n%u. ", ++tour->number);
    print_colored(tour, BOLD, title);
    (void)printf("\n");
    print_line("the client asks for", "%s", url);
}

static void ask(struct tour *tour, struct demo_request request)
{
    request.port = tour->port;
    request.ca_file = tour->ca;
    if (demo_client_get(&request, &tour->reply) && tour->reply.status == 200) {
        const char *json = strchr(tour->reply.body, '{');

        tour->echo = json != NULL ? json_loads(json, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    }
}

static bool end(struct tour *tour)
{
    bool ok = tour->is_ok;

    demo_reply_free(&tour->reply);
    json_decref(tour->echo);
    tour->echo = NULL;
    (void)fflush(stdout);
    return ok;
}

static void print_client_hop(const struct tour *tour, const char *note)
{
    const struct demo_reply *reply = &tour->reply;

    if (reply->has_handshake) {
        print_line("client ====> gateway", "%s, %s; %s", reply->version, reply->cipher, note);
    } else {
        print_line("client ----> gateway", "%s", note);
    }
}

static void print_certificate(const struct tour *tour)
{
    const struct demo_reply *reply = &tour->reply;

    if (reply->subject[0] == '\0') {
        return;
    }
    print_line("certificate shown", "%s", reply->subject);
    print_line("  issued by", "%s", reply->issuer);
    print_line("  SHA-256", "%s", reply->fingerprint);
}

static void print_got(const struct tour *tour)
{
    if (tour->reply.error[0] != '\0') {
        print_line("the client got", "no answer: %s", tour->reply.error);
    } else {
        print_line("the client got", "status %u", tour->reply.status);
    }
}

static bool certificate_is(const struct tour *tour, enum demo_holder holder)
{
    return tour->reply.is_trusted &&
           strcmp(tour->reply.fingerprint, tour->world->fingerprints[holder]) == 0;
}

static bool went_through(const struct tour *tour, const char *target)
{
    return tour->reply.status == 200 && strcmp(echo_text(tour, "target"), target) == 0 &&
           strcmp(echo_text(tour, "method"), "GET") == 0;
}

static bool show_redirect(struct tour *tour)
{
    static const char target[] = "/cart?item=7";
    char expected[100];

    begin(tour, "Plain http is redirected to https", "http", "shop.localhost", target);
    ask(tour, (struct demo_request){.host = "shop.localhost", .target = target});
    print_client_hop(tour, "plain HTTP/1.1, not encrypted");
    print_got(tour);
    if (tour->reply.location[0] != '\0') {
        print_line("", "Location: %s", tour->reply.location);
    }
    expect(tour, tour->reply.status == 308, "the gateway answered with 308, a lasting redirect");
    (void)snprintf(expected, sizeof(expected), "https://shop.localhost:%u%s", (unsigned)tour->port,
                   target);
    expect(tour, strcmp(tour->reply.location, expected) == 0,
           "it leads to the same path over https, and no origin was asked");
    return end(tour);
}

static bool show_termination(struct tour *tour)
{
    static const char target[] = "/cart?item=7";

    begin(tour, "TLS ends at the gateway (one-way TLS)", "https", "shop.localhost", target);
    ask(tour, (struct demo_request){.host = "shop.localhost", .target = target, .use_tls = true});
    print_client_hop(tour, "decrypted at the gateway");
    print_line("gateway ---> origin", "plain HTTP/1.1, not encrypted");
    print_certificate(tour);
    print_origin_saw(tour);
    print_got(tour);
    expect(tour, certificate_is(tour, DEMO_GATEWAY_FOR_SHOP),
           "the client saw the gateway's certificate (same fingerprint as shop.crt)");
    expect(tour, went_through(tour, target), "the request reached the origin and was answered");
    expect(tour, tour->echo != NULL && echo_tls(tour) == NULL, "the origin did no TLS at all");
    expect(tour, field_is(tour, "X-Forwarded-Proto", "https"),
           "the origin was told that the client used https");
    expect(tour, field_is(tour, "X-Forwarded-For", "127.0.0.1"),
           "the origin was told the client's address");
    return end(tour);
}

static bool show_passthrough(struct tour *tour)
{
    static const char target[] = "/accounts";

    begin(tour, "TLS passes through to the origin", "https", "bank.localhost", target);
    ask(tour, (struct demo_request){.host = "bank.localhost", .target = target, .use_tls = true});
    print_client_hop(tour, "not decrypted here");
    print_line("gateway ===> origin", "the same TLS, byte for byte; decrypted at the origin");
    print_certificate(tour);
    print_origin_saw(tour);
    print_got(tour);
    expect(tour, certificate_is(tour, DEMO_BANK_ITSELF),
           "the client saw the origin's own certificate (same fingerprint as bank-origin.crt)");
    expect(tour, went_through(tour, target), "the request reached the origin and was answered");
    expect(tour,
           tour->reply.version[0] != '\0' &&
               strcmp(echo_tls_text(tour, "version"), tour->reply.version) == 0 &&
               strcmp(echo_tls_text(tour, "cipher"), tour->reply.cipher) == 0 &&
               strcmp(echo_tls_text(tour, "sni"), "bank.localhost") == 0,
           "client and origin speak of the same TLS connection: version, cipher and name");
    expect(tour,
           tour->echo != NULL && echo_field(tour, "X-Forwarded-For") == NULL &&
               echo_field(tour, "Via") == NULL,
           "the gateway added nothing: it could not");
    return end(tour);
}

static bool show_two_way(struct tour *tour)
{
    static const char target[] = "/orders";

    begin(tour, "Two-way TLS, with the client's certificate", "https", "partners.localhost",
          target);
    ask(tour, (struct demo_request){.host = "partners.localhost",
                                    .target = target,
                                    .use_tls = true,
                                    .certificate_file = tour->client_certificate,
                                    .key_file = tour->client_key});
    print_client_hop(tour, "both sides showed a certificate; decrypted here");
    print_line("gateway ===> origin", "%s, %s; two-way as well, encrypted anew",
               echo_tls_text(tour, "version"), echo_tls_text(tour, "cipher"));
    print_certificate(tour);
    print_origin_saw(tour);
    print_line("  and, as its client", "%s", echo_tls_text(tour, "client_subject"));
    print_got(tour);
    expect(tour, certificate_is(tour, DEMO_GATEWAY_FOR_PARTNERS),
           "the client saw the gateway's certificate (same fingerprint as partners.crt)");
    expect(tour, went_through(tour, target), "the request reached the origin and was answered");
    expect(tour, strcmp(echo_tls_text(tour, "sni"), "partners.internal") == 0,
           "the gateway asked the origin for its internal name, and checked its certificate");
    expect(tour, strstr(echo_tls_text(tour, "client_subject"), "gateway") != NULL,
           "the origin saw the gateway's client certificate");
    return end(tour);
}

/* A refusal that nobody can explain costs somebody an evening. */
static void expect_explained(struct tour *tour, const char *sni)
{
    char path[DEMO_PATH_SIZE];
    json_t *entry;
    const char *detail;
    const char *mend;

    demo_world_path(tour->world, "access.log", path);
    entry = demo_log_find_failure(path, sni);
    detail = json_string_value(json_object_get(entry, "detail"));
    mend = json_string_value(json_object_get(entry, "mend"));
    print_line("the gateway's log", "%s", detail != NULL ? detail : "nothing");
    print_line("", "%s", mend != NULL ? mend : "");
    expect(tour, detail != NULL && mend != NULL,
           "the gateway's log says why, and what to do about it");
    json_decref(entry);
}

static bool show_two_way_refused(struct tour *tour)
{
    begin(tour, "Two-way TLS, without a certificate: must be refused", "https",
          "partners.localhost", "/orders");
    ask(tour,
        (struct demo_request){.host = "partners.localhost", .target = "/orders", .use_tls = true});
    print_client_hop(tour, "the client had no certificate to show");
    print_certificate(tour);
    print_got(tour);
    print_origin_saw(tour);
    /* In TLS 1.3 the client has finished before the server can refuse it. */
    expect(tour, tour->reply.alert == 116 || tour->reply.alert == 40,
           "the gateway ended the handshake with an alert that says why");
    expect(tour, tour->reply.status == 0, "no request got through");
    expect_explained(tour, "partners.localhost");
    return end(tour);
}

static bool show_unknown_name(struct tour *tour)
{
    begin(tour, "A name that nobody serves: must be refused", "https", "nobody.localhost", "/");
    ask(tour, (struct demo_request){.host = "nobody.localhost", .target = "/", .use_tls = true});
    print_client_hop(tour, "no TLS came about");
    print_got(tour);
    expect(tour, tour->reply.alert == 112, "the gateway sent the alert unrecognized_name");
    expect(tour, tour->reply.subject[0] == '\0', "the client was shown nobody else's certificate");
    expect_explained(tour, "nobody.localhost");
    return end(tour);
}

static bool is_interrupted(const struct demo_world *world)
{
    struct pollfd fd = {.fd = world->signal_fd, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

static void fill_paths(struct tour *tour, const struct demo_world *world)
{
    demo_world_path(world, "ca.crt", tour->ca);
    demo_world_path(world, "client.crt", tour->client_certificate);
    demo_world_path(world, "client.key", tour->client_key);
}

bool demo_tour(const struct demo_world *world, bool color)
{
    static bool (*const ways[])(struct tour *) = {show_redirect,        show_termination,
                                                  show_passthrough,     show_two_way,
                                                  show_two_way_refused, show_unknown_name};
    struct tour tour = {
        .world = world, .color = color, .port = world->processes[DEMO_GATEWAY].port};
    unsigned failed = 0;

    fill_paths(&tour, world);
    (void)printf("The gateway listens on 127.0.0.1:%u, one port for everything:\n",
                 (unsigned)tour.port);
    print_line("shop.localhost", "TLS ends at the gateway; plain HTTP to the origin");
    print_line("bank.localhost", "TLS passes through, never decrypted");
    print_line("partners.localhost", "two-way TLS, on both sides of the gateway");
    (void)printf("In the tour, ===> is encrypted and ---> is not.\n");
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (is_interrupted(world)) {
            return false;
        }
        failed += ways[i](&tour) ? 0 : 1;
    }
    (void)printf("\n");
    if (failed == 0) {
        print_colored(&tour, GREEN, "Every way did what it says.");
    } else {
        print_colored(&tour, RED, "Not every way did what it says:");
        (void)printf(" %u of %zu failed.", failed, ARRAY_LEN(ways));
    }
    (void)printf("\n");
    (void)fflush(stdout);
    return failed == 0;
}

/* --- by hand --- */

static void print_command(const struct tour *tour, const char *what, const char *host,
                          const char *scheme, const char *path, const char *options)
{
    print_colored(tour, DIM, what);
    (void)printf("\n  curl -i %s--cacert %s --resolve %s:%u:127.0.0.1 %s://%s:%u%s\n", options,
                 tour->ca, host, (unsigned)tour->port, scheme, host, (unsigned)tour->port, path);
}

/* How to call this program from there. */
static void own_path(char path[DEMO_PATH_SIZE])
{
    ssize_t len = readlink("/proc/self/exe", path, DEMO_PATH_SIZE - 1);

    if (len <= 0) {
        (void)snprintf(path, DEMO_PATH_SIZE, "tidegate");
    } else {
        path[len] = '\0';
    }
}

static void print_own_commands(const struct tour *tour)
{
    char self[DEMO_PATH_SIZE];

    own_path(self);
    print_colored(tour, DIM, "# a handshake, step by step; this one is refused, and says why");
    (void)printf("\n  %s explain --ca %s --connect 127.0.0.1:%u https://partners.localhost/\n",
                 self, tour->ca, (unsigned)tour->port);
    print_colored(tour, DIM, "# what failed so far, and what to do about it");
    (void)printf("\n  %s status --handshakes -c %s/tidegate.yaml\n", self, tour->world->folder);
}

void demo_print_commands(const struct demo_world *world, bool color)
{
    struct tour tour = {
        .world = world, .color = color, .port = world->processes[DEMO_GATEWAY].port};
    char options[2 * DEMO_PATH_SIZE + 20];

    fill_paths(&tour, world);
    (void)snprintf(options, sizeof(options), "--cert %s --key %s ", tour.client_certificate,
                   tour.client_key);
    (void)printf("\nIt is all still running. Try:\n\n");
    print_command(&tour, "# redirected to https, and followed (-L)", "shop.localhost", "http", "/",
                  "-L ");
    print_command(&tour, "# terminated", "shop.localhost", "https", "/hello?a=1", "");
    print_command(&tour, "# passed through: the origin's own certificate", "bank.localhost",
                  "https", "/", "-v ");
    print_command(&tour, "# two-way", "partners.localhost", "https", "/", options);
    print_command(&tour, "# two-way without a certificate: refused", "partners.localhost", "https",
                  "/", "");
    print_own_commands(&tour);
    print_colored(&tour, DIM, "# the gateway's log of them, and its configuration");
    (void)printf("\n  tail -f %s/access.log\n  cat %s/tidegate.yaml\n", world->folder,
                 world->folder);
    (void)printf("\nAll files are in %s\nPress Ctrl-C to stop.\n", world->folder);
    (void)fflush(stdout);
}
