#include "access/phase_access.h"

#include "base/clock.h"

struct access_refusal access_refusal_of(const struct access_verdict *verdict, struct arena *arena)
{
    bool is_none = verdict->settings == NULL;
    const char *rule = verdict->rule != NULL ? verdict->rule : "";

    switch (verdict->outcome) {
    case ACCESS_UNDECIDED:
        return (struct access_refusal){400, "match_undecided",
                                       arena_printf(arena,
                                                    "a regular expression of the rule '%s' takes "
                                                    "more steps than it may in this request",
                                                    rule),
                                       "write the expression so that it need not go back"};
    case ACCESS_NEEDS_IDENTITY:
        return (struct access_refusal){
            401, "access_unknown",
            arena_printf(arena, "%s, and nobody has said who sends the request",
                         is_none ? "no rule of 'access' fits"
                                 : arena_printf(arena, "the rule '%s' denies it", rule)),
            "the client should send what WWW-Authenticate asks for"};
    case ACCESS_DENIED:
    case ACCESS_ALLOWED:
        break;
    }
    return (struct access_refusal){403, "access_denied",
                                   is_none ? "no rule of 'access' fits, so it is refused"
                                           : arena_printf(arena, "the rule '%s' denies it", rule),
                                   "tidegate route URL --from ADDRESS --as user=NAME says what "
                                   "'access' makes of a request"};
}

static void ask(const struct access_phase *access, struct access_question *question,
                const struct auth_identity *identity, struct access_verdict *verdict)
{
    struct access_facts more = {identity, question->client, clock_wall_s()};

    question->facts.more = &more;
    access_ask(&access->plan, &question->facts, question->path, question->paths, verdict);
}

bool access_phase_allows(const struct access_phase *access, struct access_question *question,
                         const struct auth_identity *identity)
{
    struct access_verdict verdict;

    ask(access, question, identity, &verdict);
    return verdict.outcome == ACCESS_ALLOWED;
}

static enum phase_verdict run(const struct phase *phase, struct phases *phases)
{
    const struct access_phase *access = phase->settings;
    struct access_question question;
    struct access_verdict verdict;
    struct access_refusal refusal;

    phases->owner->ask_access(phases, &question);
    ask(access, &question, phases->identity, &verdict);
    phases->rule = verdict.rule;
    if (verdict.count != NULL) {
        rule_count_add(verdict.count);
    }
    if (verdict.outcome == ACCESS_ALLOWED) {
        return PHASE_NEXT;
    }
    refusal = access_refusal_of(&verdict, phases->arena);
    if (refusal.status == 401) {
        auth_add_challenges(access->auth, phases);
    }
    return phases_refuse(phases, refusal.status, refusal.reason, refusal.detail, refusal.mend);
}

const struct phase_type access_phase = {.name = "access", .run = run};
