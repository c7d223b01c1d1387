#include "cli/demo_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct client {
    const struct demo_request *request;
    struct demo_reply *reply;
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain */
};

static bool fail(struct client *c, const char *what, const char *why)
{
    if (c->reply->error[0] == '\0') { /* the first reason is the one that matters */
        (void)snprintf(c->reply->error, sizeof(c->reply->error), "%s%s%s", what,
                       why[0] != '\0' ? ": " : "", why);
    }
    return false;
}

/* "certificate_required" for 116, and so on; "alert N" for those a demo does not meet. */
static const char *alert_name(int alert)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {0, "close_notify"},        {40, "handshake_failure"},     {42, "bad_certificate"},
        {48, "unknown_ca"},         {70, "protocol_version"},      {80, "internal_error"},
        {112, "unrecognized_name"}, {116, "certificate_required"},
    };
    static char other[32];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].number == alert) {
            return names[i].name;
        }
    }
    (void)snprintf(other, sizeof(other), "alert %d", alert);
    return other;
}

/* Why the last TLS call failed, with an alert from the other side before all else. */
static bool fail_tls(struct client *c, const char *what)
{
    unsigned long number = ERR_peek_error();
    const char *reason = number != 0 ? ERR_reason_error_string(number) : NULL;
    long verified = SSL_get_verify_result(c->ssl);
    char text[160];

    if (c->reply->alert >= 0) {
        (void)snprintf(text, sizeof(text), "the other side sent the alert %s",
                       alert_name(c->reply->alert));
        reason = text;
    } else if (verified != X509_V_OK) {
        reason = X509_verify_cert_error_string(verified);
    }
    ERR_clear_error();
    return fail(c, what, reason != NULL ? reason : "the connection was closed or timed out");
}

static bool open_connection(struct client *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = DEMO_CLIENT_TIMEOUT_S};

    address.sin_port = htons(c->request->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return fail(c, "socket", strerror(errno));
    }
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        return fail(c, "connect", strerror(errno));
    }
    return true;
}

static void note_alert(const SSL *ssl, int where, int value)
{
    struct client *c = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != 0) {
        c->reply->alert = value & 0xff;
    }
}

static bool set_up_tls(struct client *c)
{
    const struct demo_request *request = c->request;

    c->ctx = SSL_CTX_new(TLS_client_method());
    if (c->ctx == NULL || SSL_CTX_load_verify_file(c->ctx, request->ca_file) != 1) {
        return fail(c, "cannot read the CA's certificate", request->ca_file);
    }
    if (request->certificate_file != NULL &&
        (SSL_CTX_use_certificate_chain_file(c->ctx, request->certificate_file) != 1 ||
         SSL_CTX_use_PrivateKey_file(c->ctx, request->key_file, SSL_FILETYPE_PEM) != 1)) {
        return fail(c, "cannot read the client's certificate", request->certificate_file);
    }
    /* The certificate is looked at even when it is not to be trusted, to say whose it is. */
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_info_callback(c->ctx, note_alert);
    c->ssl = SSL_new(c->ctx);
    return c->ssl != NULL && SSL_set_app_data(c->ssl, c) == 1 &&
           SSL_set_tlsext_host_name(c->ssl, request->host) == 1 &&
           SSL_set1_host(c->ssl, request->host) == 1 && SSL_set_fd(c->ssl, c->fd) == 1;
}

static void copy_name(char *out, size_t size, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        len = BIO_get_mem_data(bio, &text);
    }
    (void)snprintf(out, size, "%.*s", (int)len, text != NULL ? text : "");
    BIO_free(bio);
}

static void note_certificate(struct client *c)
{
    struct demo_reply *reply = c->reply;
    X509 *certificate = SSL_get1_peer_certificate(c->ssl);

    if (certificate == NULL) {
        return;
    }
    copy_name(reply->subject, sizeof(reply->subject), X509_get_subject_name(certificate));
    copy_name(reply->issuer, sizeof(reply->issuer), X509_get_issuer_name(certificate));
    demo_fingerprint(certificate, reply->fingerprint);
    reply->is_trusted = SSL_get_verify_result(c->ssl) == X509_V_OK;
    X509_free(certificate);
}

