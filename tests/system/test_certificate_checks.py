"""What `tidegate check` says about certificates before anybody meets them."""

import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12, pkcs7

from tidegate import command, environment, new_folder

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
HOST = "shop.example"


@pytest.fixture(name="pki")
def fixture_pki():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def check(pki, text):
    config = pki / "tidegate.yaml"
    config.write_text(text)
    done = command("check", "-c", str(config))
    return done.returncode, " ".join(done.stderr.split())


def check_site(pki, certificate, key, host=HOST, more=""):
    return check(pki, f"sites:\n  - hosts: ['{host}']\n    respond: {{}}\n    tls:\n"
                      f"      certificate: {certificate}\n      key: {key}\n{more}")


def check_backend(pki, more):
    return check(pki, "sites:\n  - hosts: ['*']\n    backend:\n      servers: [127.0.0.1:1]\n"
                      "      tls:\n        server_name: api.internal\n" + more)


def openssl(*args):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, check=True,
                          env=environment()).stdout


# Files that are not what they should be: what it is, and the command that mends it. Where the
# command can be run here, it is, and the result is fine.

CERTIFICATE_FILES = {
    "p7b": ("PKCS#7", "openssl pkcs7 -print_certs"),
    "p7b der": ("PKCS#7", "openssl pkcs7 -inform DER -print_certs"),
    "p7b as certificate": ("holds PKCS#7", "openssl pkcs7 -print_certs"),
    "pkcs12": ("PKCS#12", "openssl pkcs12 -nokeys"),
    "der": ("DER", "openssl x509 -inform DER"),
    "utf-16": ("UTF-16", "iconv -f UTF-16"),
    "jks": ("Java key store", "keytool"),
    "no line break": ("line break is missing", "sed -i"),
    "trusted": ("TRUSTED CERTIFICATE", "openssl x509 -in"),
    "twice": ("the same certificate twice", "remove one"),
    "indented": ("begin with blanks", "sed -i"),
    "request": ("signing request", "send it to a CA"),
    "public key": ("public key", "the file that the CA sent"),
    "private key": ("private key", "swapped"),
    "web page": ("web page", "download"),
    "cut off": ("damaged", "copy the file anew"),
}


def bad_certificate(kind, server, pki):
    pem, leaf = server.crt.read_bytes(), server.certificate
    request = (x509.CertificateSigningRequestBuilder().subject_name(leaf.subject)
               .sign(server.key, hashes.SHA256()).public_bytes(PEM))
    return {
        "p7b": lambda: pkcs7.serialize_certificates([leaf], PEM),
        "p7b der": lambda: pkcs7.serialize_certificates([leaf], DER),
        "p7b as certificate": lambda: pkcs7.serialize_certificates([leaf], PEM).replace(
            b" PKCS7", b" CERTIFICATE"),
        "pkcs12": lambda: pkcs12.serialize_key_and_certificates(
            b"x", server.key, leaf, None, serialization.NoEncryption()),
        "der": lambda: leaf.public_bytes(DER),
        "utf-16": lambda: pem.decode().encode("utf-16"),
        "jks": lambda: b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1",
        "no line break": lambda: leaf.public_bytes(PEM).rstrip() + server.above[0].public_bytes(PEM),
        "trusted": lambda: openssl("x509", "-in", server.crt, "-trustout"),
        "twice": lambda: leaf.public_bytes(PEM) + leaf.public_bytes(PEM),
        "indented": lambda: leaf.public_bytes(PEM) + b"  " + server.above[0].public_bytes(PEM).replace(b"\n", b"\n  "),
        "request": lambda: request,
        "public key": lambda: server.key.public_key().public_bytes(
            PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "private key": server.key_file.read_bytes,
        "web page": lambda: b"<!DOCTYPE html><html><body>404</body></html>\n",
        "cut off": lambda: pem[:-40],
    }[kind]()


@pytest.mark.parametrize("kind", CERTIFICATE_FILES)
def test_a_certificate_file_that_is_something_else(ca, pki, kind):
    server = ca.intermediate("Check CA").server(HOST)
    bad = pki / "bad.pem"
    bad.write_bytes(bad_certificate(kind, server, pki))
    code, text = check_site(pki, bad, server.key_file)
    assert code == 1
    for words in CERTIFICATE_FILES[kind]:
        assert words in text, text
    if words.startswith("sed -i"):
        mend = text[text.index("sed -i"):].split(" = ")[0].split(" 1 error")[0]
        mend = mend[:mend.rindex("bad.pem'") + len("bad.pem'")]
        subprocess.run(mend, shell=True, check=True)
        code, text = check_site(pki, bad, server.key_file)
        assert code == 0, text


@pytest.mark.parametrize("kind", ["crlf", "bom", "crlf and bom", "text around"])
def test_harmless_oddities_are_taken(start, ca, pki, kind):
    server = ca.intermediate("Check CA").server(HOST)

    def odd(data):
        data = data.replace(b"\n", b"\r\n") if "crlf" in kind else data
        data = b"Bag Attributes\n" + data + b"\nsome words\n" if kind == "text around" else data
        return b"\xef\xbb\xbf" + data if "bom" in kind else data

    (pki / "a.crt").write_bytes(odd(server.crt.read_bytes()))
    (pki / "a.key").write_bytes(odd(server.key_file.read_bytes()))
    code, text = check_site(pki, pki / "a.crt", pki / "a.key")
    assert code == 0, text


KEY_FILES = {
    "openssh": ("OpenSSH", "ssh-keygen -p"),
    "encrypted": ("passphrase", "openssl pkey -in"),
    "der": ("DER", "openssl pkey -inform DER"),
    "pkcs12": ("PKCS#12", "openssl pkcs12 -nocerts"),
    "public": ("public key", "private one is needed"),
    "certificate": ("holds a certificate", "swapped"),
    "parameters": ("parameters of a curve", "openssl genpkey"),
    "ssh public": ("public key of SSH", ""),
    "utf-16": ("UTF-16", "iconv"),
}


@pytest.mark.parametrize("kind", KEY_FILES)
def test_a_key_file_that_is_something_else(ca, pki, kind):
    server = ca.server(HOST)
    key, none = server.key, serialization.NoEncryption()
    data = {
        "openssh": lambda: key.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, none),
        "encrypted": lambda: key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.BestAvailableEncryption(b"x")),
        "der": lambda: key.private_bytes(DER, serialization.PrivateFormat.PKCS8, none),
        "pkcs12": lambda: pkcs12.serialize_key_and_certificates(
            b"x", key, server.certificate, None, none),
        "public": lambda: key.public_key().public_bytes(
            PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "certificate": server.crt.read_bytes,
        "parameters": lambda: openssl("ecparam", "-name", "prime256v1"),
        "ssh public": lambda: key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "utf-16": lambda: server.key_file.read_bytes().decode().encode("utf-16"),
    }[kind]()
    (pki / "bad.key").write_bytes(data)
    code, text = check_site(pki, server.crt, pki / "bad.key")
    assert code == 1
    for words in KEY_FILES[kind]:
        assert words in text, text


