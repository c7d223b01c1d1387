"""An OCSP responder (RFC 6960 over HTTP) that answers well or badly, and must-staple certificates
that name it."""

import datetime
import http.server
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

GOOD = ocsp.OCSPCertStatus.GOOD
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN


def response(authority, certificate, seconds, status=GOOD, signer=None, algorithm=hashes.SHA1()):
    """DER of a response of `authority` about a certificate, valid from an hour ago until in so many
    seconds; signed by `signer`, if not by the authority itself; `algorithm` hashes the issuer."""
    now = datetime.datetime.utcnow()
    until = now + datetime.timedelta(seconds=seconds)
    is_revoked = status == REVOKED
    return ocsp.OCSPResponseBuilder().add_response(
        cert=certificate, issuer=authority.certificate, algorithm=algorithm,
        cert_status=status, this_update=min(now, until) - datetime.timedelta(hours=1),
        next_update=until, revocation_time=now if is_revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, (signer or authority).certificate).sign(
        (signer or authority).key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def declined(status):
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(
        serialization.Encoding.DER)


class Responder(http.server.ThreadingHTTPServer):
    """Answers for the certificates made by must_staple(). `answer(responder, certificate)` gives
    the body, or (status, fields, body); None: no answer until the responder ends."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, authority):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.authority = authority
        self.certificates = {}
        self.seconds = 3600
        self.answer = None
        self.requests = []  # (when, certificate)
        self.ended = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/ocsp/?a=b"

    def must_staple(self, *hosts, url=None, must=True, **options):
        """A certificate that names this responder, with its issuer behind it in the file."""
        extensions = [x509.AuthorityInformationAccess([
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP,
                                   x509.UniformResourceIdentifier(url or self.url))])]
        if must:
            extensions.append(x509.TLSFeature([x509.TLSFeatureType.status_request]))
        issued = self.authority.issue(hosts[0], hosts, extensions=extensions, **options)
        self.certificates[issued.certificate.serial_number] = issued.certificate
        if not self.authority.parent:
            issued.crt.write_bytes(issued.crt.read_bytes() + self.authority.file.read_bytes())
        return issued

    def good(self, certificate):
        return response(self.authority, certificate, self.seconds)

    def count(self, issued):
        return sum(one == issued.certificate for _, one in self.requests)

    def close(self):
        self.ended.set()
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        responder = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/ocsp/?a=b", self.path
        assert self.headers["Host"] == f"127.0.0.1:{responder.server_address[1]}"
        assert self.headers["Content-Type"] == "application/ocsp-request"
        certificate = responder.certificates[ocsp.load_der_ocsp_request(body).serial_number]
        responder.requests.append((time.monotonic(), certificate))
        answer = responder.answer or Responder.good
        self.close_connection = True
        try:
            self.give(answer(responder, certificate))
        except OSError:
            pass  # it has gone away

    def give(self, answer):
        if answer is None:
            self.server.ended.wait(120)
            return
        status, fields, body = answer if isinstance(answer, tuple) else (200, {}, answer)
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if not {"Content-Length", "Transfer-Encoding", "Connection"} & set(fields):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
