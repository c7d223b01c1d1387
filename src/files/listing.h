/* Lists of a folder's files: HTML for people, JSON for who asks for it (Accept). Off unless the
 * settings say so.
 *
 * What would not be served is not listed: hidden names, special files, links that lead out of the
 * root or nowhere; nor, where `precompressed` is on, coded forms of files beside them. At most
 * LISTING_MAX entries; more are said to be there. Reading them blocks the worker, as opening files
 * does. */
#ifndef TIDEGATE_FILES_LISTING_H
#define TIDEGATE_FILES_LISTING_H

#include "files/file_lookup.h"

#define LISTING_MAX 2000

/* Answers with the list of the folder of that name (below the root). Returns errno of why there is
 * none; 0: the answer is made. */
int listing_answer(const struct file_lookup *lookup, const char *folder) MUST_CHECK;

#endif
