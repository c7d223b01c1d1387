/* What the sandbox's files share: each part is entered by a function that says what holds. */
#ifndef TIDEGATE_SANDBOX_SANDBOX_INTERNAL_H
#define TIDEGATE_SANDBOX_SANDBOX_INTERNAL_H

#include "sandbox/sandbox.h"

/* A sanitizer looks at files and threads of the process as no release does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* Both fill `note`, and return whether it holds. */
bool sandbox_enter_calls(const struct sandbox_plan *plan, char *note, size_t size);
bool sandbox_enter_files(const struct sandbox_plan *plan, char *note, size_t size);

/* As long as the process; "?" where there is none. */
const char *sandbox_resolve_call(int number);

#endif
