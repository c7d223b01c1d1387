/* What a folder of certificates holds: which file has which names. Reading it is made to be cheap:
 * of each certificate only a few facts are read (tls/cert_scan.h), by several threads; no key is
 * looked at. An index never changes after it was built; the next one shares its entries for files
 * that have not changed. For tls/openssl/cert_store.c.
 *
 * Files in the folder: NAME.crt, NAME.cer or NAME.pem with the key in NAME.key or in the same file;
 * NAME.ocsp for an OCSP response. NAME itself means nothing. Others are passed over. Folders in it
 * are looked into the same way (not those in them), as ACME clients have one for each certificate:
 * fullchain.pem with its key in privkey.pem. */
#ifndef TIDEGATE_TLS_CERT_INDEX_H
#define TIDEGATE_TLS_CERT_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file_stamp.h"
#include "base/map.h"
#include "tls/cert_rank.h"
#include "tls/cert_scan.h"

/* Names read of one certificate; more are left out with a complaint. */
#define CERT_NAMES_MAX 1000

struct cert_loaded;

enum cert_file { CERT_FILE_CERTIFICATE, CERT_FILE_KEY, CERT_FILE_OCSP, CERT_FILE_COUNT };

/* A certificate of the folder. Counted: indexes and whoever is loading it have a share. */
struct cert_entry {
    atomic_uint references;
    char *files[CERT_FILE_COUNT]; /* file names, perhaps with a folder's before; the key's NULL: in
                                     the certificate's file; the response's NULL: none */
    struct file_stamp stamps[CERT_FILE_COUNT];
    int64_t not_before;
    int64_t not_after;
    enum cert_kind kind;
    bool is_usable; /* it was read and has names */
    bool is_new;    /* not in the index before */
    bool keeps_old; /* its file is broken now: the facts are those of the version before */
    char *names;    /* each ends with a NUL; lower case */
    size_t name_count;
    char *complaint;            /* why it is not usable, after its name; NULL: nothing to say */
    char *explanation;          /* in its place a whole sentence, with what to do; NULL: none */
    struct cert_loaded *loaded; /* the store's, under its lock, as are the next two */
    char *trouble;     /* why it could not be loaded when it was last tried; NULL: it could */
    int64_t try_again; /* not before; seconds since 1970 */
};

/* What answers for a name: all that have it, in no order. */
struct cert_choice {
    struct cert_entry *entry;
    struct cert_choice *next; /* NULL: the last one */
};

struct cert_index {
    struct cert_entry **entries; /* sorted by the certificate's file name */
    size_t count;
    size_t usable;
    struct cert_choice *choices;
    struct map names; /* to struct cert_choice */
    size_t added;     /* against the index before */
    size_t changed;
    size_t removed;
};

/* Lists the folder and reads what is new in it. old NULL: the first one. NULL with an error when
 * the folder cannot be read. cert_index_arrange comes next. */
struct cert_index *cert_index_read(const char *folder, const struct cert_index *old,
                                   struct error *error) MUST_CHECK;
/* Builds the table of names. */
void cert_index_arrange(struct cert_index *index);
void cert_index_destroy(struct cert_index *index);

/* Whether any certificate answers for a host: by its own name, or by a wildcard of its parent
 * domain. Any case. */
bool cert_index_has(const struct cert_index *index, struct span host);
/* What answers for a host, by rank and kind (tls/cert_rank.h), as entries. skip_troubled: those
 * that could not be loaded a moment ago are left out; under the store's lock. */
void cert_index_rank(const struct cert_index *index, struct span host, int64_t now,
                     bool skip_troubled, struct cert_ranking *ranking);
/* An entry by its file name; NULL: none. */
struct cert_entry *cert_index_entry(const struct cert_index *index, const char *file);

struct cert_entry *cert_entry_hold(struct cert_entry *entry);
void cert_entry_release(struct cert_entry *entry);

#endif
