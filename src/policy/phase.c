#include "policy/phase.h"

#include <stdlib.h>

struct phase_ticket {
    struct loop_message message;
    struct core *core;
    struct phases *phases; /* the worker's thread alone looks at it; NULL: the request has gone */
    enum phase_verdict (*act)(struct phases *phases, void *arg);
    void (*done)(void *arg);
    void *arg;
};

static const struct phase *present(const struct phases *phases)
{
    return &phases->list->items[phases->at];
}

/* From the present one, until one does not say NEXT. */
static enum phase_verdict run(struct phases *phases)
{
    while (phases->at < phases->list->count) {
        const struct phase *phase = present(phases);
        enum phase_verdict verdict = phase->type->run(phase, phases);
        if (verdict == PHASE_WAIT) {
            CHECK(phases->state == PHASES_RUNNING);
            phases->state = PHASES_WAITING;
            return PHASE_WAIT;
        }
        if (verdict == PHASE_ANSWERED) {
            return PHASE_ANSWERED; /* and `phases` may be gone */
        }
        CHECK(phases->ticket == NULL); /* it would come back to another phase, or to nobody */
        phases->at++;
    }
    phases->state = PHASES_OVER;
    return PHASE_NEXT;
}

/* Nobody is waited for any more: a ticket that is out finds nothing. */
static void end_wait(struct phases *phases)
{
    timer_destroy(phases->core->loop, &phases->timer);
    if (phases->ticket != NULL) {
        phases->ticket->phases = NULL;
        phases->ticket = NULL;
    }
}

/* Ends a wait: the next phases run, the owner is told. */
void phases_resume(struct phases *phases, enum phase_verdict verdict)
{
    if (verdict == PHASE_ANSWERED) {
        return; /* phases_refuse has seen to all, and `phases` may be gone */
    }
    CHECK(phases->state == PHASES_WAITING);
    if (verdict == PHASE_WAIT) {
        return; /* for something else now */
    }
    end_wait(phases);
    phases->state = PHASES_RUNNING;
    phases->at++;
    if (run(phases) == PHASE_NEXT) {
        phases->owner->go_on(phases);
    }
}

static void on_timer(struct timer *timer)
{
    struct phases *phases = CONTAINER_OF(timer, struct phases, timer);
    const struct phase *phase = present(phases);

    phases_resume(phases,
                  phase->type->on_time != NULL ? phase->type->on_time(phase, phases) : PHASE_NEXT);
}

enum phase_verdict phases_start(struct phases *phases, const struct phase_list *list,
                                const struct phases_owner *owner, void *owner_data,
                                struct core *core, struct http_request *request,
                                struct arena *arena)
{
    *phases = (struct phases){.core = core,
                              .request = request,
                              .arena = arena,
                              .owner = owner,
                              .owner_data = owner_data,
                              .list = list};
    timer_init(&phases->timer, on_timer);
    return run(phases);
}

void phases_cancel(struct phases *phases)
{
    if (phases->state == PHASES_WAITING) {
        const struct phase *phase = present(phases);
        end_wait(phases);
        if (phase->type->cancel != NULL) {
            phase->type->cancel(phase, phases);
        }
    }
    phases->state = PHASES_OVER;
}

void phases_end(struct phases *phases)
{
    while (phases->holds != NULL) {
        struct phase_hold *hold = phases->holds;
        phases->holds = hold->next;
        hold->release(hold);
    }
}

enum phase_verdict phases_refuse(struct phases *phases, unsigned status, const char *reason,
                                 const char *detail, const char *mend)
{
    end_wait(phases);
    phases->state = PHASES_OVER;
    phases->owner->refuse(phases, status, reason, detail, mend);
    return PHASE_ANSWERED;
}

enum phase_verdict phases_wait(struct phases *phases, uint64_t ms)
{
    timer_set_ms(phases->core->loop, &phases->timer, ms);
    return PHASE_WAIT;
}

/* ---- tickets ---- */

static void on_return(struct loop_message *message)
{
    struct phase_ticket *ticket = CONTAINER_OF(message, struct phase_ticket, message);
    struct phases *phases = ticket->phases;
    struct core *core = ticket->core;

    if (phases != NULL) {
        phases->ticket = NULL;
        phases_resume(phases, ticket->act != NULL ? ticket->act(phases, ticket->arg) : PHASE_NEXT);
    }
    if (ticket->done != NULL) {
        ticket->done(ticket->arg);
    }
    free(ticket);
    core_let_go(core);
}

struct phase_ticket *phases_take_ticket(struct phases *phases)
{
    CHECK(phases->ticket == NULL);
    phases->ticket = xcalloc(1, sizeof(*phases->ticket));
    phases->ticket->message.fn = on_return;
    phases->ticket->core = phases->core;
    phases->ticket->phases = phases;
    core_hold(phases->core);
    return phases->ticket;
}

void phase_ticket_return(struct phase_ticket *ticket,
                         enum phase_verdict (*act)(struct phases *phases, void *arg),
                         void (*done)(void *arg), void *arg)
{
    ticket->act = act;
    ticket->done = done;
    ticket->arg = arg;
    loop_post(ticket->core->loop, &ticket->message);
}