static bool shake_hands(struct client *c)
{
    if (!set_up_tls(c)) {
        return fail(c, "cannot set up TLS", "");
    }
    ERR_clear_error();
    if (SSL_connect(c->ssl) != 1) {
        return fail_tls(c, "the TLS handshake failed");
    }
    c->reply->has_handshake = true;
    (void)snprintf(c->reply->version, sizeof(c->reply->version), "%s", SSL_get_version(c->ssl));
    (void)snprintf(c->reply->cipher, sizeof(c->reply->cipher), "%s", SSL_get_cipher_name(c->ssl));
    note_certificate(c);
    return c->reply->is_trusted ||
           fail(c, "the certificate is not trusted",
                X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
}

static bool send_request(struct client *c)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: tidegate-demo\r\n"
                       "Accept: */*\r\nConnection: close\r\n\r\n",
                       c->request->target, c->request->host, (unsigned)c->request->port);

    CHECK(len > 0 && (size_t)len < sizeof(text));
    if (c->ssl != NULL) {
        return SSL_write(c->ssl, text, len) == len || fail_tls(c, "sending the request failed");
    }
    return send(c->fd, text, (size_t)len, MSG_NOSIGNAL) == len ||
           fail(c, "sending the request failed", strerror(errno));
}

/* Until the other side closes, which Connection: close made it promise. */
static bool read_reply(struct client *c)
{
    struct demo_reply *reply = c->reply;

    reply->bytes = xcalloc(1, DEMO_CLIENT_REPLY_MAX + 1);
    while (reply->len < DEMO_CLIENT_REPLY_MAX) {
        char *at = reply->bytes + reply->len;
        size_t room = DEMO_CLIENT_REPLY_MAX - reply->len;
        ssize_t got = c->ssl != NULL ? SSL_read(c->ssl, at, (int)room) : recv(c->fd, at, room, 0);

        if (got <= 0) {
            break;
        }
        reply->len += (size_t)got;
    }
    if (reply->len > 0) {
        return true;
    }
    return c->ssl != NULL ? fail_tls(c, "no reply came")
                          : fail(c, "no reply came", "the connection was closed or timed out");
}

/* The first line with that name; good enough for replies that the gateway wrote itself. */
static void find_field(const struct demo_reply *reply, const char *name, char *out, size_t size)
{
    const char *line = strstr(reply->bytes, "\r\n");
    size_t name_len = strlen(name);

    while (line != NULL && line < reply->body) {
        line += 2;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *value = line + name_len + 1;
            const char *end = strstr(value, "\r\n");

            value += strspn(value, " ");
            (void)snprintf(out, size, "%.*s", (int)(end != NULL ? end - value : 0), value);
            return;
        }
        line = strstr(line, "\r\n");
    }
}

static bool read_head(struct client *c)
{
    struct demo_reply *reply = c->reply;
    char *end = strstr(reply->bytes, "\r\n\r\n");

    if (end == NULL || strncmp(reply->bytes, "HTTP/1.1 ", 9) != 0) {
        return fail(c, "the reply is no HTTP/1.1", "");
    }
    reply->status = (unsigned)strtoul(reply->bytes + 9, NULL, 10);
    reply->body = end + 4;
    find_field(reply, "location", reply->location, sizeof(reply->location));
    return true;
}

bool demo_client_get(const struct demo_request *request, struct demo_reply *reply)
{
    struct client c = {.request = request, .reply = reply, .fd = -1};
    bool ok;

    *reply = (struct demo_reply){.alert = -1};
    ok = open_connection(&c) && (!request->use_tls || shake_hands(&c)) && send_request(&c) &&
         read_reply(&c) && read_head(&c);
    if (ok && c.ssl != NULL) {
        (void)SSL_shutdown(c.ssl);
    }
    SSL_free(c.ssl);
    SSL_CTX_free(c.ctx);
    ERR_clear_error();
    if (c.fd >= 0) {
        (void)close(c.fd);
    }
    return ok;
}

void demo_reply_free(struct demo_reply *reply)
{
    free(reply->bytes);
    reply->bytes = NULL;
}
