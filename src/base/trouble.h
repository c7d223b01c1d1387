/* Why something failed, for its line of the log: told by whoever met it, and not judged there. */
#ifndef TIDEGATE_BASE_TROUBLE_H
#define TIDEGATE_BASE_TROUBLE_H

/* All static, or valid during the call. */
struct trouble {
    const char *reason; /* a word */
    const char *detail; /* a sentence */
    const char *mend;   /* what to do; NULL: nothing can be said */
};

#endif
