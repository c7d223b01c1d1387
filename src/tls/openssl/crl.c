#include "tls/openssl/crl_internal.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file_opener.h"
#include "base/strbuf.h"
#include "tls/digest.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/x509_words.h"
#include "tls/pem_kind.h"

/* One for each authority of a chain, and some more. */
#define LISTS_MAX 1024

struct crl_file {
    char *path;
    struct file_stamp stamp;
    pthread_mutex_t lock; /* of `lists` */
    struct crl_lists *lists;
    bool is_unreadable; /* at the last attempt; error tells */
    struct error error;
    atomic_uint references;
};

/* ---- the lists ---- */

/* Lists in DER, one behind the other. */
static void parse_der(BIO *bio, STACK_OF(X509_CRL) * crls)
{
    X509_CRL *one;

    while (sk_X509_CRL_num(crls) <= LISTS_MAX && BIO_pending(bio) > 0 &&
           (one = d2i_X509_CRL_bio(bio, NULL)) != NULL) {
        CHECK(sk_X509_CRL_push(crls, one) > 0);
    }
}

static void parse_pem(BIO *bio, STACK_OF(X509_CRL) * crls)
{
    X509_CRL *one;

    while (sk_X509_CRL_num(crls) <= LISTS_MAX &&
           (one = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        CHECK(sk_X509_CRL_push(crls, one) > 0);
    }
}

static bool parse(const char *path, struct span bytes, STACK_OF(X509_CRL) * crls,
                  struct error *error)
{
    struct span text = pem_kind_skip_mark(bytes);
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    bool is_der = (unsigned char)text.ptr[0] == 0x30;
    bool is_whole;

    CHECK(bio != NULL);
    (is_der ? parse_der : parse_pem)(bio, crls);
    is_whole = is_der ? BIO_pending(bio) == 0
                      : ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    ERR_clear_error();
    int count = sk_X509_CRL_num(crls);
    if (count > LISTS_MAX) {
        return error_set(error, "'%s' holds more than %d lists", path, LISTS_MAX);
    }
    /* A list left out would let in whom it names. */
    if (count != 0 && !is_whole) {
        return error_set(error, "list %d in '%s' is damaged: copy the file anew", count + 1, path);
    }
    if (count != 0 && !is_der && !pem_kind_check_lines(path, text, "X509 CRL", error)) {
        return false;
    }
    return count != 0 || pem_kind_explain(path, bytes, PEM_WANTS_CRL, error);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MAX;
}

static bool summarise(struct crl_lists *lists)
{
    struct strbuf hashes;
    struct span all;
    bool ok = true;

    strbuf_init(&hashes);
    lists->expires = INT64_MAX;
    for (int i = 0; ok && i < sk_X509_CRL_num(lists->crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(lists->crls, i);
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        int64_t expires = seconds_of(X509_CRL_get0_nextUpdate(crl));
        lists->expires = expires < lists->expires ? expires : lists->expires;
        ok = X509_CRL_digest(crl, EVP_sha256(), hash, &len) == 1;
        strbuf_add(&hashes, span_make(hash, ok ? len : 0));
    }
    all = strbuf_span(&hashes);
    ok = ok && digest_sha256(&all, 1, lists->digest);
    strbuf_free(&hashes);
    return ok;
}

static struct crl_lists *load(const char *path, struct error *error)
{
    struct crl_lists *lists;
    struct span bytes;
    bool ok;

    ERR_clear_error();
    if (!pem_file_read(path, "revocation list", &bytes, error)) {
        return NULL;
    }
    lists = xcalloc(1, sizeof(*lists));
    atomic_init(&lists->references, 1);
    lists->crls = sk_X509_CRL_new_null();
    CHECK(lists->crls != NULL);
    ok = parse(path, bytes, lists->crls, error);
    pem_file_free(&bytes);
    if (ok && !summarise(lists)) {
        ok = error_set(error, "'%s' cannot be digested by the TLS library", path);
    }
    if (!ok) {
        crl_lists_release(lists);
        return NULL;
    }
    return lists;
}

void crl_lists_release(struct crl_lists *lists)
{
    if (atomic_fetch_sub_explicit(&lists->references, 1, memory_order_acq_rel) == 1) {
        sk_X509_CRL_pop_free(lists->crls, X509_CRL_free);
        free(lists);
    }
}

/* ---- the file ---- */

struct crl_file *crl_file_open(const char *path, struct error *error)
{
    struct file_stamp stamp;
    struct crl_lists *lists;
    struct crl_file *file;

    stamp = file_opener_stamp(path); /* before reading: a change in between is seen next time */
    lists = load(path, error);
    if (lists == NULL) {
        return NULL;
    }
    file = xcalloc(1, sizeof(*file));
    file->path = xstrndup(path, strlen(path));
    file->stamp = stamp;
    file->lists = lists;
    CHECK(pthread_mutex_init(&file->lock, NULL) == 0);
    atomic_init(&file->references, 1);
    return file;
}

struct crl_file *crl_file_hold(struct crl_file *file)
{
    (void)atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
    return file;
}

void crl_file_release(struct crl_file *file)
{
    if (file == NULL ||
        atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    crl_lists_release(file->lists);
    (void)pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}

const char *crl_file_path(const struct crl_file *file)
{
    return file->path;
}

enum crl_refresh crl_file_refresh(struct crl_file *file, struct error *error)
{
    struct file_stamp stamp;
    struct crl_lists *lists;
    struct crl_lists *old;

    stamp = file_opener_stamp(file->path);
    if (file_stamp_equal(&stamp, &file->stamp)) {
        *error = file->error;
        return file->is_unreadable ? CRL_UNREADABLE : CRL_SAME;
    }
    file->stamp = stamp;
    lists = load(file->path, error);
    file->is_unreadable = lists == NULL;
    if (lists == NULL) {
        file->error = *error;
        return CRL_UNREADABLE;
    }
    (void)pthread_mutex_lock(&file->lock);
    old = file->lists;
    file->lists = lists;
    (void)pthread_mutex_unlock(&file->lock);
    crl_lists_release(old);
    return CRL_RENEWED;
}

struct crl_lists *crl_file_lists(struct crl_file *file)
{
    struct crl_lists *lists;

    (void)pthread_mutex_lock(&file->lock);
    lists = file->lists;
    (void)atomic_fetch_add_explicit(&lists->references, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&file->lock);
    return lists;
}

int64_t crl_file_expires(struct crl_file *file)
{
    struct crl_lists *lists = crl_file_lists(file);
    int64_t expires = lists->expires;

    crl_lists_release(lists);
    return expires;
}

void crl_file_each(struct crl_file *file, tls_list_fn *each, void *arg)
{
    struct crl_lists *lists = crl_file_lists(file);

    for (int i = 0; i < sk_X509_CRL_num(lists->crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(lists->crls, i);
        int64_t until = seconds_of(X509_CRL_get0_nextUpdate(crl));
        char *name = x509_words_name(X509_CRL_get_issuer(crl));
        if (until != INT64_MAX) {
            each(arg, &(struct tls_listed_certificate){file->path, name,
                                                       seconds_of(X509_CRL_get0_lastUpdate(crl)),
                                                       until, TLS_LISTED_REVOCATIONS});
        }
        free(name);
    }
    crl_lists_release(lists);
}
