/* What HTTP/2's field checks refuse: H2_ERROR(id, status of the answer, word, sentence). Status 0:
 * the message is malformed, a stream error that is answered with RST_STREAM alone (RFC 9113 section
 * 8.1.1). No include guard, as in field_table.h. A word is its id without H2_ and BAD_: logs and
 * counters keep it for good. */
H2_ERROR(H2_OK, 200, "ok", "no error")
H2_ERROR(
    H2_BAD_FIELD_NAME, 0, "field_name",
    "a field name is empty, is not a token or has an upper-case letter (RFC 9113 section 8.2.1)")
H2_ERROR(H2_BAD_FIELD_VALUE, 0, "field_value",
         "a field value holds NUL, CR, LF or another control byte, or begins or ends with white "
         "space (RFC 9113 section 8.2.1)")
H2_ERROR(
    H2_BAD_CONNECTION_FIELD, 0, "connection_field",
    "a field that belongs to an HTTP/1.1 connection: Connection, Keep-Alive, Upgrade, "
    "Transfer-Encoding, Proxy-Connection, or a TE other than trailers (RFC 9113 section 8.2.2)")
H2_ERROR(H2_BAD_PSEUDO, 0, "pseudo_field",
         "a pseudo-field is unknown, repeated, in the wrong kind of message, or behind an ordinary "
         "field (RFC 9113 section 8.3)")
H2_ERROR(H2_BAD_MISSING_PSEUDO, 0, "missing_pseudo_field",
         "a pseudo-field that every such message must have is missing (RFC 9113 section 8.3)")
H2_ERROR(H2_BAD_METHOD, 0, "method",
         "the method is not a token of at most 64 bytes (RFC 9110 section 9.1)")
H2_ERROR(H2_BAD_SCHEME, 0, "scheme", "the scheme is neither http nor https")
H2_ERROR(H2_BAD_PATH, 0, "target",
         "the path has a form or bytes that its method does not allow (RFC 9113 section 8.3.1)")
H2_ERROR(H2_BAD_AUTHORITY, 0, "host",
         ":authority or Host is not host[:port] (RFC 9113 section 8.3.1)")
H2_ERROR(H2_BAD_NO_AUTHORITY, 0, "no_host", "there is neither :authority nor Host")
H2_ERROR(H2_BAD_AUTHORITY_CONFLICT, 0, "host_conflict",
         ":authority and Host name two origins (RFC 9113 section 8.3.1)")
H2_ERROR(H2_BAD_PROTOCOL, 0, "protocol",
         ":protocol stands without CONNECT, or is no token (RFC 8441 section 4)")
H2_ERROR(H2_BAD_CONTENT_LENGTH, 0, "content_length",
         "Content-Length is not a decimal number below 2^63, or there are several, in a request or "
         "with different numbers")
H2_ERROR(H2_BAD_LENGTH_MISMATCH, 0, "length_mismatch",
         "the body is not as long as Content-Length says (RFC 9113 section 8.1.1)")
H2_ERROR(H2_BAD_STATUS, 0, "status", ":status is not three digits (RFC 9113 section 8.3.2)")
H2_ERROR(H2_BAD_TRAILER, 0, "trailer",
         "a trailer is a pseudo-field, or the trailers do not end the stream "
         "(RFC 9113 section 8.1)")
H2_ERROR(H2_BAD_EXPECT, 417, "expect",
         "the request expects something other than 100-continue (RFC 9110 section 10.1.1)")
H2_ERROR(H2_HEAD_TOO_LARGE, 431, "head_too_large", "the fields are larger than their limit")
H2_ERROR(H2_TOO_MANY_FIELDS, 431, "too_many_fields", "the message has more fields than its limit")
H2_ERROR(H2_TARGET_TOO_LONG, 414, "target_too_long", "the path is longer than its limit")