# Certificates that are read and that peers will refuse.


def self_made(pki, names, curve=None, common_name="self.example"):
    key = ec.generate_private_key(curve or ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    import datetime  # pylint: disable=import-outside-toplevel
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(1))
               .not_valid_after(now + datetime.timedelta(90)))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(
            [x509.DNSName(one) for one in names]), critical=False)
    (pki / "self.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(PEM))
    (pki / "self.key").write_bytes(key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return pki / "self.crt", pki / "self.key"


@pytest.mark.parametrize("name", ["*.lan", "*.internal", "*.com", "w*.shop.example",
                                  "www.*.example", "*"])
def test_names_that_clients_refuse(pki, name):
    crt, key = self_made(pki, [HOST, name])
    _, text = check_site(pki, crt, key)
    assert f"the name '{name}' of the certificate" in text and "take" in text


@pytest.mark.parametrize("name", ["*.shop.example", "xn--bcher-kva.example", "a_b.example"])
def test_names_that_clients_take(pki, name):
    crt, key = self_made(pki, [HOST, name])
    code, text = check_site(pki, crt, key)
    assert code == 0 and "the name" not in text


def test_a_name_in_the_subject_alone(pki):
    crt, key = self_made(pki, [], common_name=HOST)
    _, text = check_site(pki, crt, key)
    assert "subjectAltName" in text and HOST in text


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.BrainpoolP256R1()],
                         ids=["secp256k1", "brainpool"])
@pytest.mark.parametrize("form", ["file", "folder"])
def test_a_curve_that_tls_does_not_use(pki, curve, form):
    crt, key = self_made(pki, [HOST], curve)
    if form == "file":
        code, text = check_site(pki, crt, key)
    else:
        code, text = check(pki, "sites:\n  - hosts: ['*']\n    respond: {}\n    tls:\n"
                                f"      certificates_from: {pki}\n")
    assert code == 1
    assert "curve" in text and "P-256" in text


def test_a_site_whose_certificate_is_for_clients(ca, pki):
    wrong = ca.issue(HOST, [HOST], client=True)
    code, text = check_site(pki, wrong.crt, wrong.key_file)
    assert code == 0 and "not meant for servers" in text and "serverAuth" in text


def aia(url="http://ca.example/issuer.crt"):
    return x509.AuthorityInformationAccess([x509.AccessDescription(
        x509.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url))])


