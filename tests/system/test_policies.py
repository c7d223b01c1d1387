"""What a site's policy, and what is written over it, makes of handshakes with real clients."""

import json
import re
import shutil
import subprocess

import pytest

from tidegate import command, environment


def site(host, certificates, **tls):
    return {"hosts": [host], "respond": {"body": "hello\n"},
            "tls": {"certificates": [c.settings() for c in certificates], **tls}}


@pytest.fixture(scope="module")
def gateway(start_for_module, ca):
    hosts = {
        "only12.example": {"max_version": "1.2"},
        "only13.example": {"min_version": "1.3"},
        "old.example": {"min_version": "1.0", "max_version": "1.1"},
        "cipher.example": {"max_version": "1.2", "ciphers": ["ECDHE-RSA-AES256-GCM-SHA384"]},
        "iana.example": {"max_version": "1.2",
                         "ciphers": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]},
        "suite.example": {"policy": "modern", "cipher_suites": ["TLS_CHACHA20_POLY1305_SHA256"]},
        "group.example": {"groups": ["P-384"]},
        "signature.example": {"signature_algorithms": ["rsa_pss_rsae_sha384"]},
        "server.example": {"max_version": "1.2"},
        "client.example": {"max_version": "1.2", "prefer": "client"},
    }
    certificates = [ca.server(*hosts), ca.server(*hosts, kind="rsa")]
    return start_for_module({"sites": [site(host, certificates, **tls)
                                       for host, tls in hosts.items()]})


class Handshake:
    def __init__(self, gateway, host, *options):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", host,
             *options], input=b"", capture_output=True, timeout=20, env=environment(),
            check=False)
        text = (done.stdout + done.stderr).decode(errors="replace")
        found = re.search(r"^New, (\S+), Cipher is (\S+)", text, re.MULTILINE)
        self.cipher = None if found is None or found.group(2) == "(NONE)" else found.group(2)
        found = re.search(r"^\s*Protocol\s*:\s*(\S+)", text, re.MULTILINE) or \
            re.search(r"^New, (\S+), Cipher", text, re.MULTILINE)
        self.version = found.group(1).rstrip(",") if self.cipher else None
        found = re.search(r"^(?:(?:Server|Peer) Temp Key|Negotiated TLS1.3 group): (.*)$", text,
                          re.MULTILINE)
        self.group = found.group(1) if found else None
        found = re.search(r"^Peer signature type: (.*)$", text, re.MULTILINE)
        self.signature = found.group(1) if found else None


@pytest.mark.parametrize("host, options, version", [
    ("only12.example", [], "TLSv1.2"),
    ("only12.example", ["-tls1_3"], None),
    ("only13.example", [], "TLSv1.3"),
    ("only13.example", ["-tls1_2"], None),
    ("old.example", ["-cipher", "ALL:@SECLEVEL=0", "-tls1_1"], "TLSv1.1"),
    ("old.example", ["-cipher", "ALL:@SECLEVEL=0", "-tls1"], "TLSv1"),
    ("old.example", ["-tls1_2"], None),
])
def test_versions(gateway, host, options, version):
    assert Handshake(gateway, host, *options).version == version


