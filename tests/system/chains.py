"""Certificate chains that are wrong in one way each, below or beside a test authority."""

import datetime
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Leaf:
    """The files of a leaf: `full` with its intermediates, `alone` without."""

    def __init__(self, folder, name, certificate, key, above=()):
        self.crt = folder / f"{name}.pem"
        self.alone = folder / f"{name}-alone.pem"
        self.key_file = folder / f"{name}.key.pem"
        pem = [c.public_bytes(serialization.Encoding.PEM) for c in (certificate, *above)]
        self.crt.write_bytes(b"".join(pem))
        self.alone.write_bytes(pem[0])
        self.key_file.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))

    def settings(self):
        return {"certificate": str(self.crt), "key": str(self.key_file)}


class Chains:
    """root: an Authority (ca.py)."""

    def __init__(self, root, folder):
        self.root = root
        self.folder = folder
        self.count = 0
        self.middle_key = ec.generate_private_key(ec.SECP256R1())
        self.middle = (self._builder("Test Intermediate", self.middle_key, root.certificate.subject)
                       .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                       .sign(root.key, hashes.SHA256()))

    def _builder(self, name, key, issuer, days=(-2, 20)):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY))

    def below(self, host, client=False):
        """Issued by the intermediate, with the place where that can be fetched."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS,
            x509.UniformResourceIdentifier("http://ca.example/intermediate.crt"))
        certificate = (self._builder(host, key, self.middle.subject)
                       .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
                       .add_extension(x509.ExtendedKeyUsage([usage]), False)
                       .add_extension(x509.AuthorityInformationAccess([access]), False)
                       .sign(self.middle_key, hashes.SHA256()))
        return self._leaf("below", certificate, key, [self.middle])

    def self_signed(self, host):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (self._builder(host, key, _name(host))
                       .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
                       .sign(key, hashes.SHA256()))
        return self._leaf("self", certificate, key)

    def _below_root(self, kind, host, key):
        certificate = (self._builder(host, key, self.root.certificate.subject)
                       .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
                       .sign(self.root.key, hashes.SHA256()))
        return self._leaf(kind, certificate, key)

    def weak(self, host):
        """RSA with 1024 bits; for servers and clients."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        return self._below_root("weak", host, key)

    def badly_signed(self, host):
        """With SHA-1, which newer versions of python3-cryptography refuse to sign with; for servers
        and clients."""
        leaf = self.self_signed(host)
        authority = Leaf(self.folder, f"sha1-root-{self.count}", self.root.certificate, self.root.key)
        subprocess.run(["openssl", "x509", "-in", leaf.alone, "-CA", authority.crt, "-CAkey",
                        authority.key_file, "-sha1", "-days", "20", "-set_serial", "2", "-out",
                        leaf.crt], check=True, capture_output=True, timeout=30)
        return leaf

    def below_a_leaf(self, host, parent):
        """Issued with the key of a certificate (of ca.py) that is no authority's."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (self._builder(host, key, parent.certificate.subject)
                       .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
                       .sign(parent.key, hashes.SHA256()))
        return self._leaf("stolen", certificate, key, [parent.certificate])

    def crl(self, *revoked, days=(-2, 20)):
        """The root's list of revoked certificates (objects of ca.py), as a file."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateRevocationListBuilder()
                   .issuer_name(self.root.certificate.subject)
                   .last_update(now + days[0] * DAY).next_update(now + days[1] * DAY))
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
                .revocation_date(now - DAY).build())
        self.count += 1
        path = self.folder / f"crl-{self.count}.pem"
        crl = builder.sign(self.root.key, hashes.SHA256())
        path.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        return path

    def _leaf(self, kind, certificate, key, above=()):
        self.count += 1
        return Leaf(self.folder, f"{kind}-{self.count}", certificate, key, above)
