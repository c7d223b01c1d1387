#include "tls/openssl/alpn_choice.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* As ALPN writes lists (RFC 7301 section 3.1). */
struct http_list {
    unsigned len;
    unsigned char bytes[21];
};

struct own_list {
    unsigned len;
    unsigned char bytes[];
};

#define ALPN_H2 2, 'h', '2'
#define ALPN_H1 8, 'h', 't', 't', 'p', '/', '1', '.', '1', 8, 'h', 't', 't', 'p', '/', '1', '.', '0'

/* Best first. Some clients offer HTTP/1.0 alone when they are told to speak it. */
static const struct http_list http_lists[] = {
    [TLS_H2_AND_H1] = {21, {ALPN_H2, ALPN_H1}},
    [TLS_H1_ONLY] = {18, {ALPN_H1}},
    [TLS_H2_ONLY] = {3, {ALPN_H2}},
};

static int choose(const unsigned char *ours, unsigned ours_len, const unsigned char **out,
                  unsigned char *out_len, const unsigned char *offered, unsigned offered_len)
{
    unsigned char *chosen = NULL;

    if (SSL_select_next_proto(&chosen, out_len, ours, ours_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol (RFC 7301 section 3.2) */
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct http_list *list = arg;

    (void)ssl;
    return choose(list->bytes, list->len, out, out_len, offered, offered_len);
}

static int choose_own(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct own_list *list = arg;

    (void)ssl;
    return choose(list->bytes, list->len, out, out_len, offered, offered_len);
}

void alpn_choice_install_http(SSL_CTX *ssl_ctx, enum tls_protocols protocols)
{
    SSL_CTX_set_alpn_select_cb(ssl_ctx, choose_http,
                               (struct http_list *)(uintptr_t)&http_lists[protocols]);
}

static void free_list(void *parent, void *list, CRYPTO_EX_DATA *data, int index, long argl,
                      void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    free(list);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int list_index; /* where a context keeps its list */

static void find_index(void)
{
    list_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_list);
}

static struct own_list *make_list(const char *const *names, size_t count)
{
    size_t len = 0;
    struct own_list *list;

    for (size_t i = 0; i < count; i++) {
        len += 1 + strlen(names[i]);
    }
    list = xmalloc(sizeof(*list) + len);
    list->len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t one = strlen(names[i]);

        CHECK(one > 0 && one < 256); /* rule_alpn */
        list->bytes[list->len++] = (unsigned char)one;
        memcpy(list->bytes + list->len, names[i], one);
        list->len += (unsigned)one;
    }
    return list;
}

bool alpn_choice_install(SSL_CTX *ssl_ctx, const char *const *names, size_t count)
{
    struct own_list *list;

    if (count == 0) {
        return true;
    }
    (void)pthread_once(&once, find_index);
    list = make_list(names, count);
    if (list_index < 0 || SSL_CTX_set_ex_data(ssl_ctx, list_index, list) != 1) {
        free(list);
        return false;
    }
    SSL_CTX_set_alpn_select_cb(ssl_ctx, choose_own, list);
    return true;
}
