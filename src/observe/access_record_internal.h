/* What the forms of a line share. Not for others. */
#ifndef TIDEGATE_OBSERVE_ACCESS_RECORD_INTERNAL_H
#define TIDEGATE_OBSERVE_ACCESS_RECORD_INTERNAL_H

#include "observe/access_record.h"

struct span access_mode_word(enum access_mode mode);
/* To ACCESS_VALUE_MAX, not within a UTF-8 sequence. */
struct span access_cut(struct span value);
/* RFC 3339 in UTC with milliseconds. */
#define ACCESS_TIME_BYTES 32
struct span access_time_text(int64_t time_us, struct access_clock *access_clock,
                             char text[ACCESS_TIME_BYTES]);

#endif
