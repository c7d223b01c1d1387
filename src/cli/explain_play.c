#include "cli/explain_play.h"

#include <string.h>

#include "cli/explain_answer.h"
#include "cli/explain_h2.h"
#include "cli/explain_http.h"
#include "cli/explain_net.h"
#include "cli/explain_session.h"
#include "cli/explain_tls.h"

/* In the version of HTTP that ALPN agreed on. */
static bool request(struct explain *ex)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;

    explain_forget_answer(ex);
    if (ex->ssl != NULL) {
        SSL_get0_alpn_selected(ex->ssl, &alpn, &alpn_len);
    }
    if (alpn_len == 2 && memcmp(alpn, "h2", 2) == 0) {
        return explain_request_h2(ex);
    }
    return explain_request_h1(ex);
}

static bool play_once(struct explain *ex)
{
    if (ex->target.is_bytes) {
        return explain_connect(ex) && (!ex->target.is_tls || explain_handshake(ex)) &&
               explain_session(ex);
    }
    return explain_connect(ex) && (!ex->target.is_tls || explain_handshake(ex)) && request(ex) &&
           explain_judge_answer(ex);
}

bool explain_play(struct explain *ex)
{
    if (!explain_resolve(ex) || !play_once(ex)) {
        return false;
    }
    if (!ex->options->resume || !ex->target.is_tls) {
        return true;
    }
    explain_disconnect(ex);
    ex->is_second = true;
    explain_step(ex, EXPLAIN_HERE, "again", "once more, to resume the session");
    explain_note(ex, "session", "%s",
                 ex->session == NULL ? "the server gave none" : "offered to the server");
    if (!play_once(ex)) {
        return false;
    }
    explain_step(ex, EXPLAIN_HERE, "resumption",
                 ex->was_resumed ? "the session was resumed" : "the session was not resumed");
    return true;
}
