/* What the parser refuses: H1_ERROR(id, status of the answer, word, sentence). No include guard, as
 * in field_table.h. A word is its id without H1_ and BAD_: logs and counters keep it for good. */
H1_ERROR(H1_OK, 200, "ok", "no error")
H1_ERROR(
    H1_BAD_LINE_END, 400, "line_end",
    "a line ends with a bare LF or holds a bare CR; only CR LF ends a line (RFC 9112 section 2.2)")
H1_ERROR(H1_BAD_REQUEST_LINE, 400, "request_line",
         "the request line is not METHOD SP TARGET SP VERSION (RFC 9112 section 3)")
H1_ERROR(H1_BAD_METHOD, 400, "method",
         "the method is not a token of at most 64 bytes (RFC 9110 section 9.1)")
H1_ERROR(H1_BAD_TARGET, 400, "target",
         "the request target has a form or bytes that its method does not allow "
         "(RFC 9112 section 3.2, RFC 3986)")
H1_ERROR(H1_BAD_VERSION, 400, "version",
         "the version is not HTTP/ DIGIT . DIGIT (RFC 9112 section 2.3)")
H1_ERROR(H1_UNSUPPORTED_VERSION, 505, "unsupported_version",
         "the version is not HTTP/1.x (RFC 9110 section 15.6.6)")
H1_ERROR(H1_BAD_STATUS_LINE, 400, "status_line",
         "the status line is not VERSION SP 3DIGIT [SP reason] (RFC 9112 section 4)")
H1_ERROR(H1_BAD_FIELD_NAME, 400, "field_name",
         "a field line has no colon, or its name is empty, is not a token or has space before the "
         "colon (RFC 9112 section 5.1)")
H1_ERROR(H1_BAD_FIELD_VALUE, 400, "field_value",
         "a field value holds NUL or another control byte (RFC 9110 section 5.5)")
H1_ERROR(H1_BAD_FOLDING, 400, "folding",
         "a field line is folded or begins with white space (RFC 9112 section 5.2)")
H1_ERROR(H1_BAD_NO_HOST, 400, "no_host",
         "an HTTP/1.1 request has no Host field (RFC 9112 section 3.2)")
H1_ERROR(H1_BAD_MANY_HOSTS, 400, "many_hosts",
         "a request has more than one Host field (RFC 9112 section 3.2)")
H1_ERROR(H1_BAD_HOST, 400, "host",
         "the Host field or the target's authority is not host[:port] (RFC 3986 section 3.2)")
H1_ERROR(H1_BAD_HOST_CONFLICT, 400, "host_conflict",
         "the Host field names another origin than the target (RFC 9112 section 3.2)")
H1_ERROR(H1_BAD_CONTENT_LENGTH, 400, "content_length",
         "Content-Length is not a decimal number below 2^63 (RFC 9110 section 8.6)")
H1_ERROR(H1_BAD_CONFLICTING_LENGTH, 400, "conflicting_length",
         "Content-Length is repeated or a list, in a request or with different numbers "
         "(RFC 9112 section 6.3)")
H1_ERROR(H1_BAD_LENGTH_AND_CODING, 400, "length_and_coding",
         "the message has both Content-Length and Transfer-Encoding (RFC 9112 section 6.1)")
H1_ERROR(H1_BAD_TRANSFER_ENCODING, 400, "transfer_encoding",
         "Transfer-Encoding does not end in one single \"chunked\", or may not be here "
         "(RFC 9112 sections 6.1 and 6.3)")
H1_ERROR(H1_UNKNOWN_CODING, 501, "unknown_coding",
         "Transfer-Encoding names a coding besides \"chunked\", which is the only one known here "
         "(RFC 9112 section 6.1)")
H1_ERROR(
    H1_BAD_CONNECTION, 400, "connection",
    "Connection is not a list of at most 32 tokens, or names a field that belongs to the whole "
    "way (RFC 9110 section 7.6.1)")
H1_ERROR(H1_BAD_EXPECT, 417, "expect",
         "the request expects something other than 100-continue (RFC 9110 section 10.1.1)")
H1_ERROR(H1_BAD_UPGRADE, 400, "upgrade",
         "Upgrade is not a list of protocols, or a 101 response does not say to which one it "
         "switches (RFC 9110 section 7.8)")
H1_ERROR(H1_BAD_CHUNK_SIZE, 400, "chunk_size",
         "a chunk's size is not 1 to 16 hexadecimal digits below 2^63 (RFC 9112 section 7.1)")
H1_ERROR(H1_BAD_CHUNK_EXTENSION, 400, "chunk_extension",
         "a chunk extension is malformed, has white space around it or is too long "
         "(RFC 9112 section 7.1.1)")
H1_ERROR(H1_BAD_CHUNK_END, 400, "chunk_end",
         "a chunk's data is not followed by CR LF (RFC 9112 section 7.1)")
H1_ERROR(H1_BAD_TRAILER, 400, "trailer", "a trailer line is malformed (RFC 9112 section 7.1.2)")
H1_ERROR(H1_HEAD_TOO_LARGE, 431, "head_too_large", "the head is larger than its limit")
H1_ERROR(H1_TARGET_TOO_LONG, 414, "target_too_long", "the request target is longer than its limit")
H1_ERROR(H1_TOO_MANY_FIELDS, 431, "too_many_fields", "the message has more fields than its limit")
H1_ERROR(H1_TRAILERS_TOO_LARGE, 431, "trailers_too_large",
         "the trailers are larger than the limit of a head")
