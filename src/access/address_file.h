/* A file of addresses: a network or an address in each line; what stands behind '#' or ';' is a
 * comment. Followed (base/followed.h); parsed, it is a struct address_set. */
#ifndef TIDEGATE_ACCESS_ADDRESS_FILE_H
#define TIDEGATE_ACCESS_ADDRESS_FILE_H

#include "base/followed.h"

#define ADDRESS_FILE_LINES_MAX 1000000

extern const struct followed_type address_file_type;

#endif
