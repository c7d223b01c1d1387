#include "policy/coder.h"

#include <stddef.h>
#include <stdlib.h>

/* In front of each piece: its size, as libraries do not tell it when they give it back. */
struct piece {
    size_t size;
    max_align_t bytes[];
};

void *coder_memory_get(struct coder *coder, size_t size)
{
    struct piece *piece = malloc(sizeof(*piece) + size);

    if (piece == NULL) {
        return NULL;
    }
    piece->size = size;
    coder->memory += size;
    return piece->bytes; // cppcheck-suppress memleak; coder_memory_put frees it
}

void coder_memory_put(struct coder *coder, void *memory)
{
    struct piece *piece;

    if (memory != NULL) {
        piece = CONTAINER_OF(memory, struct piece, bytes);
        coder->memory -= piece->size;
        free(piece);
    }
}
