#include "cli/demo_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* In the order of enum demo_who. */
static const char *const names[DEMO_PROCESS_COUNT] = {"origin-shop", "origin-bank",
                                                      "origin-partners", "tidegate"};

/* In the order of enum demo_holder. */
static const struct demo_certificate certificates[DEMO_HOLDER_COUNT] = {
    {"shop", "shop.localhost", NULL, "the gateway", DEMO_FOR_SERVER},
    {"partners", "partners.localhost", NULL, "the gateway", DEMO_FOR_SERVER},
    {"gateway-client", "gateway", NULL, "the gateway as a client", DEMO_FOR_CLIENT},
    {"bank-origin", "bank.localhost", NULL, "the bank itself", DEMO_FOR_SERVER},
    {"partners-origin", "partners.internal", "partners.localhost", "the partners' origin",
     DEMO_FOR_SERVER},
    {"client", "partner-client", NULL, "a partner", DEMO_FOR_CLIENT},
};

#define SMALL                                                                                      \
    "workers: 1\n"                                                                                 \
    "reload_certificates: off\n"                                                                   \
    "timeouts: { drain: 1s }\n"

static const char shop_yaml[] =
    "# An origin that speaks plain HTTP and answers each request with the request as JSON.\n"
    "listeners:\n"
    "  - bind: 127.0.0.1:0\n"
    "sites:\n"
    "  - hosts: [\"*\"]\n"
    "    name: origin-shop\n"
    "    plain_http: serve\n"
    "    respond: { echo: true }\n"
    "trusted_proxies: [127.0.0.1] # believe the gateway's X-Forwarded-*\n"
    "log: { access: \"off\" }\n" SMALL;

static const char bank_yaml[] =
    "# An origin that does TLS itself: no key of it is in the gateway's configuration.\n"
    "listeners:\n"
    "  - bind: 127.0.0.1:0\n"
    "sites:\n"
    "  - hosts: [bank.localhost]\n"
    "    name: origin-bank\n"
    "    tls: { certificate: bank-origin.crt, key: bank-origin.key }\n"
    "    respond: { echo: true }\n"
    "trusted_proxies: [127.0.0.1]\n"
    "log: { access: \"off\" }\n" SMALL;

static const char partners_yaml[] =
    "# An origin that lets nobody in but the gateway, by the gateway's certificate.\n"
    "listeners:\n"
    "  - bind: 127.0.0.1:0\n"
    "sites:\n"
    "  - hosts: [partners.internal, partners.localhost]\n"
    "    name: origin-partners\n"
    "    tls:\n"
    "      certificate: partners-origin.crt\n"
    "      key: partners-origin.key\n"
    "      clients: { verify: required, ca: ca.crt }\n"
    "    respond: { echo: true }\n"
    "trusted_proxies: [127.0.0.1]\n"
    "log: { access: \"off\" }\n" SMALL;

/* The ports of the three origins and the folder's path go in. */
static const char gateway_yaml[] =
    "# The gateway. One port for everything: the first bytes of a connection say what it is.\n"
    "listeners:\n"
    "  - bind: 127.0.0.1:0           # any free port; usually \":443\" and \":80\"\n"
    "sites:\n"
    "  # TLS ends here; the origin gets plain HTTP. Plain http is redirected to https.\n"
    "  - hosts: [shop.localhost]\n"
    "    tls: { certificate: shop.crt, key: shop.key }\n"
    "    backend: 127.0.0.1:%u\n"
    "  # Never decrypted: chosen by the name in the TLS handshake, relayed byte for byte.\n"
    "  - hosts: [bank.localhost]\n"
    "    passthrough: 127.0.0.1:%u\n"
    "  # Two-way TLS: clients show a certificate. And two-way TLS to the origin as well.\n"
    "  - hosts: [partners.localhost]\n"
    "    tls:\n"
    "      certificate: partners.crt\n"
    "      key: partners.key\n"
    "      clients: { verify: required, ca: ca.crt }\n"
    "    backend: partners\n"
    "backends:\n"
    "  - name: partners\n"
    "    servers: [127.0.0.1:%u]\n"
    "    tls:\n"
    "      ca: ca.crt\n"
    "      server_name: partners.internal\n"
    "      certificate: gateway-client.crt\n"
    "      key: gateway-client.key\n"
    "control: \"%s%s\"\n"
    "log: { access: \"%s/access.log\" }\n" SMALL;

/* The longest path of a socket (sun_path). */
#define SOCKET_PATH_MAX 107
static const char control_name[] = "/control.sock";

void demo_world_init(struct demo_world *world, int signal_fd)
{
    *world = (struct demo_world){.signal_fd = signal_fd};
    for (size_t i = 0; i < DEMO_PROCESS_COUNT; i++) {
        world->processes[i].pipe_fd = -1;
    }
}

void demo_world_path(const struct demo_world *world, const char *name, char path[DEMO_PATH_SIZE])
{
    (void)snprintf(path, DEMO_PATH_SIZE, "%s/%s", world->folder, name);
}

