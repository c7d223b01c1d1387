/* What TLS has signed with a private key, by its form: so that whoever has the key signs handshakes
 * and nothing else that somebody would like to have signed (a certificate, a token, an e-mail).
 *
 *   TLS 1.3 (RFC 8446 section 4.4.3)     64 spaces, one of two context strings, a zero byte, and
 *                                        the digest of what was said: 32 or 48 bytes
 *   TLS 1.2 and older, a server's        both randoms and the parameters of a key exchange: a
 *   (RFC 8422 section 5.4, 5246 7.4.3)   curve and a point of its length, or a group of 1024 to
 *                                        8192 bits and a number in it, to the last byte
 *   TLS 1.2, a client's                  the handshake's messages whole, from ClientHello and
 *   (RFC 5246 section 7.4.8)             ServerHello to ClientKeyExchange
 *
 * What cannot be seen from a message is who it was said to: whoever may ask can sign handshakes of
 * its own. Pure. */
#ifndef TIDEGATE_TLS_SIGN_FORM_H
#define TIDEGATE_TLS_SIGN_FORM_H

#include "base/span.h"

enum sign_form {
    SIGN_FORM_NONE, /* none of them */
    SIGN_FORM_TLS13,
    SIGN_FORM_TLS12_SERVER, /* and older */
    SIGN_FORM_TLS12_CLIENT
};

enum sign_form sign_form_of(struct span message);

#endif
