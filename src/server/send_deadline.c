#include "server/send_deadline.h"

#include "edge/idle.h"

void send_deadline_set(struct send_deadline *deadline, const struct conn *conn, struct timer *timer,
                       const struct settings *settings)
{
    deadline->sent = conn->bytes_out;
    timer_set_ms(conn->loop, timer, settings->timeouts.send_ms);
}

bool send_deadline_is_met(const struct send_deadline *deadline, const struct conn *conn,
                          const struct settings *settings)
{
    return idle_is_fast_enough(conn->bytes_out - deadline->sent, settings->timeouts.send_ms,
                               settings->limits.send_rate);
}