def test_a_missing_intermediate(ca, pki):
    lower = ca.intermediate("Gap CA")
    site = lower.issue(HOST, [HOST], extensions=[aia()])
    (pki / "leaf.crt").write_bytes(site.certificate.public_bytes(PEM))
    code, text = check_site(pki, pki / "leaf.crt", site.key_file)
    assert code == 0 and "lack an intermediate certificate (CN=Gap CA)" in text
    own = lower.issue("gateway", client=True, extensions=[aia()])
    (pki / "own.crt").write_bytes(own.certificate.public_bytes(PEM))
    code, text = check_backend(pki, f"        certificate: {pki}/own.crt\n"
                                    f"        key: {own.key_file}\n")
    assert code == 0 and "lack an intermediate certificate (CN=Gap CA)" in text


def test_the_certificate_shown_to_servers(ca, pki):
    for own, words in [(ca.client("late", days=(-9, -2)), "expired on"),
                       (ca.client("soon", days=(-9, 3)), "expires on"),
                       (ca.server("server.example"), "not meant for clients")]:
        code, text = check_backend(pki, f"        certificate: {own.crt}\n"
                                        f"        key: {own.key_file}\n")
        assert code == 0 and words in text, text


def authority(pki, days):
    """A root of a time of its own."""
    import datetime  # pylint: disable=import-outside-toplevel
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Timed CA")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now + datetime.timedelta(days[0]))
            .not_valid_after(now + datetime.timedelta(days[1]))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    (pki / "ca.pem").write_bytes(made.public_bytes(PEM))
    return pki / "ca.pem"


@pytest.mark.parametrize("days,words", [((-9, -2), "expired on"), ((-9, 3), "expires on"),
                                        ((2, 9), "not valid before")])
def test_authorities_and_their_dates(ca, pki, days, words):
    server = ca.server(HOST)
    path = authority(pki, days)
    for code, text in [
            check_site(pki, server.crt, server.key_file,
                       more=f"      clients: {{ca: {path}}}\n"),
            check_backend(pki, f"        ca: {path}\n")]:
        assert code == 0 and "the authority 'CN=Timed CA'" in text and words in text, text


def test_an_authority_that_is_none(ca, pki):
    server = ca.server(HOST)
    _, text = check_site(pki, server.crt, server.key_file,
                         more=f"      clients: {{ca: {ca.client('x').crt}}}\n")
    assert "is no authority" in text


def test_lists_are_compared_with_their_authorities(ca, other_ca, pki, folder):
    server, crl = ca.server(HOST), pki / "lists.crl"
    forger = type(ca)(folder, "Test Root")
    for lists, words in [(other_ca.crl(), "is of no authority in"),
                         (other_ca.crl(), "has no revocation list of the authority"),
                         (ca.crl(days=(-9, -2)), "past its next update"),
                         (forger.crl(), "was not signed by the authority")]:
        crl.write_bytes(lists)
        code, text = check_site(pki, server.crt, server.key_file,
                                more=f"      clients: {{ca: {ca.file}, crl: {crl}}}\n")
        assert code == 0 and words in text, text
        code, text = check_backend(pki, f"        ca: {ca.file}\n        crl: {crl}\n")
        assert code == 0 and words in text, text
    crl.write_bytes(ca.crl())
    code, text = check_site(pki, server.crt, server.key_file,
                            more=f"      clients: {{ca: {ca.file}, crl: {crl}}}\n")
    assert code == 0 and "list" not in text


# Folders.


@pytest.mark.parametrize("trouble", ["wrong key", "encrypted key", "no key in it"])
def test_a_folder_is_read_whole_and_its_reason_logged(start, ca, pki, trouble):
    server = ca.server(HOST)
    good = ca.server("good.example")
    (pki / "good.pem").write_bytes(good.crt.read_bytes() + good.key_file.read_bytes())
    (pki / "shop.crt").write_bytes(server.crt.read_bytes())
    (pki / "shop.key").write_bytes({
        "wrong key": ca.server(HOST).key_file.read_bytes,
        "encrypted key": lambda: server.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")),
        "no key in it": lambda: b"nothing\n"}[trouble]())
    words = {"wrong key": "does not belong to the certificate", "encrypted key": "passphrase",
             "no key in it": "holds no PEM private key"}[trouble]
    settings = {"sites": [{"hosts": ["*"], "respond": {}, "tls": {"certificates_from": str(pki)}}]}
    _, text = check(pki, "sites:\n  - hosts: ['*']\n    respond: {}\n    tls:\n"
                         f"      certificates_from: {pki}\n")
    assert words in text and "shop.key" in text
    gateway = start(settings)
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}",
                           "-servername", HOST], input=b"", capture_output=True, check=False,
                          env=environment(), timeout=20)
    assert done.returncode != 0
    entry = gateway.wait_log(reason="certificate_unusable", seconds=20)
    assert words in entry["detail"] and entry["refused_by"] == "gateway"
