/* 32 random bytes that are one process's and its children's: made when they are first asked for, so
 * whoever asks before it forks has them in common with all that follow, and they outlive a child
 * that dies. Never written anywhere. From any thread. */
#ifndef TIDEGATE_BASE_SECRET_H
#define TIDEGATE_BASE_SECRET_H

#define SECRET_BYTES 32

const unsigned char *secret_of_process(void);
/* That of the process whose place this one takes. Before it forks. */
void secret_inherit(const unsigned char bytes[SECRET_BYTES]);

#endif
