#include "keys/key_id.h"

#include <string.h>

bool key_id_of(struct span public_key, struct key_id *id)
{
    return digest_sha256(&public_key, 1, id->bytes);
}

bool key_id_equal(const struct key_id *a, const struct key_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
