#include "server/send_deadline.h"

#include "edge/idle.h"

void send_deadline_set(struct send_deadline *deadline, const struct conn *conn, struct timer *timer,
                       const struct link *link)
{
    deadline->sent = conn->bytes_out;
    timer_set_ms(conn->loop, timer, link_send_ms(link));
}

bool send_deadline_is_met(const struct send_deadline *deadline, const struct conn *conn,
                          const struct link *link)
{
    return idle_is_fast_enough(conn->bytes_out - deadline->sent, link_send_ms(link),
                               link->settings->limits.send_rate);
}
