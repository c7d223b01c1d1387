#include "tls/openssl/tls_bio.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls_bio {
    BIO *bio;
    struct conn *conn; /* NULL: not between begin and end */
    struct span input;
    size_t tx_len;
    char record[TLS_RECORD_BYTES];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static BIO_METHOD *method;
static __thread struct tls_bio *self;

static int read_input(BIO *bio, char *out, size_t size, size_t *read_len)
{
    size_t len = self->input.len < size ? self->input.len : size;

    BIO_clear_retry_flags(bio);
    if (len == 0) {
        *read_len = 0;
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, self->input.ptr, len);
    self->input = span_skip(self->input, len);
    *read_len = len;
    return 1;
}

static void flush(void)
{
    struct iovec out = {conn_memory(self->conn)->tx, self->tx_len};

    if (self->tx_len != 0) {
        self->tx_len = 0;
        conn_raw_send(self->conn, &out, 1);
    }
}

static void gather(const char *bytes, size_t len)
{
    while (len != 0) {
        size_t room = CONN_TX_BYTES - self->tx_len;
        if (room == 0 || (room < len && len <= CONN_TX_BYTES)) {
            flush(); /* whole records where they fit */
            room = CONN_TX_BYTES;
        }
        size_t part = len < room ? len : room;
        memcpy(conn_memory(self->conn)->tx + self->tx_len, bytes, part);
        self->tx_len += part;
        bytes += part;
        len -= part;
    }
}

static int write_output(BIO *bio, const char *bytes, size_t len, size_t *written)
{
    BIO_clear_retry_flags(bio);
    gather(bytes, len);
    *written = len;
    return 1;
}

static long control(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    /* What the library flushes is sent by tls_bio_end. */
    return command == BIO_CTRL_FLUSH;
}

static void thread_ends(void *arg)
{
    struct tls_bio *ended = arg;

    BIO_free(ended->bio);
    free(ended);
    self = NULL;
}

static void set_up(void)
{
    int index = BIO_get_new_index();

    CHECK(index != -1);
    method = BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "tidegate connection");
    CHECK(method != NULL && BIO_meth_set_read_ex(method, read_input) == 1 &&
          BIO_meth_set_write_ex(method, write_output) == 1 &&
          BIO_meth_set_ctrl(method, control) == 1);
    CHECK(pthread_key_create(&key, thread_ends) == 0);
}

static bool set_up_thread(void)
{
    CHECK(pthread_once(&once, set_up) == 0);
    self = xcalloc(1, sizeof(*self));
    self->bio = BIO_new(method);
    if (self->bio == NULL || pthread_setspecific(key, self) != 0) {
        thread_ends(self);
        return false;
    }
    BIO_set_init(self->bio, 1);
    return true;
}

bool tls_bio_attach(SSL *ssl)
{
    if (self == NULL && !set_up_thread()) {
        return false;
    }
    /* The same one for both ways takes one reference (SSL_set_bio(3)). */
    if (BIO_up_ref(self->bio) != 1) {
        return false;
    }
    SSL_set_bio(ssl, self->bio, self->bio);
    return true;
}

void tls_bio_begin(struct conn *conn, struct span input)
{
    CHECK(self->conn == NULL);
    self->conn = conn;
    self->input = input;
    ERR_clear_error();
}

void tls_bio_drop_input(void)
{
    self->input = span_make(NULL, 0);
}

struct span tls_bio_input(void)
{
    return self->input;
}

void tls_bio_end(void)
{
    flush();
    self->conn = NULL;
    self->input = span_make(NULL, 0);
}

struct span tls_bio_take(void)
{
    size_t len = self->tx_len;

    self->tx_len = 0;
    return span_make(conn_memory(self->conn)->tx, len);
}

void tls_bio_put(struct span sealed)
{
    gather(sealed.ptr, sealed.len);
}

char *tls_bio_record(void)
{
    return self->record;
}
