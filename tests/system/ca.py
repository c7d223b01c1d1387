"""A throw-away certificate authority: roots, server and client certificates, good and bad ones."""

import datetime
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(
        {"ec": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _hash_for(key):
    return None if isinstance(key, (ed25519.Ed25519PrivateKey,
                                    ed448.Ed448PrivateKey)) else hashes.SHA256()


def _alternative(host):
    """A URI has a scheme, an email address an '@'; the rest are addresses and names."""
    if "://" in host:
        return x509.UniformResourceIdentifier(host)
    if "@" in host:
        return x509.RFC822Name(host)
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Certificate:
    """A leaf with its key, both as files and as objects."""

    def __init__(self, certificate, key, folder, name, above=()):
        self.certificate = certificate
        self.key = key
        self.above = list(above)
        self.crt = folder / f"{name}.crt"
        self.key_file = folder / f"{name}.key"
        self.crt.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM)
                                      for one in [certificate, *self.above]))
        self.key_file.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self):
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def subject(self):
        return self.certificate.subject.rfc4514_string()

    def settings(self):
        """As `certificates` of the configuration has it."""
        return {"certificate": str(self.crt), "key": str(self.key_file)}

    def server_context(self, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.crt, self.key_file)
        for name, value in options.items():
            setattr(context, name, value)
        return context


class Authority:
    """A root, or an intermediate below `parent`, that issues into a folder."""

    def __init__(self, folder, name="Test Root", parent=None, kind="ec", days=(-30, 60)):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.parent = parent
        self.key = _new_key(kind)
        issuer = parent or self
        self.issued = 0
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name)).issuer_name(_name(issuer.name))
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True,
                content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, encipher_only=False, decipher_only=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()),
                           critical=False)
            .sign(issuer.key, _hash_for(issuer.key)))
        self.file = self.folder / f"{name.replace(' ', '-').lower()}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def intermediate(self, name, kind="ec"):
        return Authority(self.folder, name, self, kind)

    def above(self):
        """What a leaf's file carries besides the leaf."""
        return [self.certificate, *self.parent.above()] if self.parent else []

    def crl(self, *revoked, days=(-1, 20)):
        """PEM of this authority's list of revoked certificates (or authorities)."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateRevocationListBuilder()
                   .issuer_name(self.certificate.subject)
                   .last_update(now + days[0] * DAY).next_update(now + days[1] * DAY))
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
                .revocation_date(now - DAY).build())
        return builder.sign(self.key, _hash_for(self.key)).public_bytes(
            serialization.Encoding.PEM)

    def issue(self, common_name, hosts=(), kind="ec", days=(-1, 20), client=False, extensions=()):
        """days: from when to when it is valid, counted from today. extensions: more of them."""
        key = _new_key(kind)
        now = datetime.datetime.now(datetime.timezone.utc)
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name)).issuer_name(self.certificate.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self.key.public_key()), critical=False))
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(host) for host in hosts]),
                critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        self.issued += 1
        certificate = builder.sign(self.key, _hash_for(self.key))
        # Authorities share a folder and count for themselves: without the issuer's name one would
        # write over another's files, depending on the order of the tests.
        return Certificate(certificate, key, self.folder,
                           f"{self.file.stem}-{kind}-{self.issued}-{common_name}", self.above())

    def server(self, *hosts, kind="ec", days=(-1, 20)):
        return self.issue(hosts[0].replace("*", "any"), hosts, kind, days)

    def client(self, common_name, days=(-1, 20), names=(), kind="ec"):
        return self.issue(common_name, names, kind, days, client=True)

    def client_context(self, certificate=None, check_hostname=True, **options):
        """For clients which trust this root, with a client certificate when given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.file)
        context.check_hostname = check_hostname
        if certificate is not None:
            context.load_cert_chain(certificate.crt, certificate.key_file)
        for name, value in options.items():
            setattr(context, name, value)
        return context
