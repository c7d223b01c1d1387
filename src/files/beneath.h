/* Opening files below a folder, with no way out of it: not by "..", not by links. */
#ifndef TIDEGATE_FILES_BENEATH_H
#define TIDEGATE_FILES_BENEATH_H

#include <stdbool.h>

/* Opens `relative` (no leading '/') for reading, or -1 and errno. Links inside the folder that stay
 * inside are followed; one that leaves it gives EXDEV. Never waits for a FIFO's writer. Where the
 * kernel has no openat2 (before 5.6, or filtered), no link is followed at all. */
int beneath_open(int root_fd, const char *relative);

/* Whether it is a regular file that may be read; false: errno says why. */
bool beneath_is_file(int root_fd, const char *relative);

/* The way without openat2, one part of the name at a time; public for the tests. */
int beneath_open_by_parts(int root_fd, const char *relative);

#endif
