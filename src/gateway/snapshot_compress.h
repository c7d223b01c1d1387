/* A route's `compress` as the data path reads it. */
#ifndef TIDEGATE_GATEWAY_SNAPSHOT_COMPRESS_H
#define TIDEGATE_GATEWAY_SNAPSHOT_COMPRESS_H

#include "policy/compress_rule.h"
#include "settings/settings.h"

/* NULL: nothing is compressed. Lives in the arena; the texts are those of the settings. */
const struct compress_rule *snapshot_compress(const struct compress_settings *settings,
                                              struct arena *arena) MUST_CHECK;

#endif
