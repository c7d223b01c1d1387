/* Which account the gateway becomes when the configuration names none. */
#ifndef TIDEGATE_BASE_ACCOUNT_H
#define TIDEGATE_BASE_ACCOUNT_H

/* `given`, or where that is NULL "tidegate", which is ours alone, or where there is no such account
 * "nobody". Static, or given. Asks the system's accounts. */
const char *account_to_become(const char *given);

#endif
