#include "tls/key_source.h"

static const struct key_source *current;

void key_source_set(const struct key_source *source)
{
    current = source;
}

const struct key_source *key_source(void)
{
    return current;
}