@pytest.mark.parametrize("host, options, cipher", [
    ("cipher.example", [], "ECDHE-RSA-AES256-GCM-SHA384"),
    ("cipher.example", ["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], None),
    ("iana.example", [], "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("suite.example", [], "TLS_CHACHA20_POLY1305_SHA256"),
    ("suite.example", ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], None),
    ("server.example", ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"],
     "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("server.example", ["-tls1_2", "-cipher",
                        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"],
     "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("client.example", ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"],
     "ECDHE-ECDSA-AES256-GCM-SHA384"),
])
def test_ciphers(gateway, host, options, cipher):
    assert Handshake(gateway, host, *options).cipher == cipher


def test_groups(gateway):
    assert "P-384" in Handshake(gateway, "group.example").group.replace("secp384r1", "P-384")
    assert Handshake(gateway, "group.example", "-groups", "X25519").cipher is None


def test_signature_algorithms(gateway):
    # "RSA-PSS", or by its name in the RFC from OpenSSL 3.5 on
    assert Handshake(gateway, "signature.example").signature in ("RSA-PSS", "rsa_pss_rsae_sha384")
    refused = Handshake(gateway, "signature.example", "-sigalgs", "ECDSA+SHA256")
    assert refused.cipher is None


def test_gnutls_agrees(gateway, ca):
    if shutil.which("gnutls-cli") is None:
        pytest.skip("gnutls-cli is not installed")
    done = subprocess.run(
        ["gnutls-cli", "--x509cafile", str(ca.file), "--sni-hostname", "group.example",
         "--verify-hostname", "group.example", "-p", str(gateway.port), "127.0.0.1"],
        input=b"", capture_output=True, timeout=20, env=environment(), check=False)
    assert b"Handshake was completed" in done.stdout, done.stdout + done.stderr
    assert b"SECP384R1" in done.stdout


def test_post_quantum_where_the_library_has_it(start, shop):
    """`version` says whether it does; then it comes first, else X25519."""
    gateway = start({"sites": [site("shop.example", [shop])]})
    has_it = "post-quantum:  yes" in command("version").stdout
    group = Handshake(gateway, "shop.example").group
    assert ("MLKEM" if has_it else "X25519") in group, group


@pytest.mark.parametrize("tls, words", [
    ("ciphers: [ECDHE-ECDSA-AES128-GCM-SHA257]", "has no cipher 'ECDHE-ECDSA-AES128-GCM-SHA257'"),
    ("ciphers: [TLS_AES_128_GCM_SHA256]", "write it into 'cipher_suites'"),
    ("ciphers: [AECDH-AES128-SHA]", "protects nothing: it has no authentication"),
    ("ciphers: [ECDHE-ECDSA-NULL-SHA]", "protects nothing: it has no encryption"),
    ("ciphers: ['HIGH:!aNULL']", "has no cipher 'HIGH:!aNULL'"),
    ("ciphers: [AES128-SHA, AES256-SHA]", "cannot be used, nor can the others here"),
    ("cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256]", "write it into 'ciphers'"),
    ("cipher_suites: [TLS_AES_129_GCM_SHA256]", "has no cipher suite 'TLS_AES_129_GCM_SHA256'"),
    ("groups: [X25519, P-257]", "has no group 'P-257'"),
    ("signature_algorithms: [rsa_sha3]", "has no signature algorithm 'rsa_sha3'"),
    ("min_version: 1.3, max_version: 1.2", "no TLS version is left between 1.3 and 1.2"),
    ("policy: modern, max_version: 1.2", "no TLS version is left"),
    ("policy: modern, ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256]", "which are not spoken here"),
    ("max_version: 1.2, cipher_suites: [TLS_AES_128_GCM_SHA256]", "which is not spoken here"),
    ("min_version: 1.4", "1.4"),
])
def test_overrides_are_checked(folder, shop, tls, words):
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: [shop.example]\n    respond: {}\n    tls:\n"
                      f"      {{ certificate: {shop.crt}, key: {shop.key_file}, {tls} }}\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 1, done.stderr
    assert words in done.stderr


def test_rsa_key_exchange_needs_the_key_in_the_gateway(start, ca):
    """A process that signs does not decrypt."""
    named = {**site("kx.example", [ca.server("kx.example", kind="rsa")],
                    max_version="1.2", ciphers=["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA"])}
    for process, cipher in (("on", None), ("off", "AES128-SHA")):
        gateway = start({"key_process": process, "sites": [named]})
        assert Handshake(gateway, "kx.example", "-cipher", "AES128-SHA:@SECLEVEL=0").cipher == cipher
        assert Handshake(gateway, "kx.example").cipher == "ECDHE-RSA-AES128-GCM-SHA256"
        warning = "AES128-SHA has RSA key exchange"
        assert (warning in command("check", "-c", str(gateway.config_path)).stderr) == (cipher is None)


def check(ca, folder, kind, **tls):
    """What `tidegate check` says of a site with one certificate of that kind of key."""
    path = folder / "tidegate.yaml"
    certificate = ca.server("keys.example", kind=kind)
    path.write_text(json.dumps({"listeners": [{"bind": "127.0.0.1:0"}],
                                "sites": [site("keys.example", [certificate], **tls)]}))
    done = command("check", "--config", str(path))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind, tls, reason", [
    ("ec", {"max_version": "1.2", "ciphers": ["DHE-RSA-AES128-GCM-SHA256"]}, "none of the ciphers"),
    ("ec", {"max_version": "1.2", "ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]}, "none of the ciphers"),
    ("rsa", {"max_version": "1.2", "ciphers": ["ECDHE-ECDSA-AES128-GCM-SHA256"]},
     "none of the ciphers"),
    ("rsa", {"signature_algorithms": ["ecdsa_secp256r1_sha256"]}, "signature algorithms"),
    ("ec", {"signature_algorithms": ["rsa_pss_rsae_sha256"]}, "none of the"),
    ("ec", {"signature_algorithms": ["ed25519"], "max_version": "1.2"}, "none of the"),
    ("rsa", {"signature_algorithms": ["rsa_pkcs1_sha256"], "min_version": "1.3"},
     "none of the signature"),
    ("ec", {"max_version": "1.2", "groups": ["ffdhe2048"]}, "none of the"),
])
def test_settings_that_let_nobody_in_are_refused(ca, folder, kind, tls, reason):
    code, text = check(ca, folder, kind, **tls)
    assert code != 0 and "no client of TLS 1." in text and "nor of any other version" in text
    assert reason in text


@pytest.mark.parametrize("kind, tls", [
    ("rsa", {"ciphers": ["ECDHE-ECDSA-AES128-GCM-SHA256"]}),
    ("ec", {"ciphers": ["DHE-RSA-AES128-GCM-SHA256"]}),
    ("rsa", {"signature_algorithms": ["rsa_pkcs1_sha256"]}),
])
def test_a_version_that_nobody_can_use_is_warned_about(ca, folder, kind, tls):
    code, text = check(ca, folder, kind, **tls)
    assert code == 0 and "no client of TLS 1." in text and "any other version" not in text


@pytest.mark.parametrize("kind, tls", [
    ("rsa", {"max_version": "1.2", "ciphers": ["DHE-RSA-AES128-GCM-SHA256"]}),
    ("rsa", {"groups": ["X448"]}),
    ("ec", {"groups": ["P-521"], "min_version": "1.3"}),
    ("ed25519", {"signature_algorithms": ["ed25519"]}),
    ("rsa", {"min_version": "1.0", "max_version": "1.1"}),
    ("ec", {"policy": "old"}),
    ("rsa", {"policy": "modern", "cipher_suites": ["TLS_AES_128_CCM_8_SHA256"]}),
    # Mozilla's own list.
    ("rsa", {"ciphers": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
                         "ECDHE-ECDSA-CHACHA20-POLY1305", "DHE-RSA-AES128-GCM-SHA256",
                         "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"]}),
], ids=str)
def test_settings_that_let_somebody_in(ca, folder, kind, tls):
    code, text = check(ca, folder, kind, **tls)
    assert code == 0 and "no client" not in text, text


@pytest.mark.parametrize("cipher", ["DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384",
                                    "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"])
def test_finite_field_diffie_hellman_where_it_is_named(start, ca, cipher):
    gateway = start({"sites": [site("keys.example", [ca.server("keys.example", kind="rsa")],
                                    max_version="1.2", ciphers=[cipher])]})
    handshake = Handshake(gateway, "keys.example")
    assert handshake.cipher is not None and handshake.cipher.startswith("DHE-RSA-")
    assert handshake.group == "DH, 2048 bits"
