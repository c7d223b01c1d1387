/* Content codings: what makes gzip, brotli or zstd of a stream of bytes. The seam between the
 * filter of `compress` and the libraries: each coding is a file, and a row here.
 *
 * A coder takes what it is given, holds what it likes, and writes where it is told. Its memory has
 * a bound that is known beforehand (coder_type.memory), whatever is sent through it. One thread. */
#ifndef TIDEGATE_POLICY_CODER_H
#define TIDEGATE_POLICY_CODER_H

#include "base/list.h"
#include "http/accept_encoding.h"

/* How hard it tries; what each means is its coding's to say. */
enum coder_level { CODER_FAST, CODER_MEDIUM, CODER_HIGH, CODER_LEVEL_COUNT };

enum coder_wish {
    CODER_TAKE,  /* what comes of it when it comes */
    CODER_FLUSH, /* all that was taken can be read by whoever gets what is written */
    CODER_END    /* and nothing follows */
};

enum coder_result {
    CODER_DONE, /* all was taken, and the wish is fulfilled */
    CODER_MORE, /* there is more to be written than there was room for: call again */
    CODER_FAILED
};

struct coder_type;

/* First member of each coding's own struct. */
struct coder {
    const struct coder_type *type;
    struct list node; /* the pool's */
    size_t memory;    /* that its library has now; kept by coder_memory_get and _put */
};

/* The room that is written to is never smaller. */
#define CODER_ROOM_MIN ((size_t)8 * 1024)

struct coder_type {
    enum coding coding;
    size_t memory; /* of one, at most, whatever the level */
    bool may_rest; /* what it has can be used for another stream */
    /* NULL: there is no memory. */
    struct coder *(*create)(void);
    void (*destroy)(struct coder *coder);
    /* For another stream. `size`: its bytes, exactly; UINT64_MAX: not known. False: no memory. */
    bool (*begin)(struct coder *coder, enum coder_level level, uint64_t size);
    /* Takes bytes off *in, and writes at most `room`, *written. */
    enum coder_result (*run)(struct coder *coder, enum coder_wish wish, struct span *in, char *out,
                             size_t room, size_t *written);
};

extern const struct coder_type coder_gzip;
extern const struct coder_type coder_brotli;
extern const struct coder_type coder_zstd;

/* For libraries that let others allocate: what they have is counted in coder->memory. */
void *coder_memory_get(struct coder *coder, size_t size);
void coder_memory_put(struct coder *coder, void *memory);

#endif