static bool make_folder(struct demo_world *world, struct error *error)
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(world->folder, sizeof(world->folder), "%s/tidegate-demo-XXXXXX",
                       parent != NULL && parent[0] == '/' ? parent : "/tmp");

    if ((size_t)len >= sizeof(world->folder) || mkdtemp(world->folder) == NULL) {
        (void)error_set_errno(error, errno, "cannot make a folder %s", world->folder);
        world->folder[0] = '\0';
        return false;
    }
    return true;
}

static bool make_certificates(struct demo_world *world, struct error *error)
{
    struct demo_ca *ca = demo_ca_create(world->folder, error);
    bool ok = ca != NULL;

    for (size_t i = 0; ok && i < DEMO_HOLDER_COUNT; i++) {
        ok = demo_ca_issue(ca, world->folder, &certificates[i], world->fingerprints[i], error);
    }
    demo_ca_destroy(ca);
    return ok;
}

static bool write_text(const struct demo_world *world, const char *name, const char *text,
                       struct error *error)
{
    char path[DEMO_PATH_SIZE];
    char file_name[40];
    FILE *file;
    bool ok;

    (void)snprintf(file_name, sizeof(file_name), "%s.yaml", name);
    demo_world_path(world, file_name, path);
    file = fopen(path, "we");
    if (file == NULL) {
        return error_set_errno(error, errno, "cannot write %s", path);
    }
    ok = fputs(text, file) >= 0;
    ok = fclose(file) == 0 && ok;
    return ok || error_set(error, "cannot write %s", path);
}

static bool start_origins(struct demo_world *world, struct error *error)
{
    static const char *const texts[] = {shop_yaml, bank_yaml, partners_yaml};

    for (size_t i = 0; i < DEMO_GATEWAY; i++) {
        if (!write_text(world, names[i], texts[i], error) ||
            !demo_process_start(&world->processes[i], world->folder, names[i], error)) {
            return false;
        }
    }
    /* They start side by side. */
    for (size_t i = 0; i < DEMO_GATEWAY; i++) {
        if (!demo_process_wait_ready(&world->processes[i], world->signal_fd, error)) {
            return false;
        }
    }
    return true;
}

static bool start_gateway(struct demo_world *world, struct error *error)
{
    struct demo_process *gateway = &world->processes[DEMO_GATEWAY];
    char text[sizeof(gateway_yaml) + 2 * DEMO_PATH_SIZE + 64];
    bool has_control = strlen(world->folder) + sizeof(control_name) <= SOCKET_PATH_MAX;

    (void)snprintf(text, sizeof(text), gateway_yaml, (unsigned)world->processes[DEMO_SHOP].port,
                   (unsigned)world->processes[DEMO_BANK].port,
                   (unsigned)world->processes[DEMO_PARTNERS].port, has_control ? world->folder : "",
                   has_control ? control_name : "off", world->folder);
    return write_text(world, names[DEMO_GATEWAY], text, error) &&
           demo_process_start(gateway, world->folder, names[DEMO_GATEWAY], error) &&
           demo_process_wait_ready(gateway, world->signal_fd, error);
}

bool demo_world_open(struct demo_world *world, struct error *error)
{
    return make_folder(world, error) && make_certificates(world, error) &&
           start_origins(world, error) && start_gateway(world, error);
}

static void print_log(const struct demo_world *world, const char *name)
{
    char path[DEMO_PATH_SIZE];
    char file_name[40];
    char line[DEMO_PROCESS_LINE_MAX + 2];
    FILE *file;

    (void)snprintf(file_name, sizeof(file_name), "%s.log", name);
    demo_world_path(world, file_name, path);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)fprintf(stderr, "  %s | %s", name, line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

void demo_world_print_logs(const struct demo_world *world)
{
    for (size_t i = 0; world->folder[0] != '\0' && i < DEMO_PROCESS_COUNT; i++) {
        print_log(world, names[i]);
    }
}

static void remove_folder(struct demo_world *world)
{
    DIR *folder = world->folder[0] != '\0' ? opendir(world->folder) : NULL;
    const struct dirent *entry;

    if (folder == NULL) {
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    (void)closedir(folder);
    if (rmdir(world->folder) != 0) {
        log_warn("cannot remove the folder %s: %s", world->folder, strerror(errno));
    }
    world->folder[0] = '\0';
}

bool demo_world_close(struct demo_world *world)
{
    bool ok = true;

    /* The gateway first, so that it does not complain about origins that are gone. */
    for (size_t i = DEMO_PROCESS_COUNT; i-- > 0;) {
        if (!demo_process_stop(&world->processes[i])) {
            log_warn("the demo's %s did not end cleanly; this is what it said:",
                     world->processes[i].name);
            print_log(world, names[i]);
            ok = false;
        }
    }
    remove_folder(world);
    return ok;
}
