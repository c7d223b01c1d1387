/* SipHash-1-3 (Aumasson and Bernstein, 2012): for tables whose keys strangers choose. Without the
 * key nobody can find texts that meet. */
#ifndef TIDEGATE_BASE_SIPHASH_H
#define TIDEGATE_BASE_SIPHASH_H

#include "base/span.h"

uint64_t siphash(const uint64_t key[2], struct span text);

#endif
