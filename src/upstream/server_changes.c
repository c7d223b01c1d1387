#include "upstream/server_changes.h"

_Atomic uint64_t server_changes_count = 1;
