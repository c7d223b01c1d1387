/* What `explain` keeps of an answer, whichever version of HTTP it came in, and makes of it. */
#ifndef TIDEGATE_CLI_EXPLAIN_ANSWER_H
#define TIDEGATE_CLI_EXPLAIN_ANSWER_H

#include "cli/explain.h"

/* Before a request. */
void explain_forget_answer(struct explain *ex);
/* A piece of the answer's body has come. */
void explain_body(struct explain *ex, struct span bytes);
/* A field of the answer's head has come: is it the request's id? */
void explain_look_for_id(struct explain *ex, struct span name, struct span value);
/* When it is whole. False: the answer is that there is none (RFC 9110 section 15.6). */
bool explain_judge_answer(struct explain *ex);

#endif
