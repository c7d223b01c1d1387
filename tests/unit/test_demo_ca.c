/* The demo's CA and its client: certificates that a strict client accepts, and only for the names
 * they are for; checked against a TLS server in a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/demo_client.h"
#include "tls/demo_ca.h"

static char folder[] = "/tmp/tidegate-ca-XXXXXX";
static char fingerprints[2][DEMO_FINGERPRINT_SIZE];

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int make_all(void **state)
{
    struct error error;
    struct demo_ca *ca;
    bool ok;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    ca = demo_ca_create(folder, &error);
    ok = ca != NULL &&
         demo_ca_issue(ca, folder,
                       &(struct demo_certificate){"server", "shop.localhost", "other.localhost",
                                                  "the gateway", DEMO_FOR_SERVER},
                       fingerprints[0], &error) &&
         demo_ca_issue(ca, folder,
                       &(struct demo_certificate){"client", "partner-client", NULL, "a partner",
                                                  DEMO_FOR_CLIENT},
                       fingerprints[1], &error);
    demo_ca_destroy(ca);
    return ok ? 0 : -1;
}

static int remove_all(void **state)
{
    static const char *const names[] = {"ca.crt", "server.crt", "server.key", "client.crt",
                                        "client.key"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

/* One connection, then the end. Runs in a child. */
static void serve(int listen_fd, bool two_way)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nlocation:  /there\r\n\r\nbody";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = SSL_new(ctx);
    char request[1024];
    int fd = accept(listen_fd, NULL, NULL);

    (void)SSL_use_certificate_file(ssl, in_folder("server.crt"), SSL_FILETYPE_PEM);
    (void)SSL_use_PrivateKey_file(ssl, in_folder("server.key"), SSL_FILETYPE_PEM);
    if (two_way) {
        (void)SSL_CTX_load_verify_file(ctx, in_folder("ca.crt"));
        SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    (void)SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
        (void)SSL_write(ssl, reply, sizeof(reply) - 1);
        (void)SSL_shutdown(ssl);
    }
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, request, sizeof(request), 0) > 0) {
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static bool ask(const char *host, bool two_way, bool with_certificate, struct demo_reply *reply)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    struct demo_request request = {
        .host = host, .target = "/", .use_tls = true, .ca_file = in_folder("ca.crt")};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    pid_t pid = fork();
    if (pid == 0) {
        serve(fd, two_way);
        _exit(0);
    }
    request.port = ntohs(address.sin_port);
    if (with_certificate) {
        request.certificate_file = in_folder("client.crt");
        request.key_file = in_folder("client.key");
    }
    ok = demo_client_get(&request, reply);
    (void)close(fd);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return ok;
}

static void keys_are_private_and_the_cas_is_nowhere(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(stat(in_folder("server.key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(in_folder("ca.key"), &info), -1);
}

static void the_client_accepts_the_certificate_for_its_names(void **state)
{
    static const char *const hosts[] = {"shop.localhost", "other.localhost"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct demo_reply reply;

        assert_true(ask(hosts[i], false, false, &reply));
        assert_string_equal(reply.error, "");
        assert_true(reply.is_trusted);
        assert_string_equal(reply.fingerprint, fingerprints[0]);
        assert_int_equal(strlen(reply.fingerprint), 95);
        assert_string_equal(reply.subject, "CN=shop.localhost,O=the gateway");
        assert_string_equal(reply.issuer, "CN=Tidegate demo CA,O=Tidegate demo");
        assert_string_equal(reply.version, "TLSv1.3");
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.location, "/there");
        assert_string_equal(reply.body, "body");
        demo_reply_free(&reply);
    }
}

static void the_client_refuses_it_for_another_name(void **state)
{
    struct demo_reply reply;

    (void)state;
    assert_false(ask("bank.localhost", false, false, &reply));
    assert_false(reply.is_trusted);
    assert_string_equal(reply.fingerprint, fingerprints[0]);
    assert_non_null(strstr(reply.error, "not trusted"));
    demo_reply_free(&reply);
}

static void two_way_works_with_the_certificate_only(void **state)
{
    struct demo_reply reply;

    (void)state;
    assert_true(ask("shop.localhost", true, true, &reply));
    assert_int_equal(reply.status, 200);
    demo_reply_free(&reply);
    assert_false(ask("shop.localhost", true, false, &reply));
    assert_int_equal(reply.alert, 116);
    assert_int_equal(reply.status, 0);
    assert_non_null(strstr(reply.error, "certificate_required"));
    demo_reply_free(&reply);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_private_and_the_cas_is_nowhere),
        cmocka_unit_test(the_client_accepts_the_certificate_for_its_names),
        cmocka_unit_test(the_client_refuses_it_for_another_name),
        cmocka_unit_test(two_way_works_with_the_certificate_only),
    };

    return cmocka_run_group_tests(tests, make_all, remove_all);
}
