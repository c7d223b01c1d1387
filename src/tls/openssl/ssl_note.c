#include "tls/openssl/ssl_note.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int note_index = -1;

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    free(ptr);
}

static void make_index(void)
{
    note_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

void ssl_note_set(SSL *ssl, struct span text)
{
    char *copy;

    (void)pthread_once(&index_once, make_index);
    if (ssl == NULL || note_index < 0 || text.len == 0 ||
        SSL_get_ex_data(ssl, note_index) != NULL) {
        return;
    }
    copy = xstrndup(text.ptr, text.len);
    if (SSL_set_ex_data(ssl, note_index, copy) != 1) {
        free(copy);
    }
}

const char *ssl_note(const SSL *ssl)
{
    (void)pthread_once(&index_once, make_index);
    return note_index >= 0 ? SSL_get_ex_data(ssl, note_index) : NULL;
}
