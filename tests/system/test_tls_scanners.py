"""What others think of each policy: testssl.sh, sslscan and GnuTLS as a client."""

import json
import re
import shutil
import subprocess

import pytest

from tidegate import environment

# What testssl.sh says of the machine that it runs on, or could not find out, is no finding.
FINE = {"OK", "INFO", "LOW", "WARN", "DEBUG"}


def need(*names):
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip(f"needs {names[0]}")
    return None


def run(*args, stdin="", seconds=400):
    return subprocess.run(args, input=stdin, capture_output=True, text=True, timeout=seconds,
                          env=environment(), check=False)


@pytest.fixture(scope="module")
def gateway(start_for_module, ca):
    def site(policy, **more):
        host = f"{policy}.example"
        return {"hosts": [host], "respond": {"status": 200, "body": f"this is {policy}\n"},
                "tls": {"policy": policy, **more,
                        "certificates": [ca.server(host).settings(),
                                         ca.server(host, kind="rsa").settings()]}}
    partners = site("modern", clients={"verify": "required", "ca": str(ca.file)})
    partners["hosts"] = ["partners.example"]
    certificate = ca.server("partners.example").settings()
    partners["tls"]["certificates"] = [certificate]
    return start_for_module({"sites": [site("modern"), site("intermediate"), site("old"),
                                       partners]})


def run_testssl(gateway, folder, policy, *checks):
    """checks: -p protocols, -s cipher categories, -f forward secrecy, -U known vulnerabilities."""
    program = need("testssl", "testssl.sh")
    out = folder / "findings.json"
    run(program, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip",
        "127.0.0.1", "--jsonfile", str(out), *checks,
        f"{policy}.example:{gateway.port}")
    return json.loads(out.read_text())


def assert_is_fine(findings, has_tls12):
    """Nothing above LOW."""
    seen = {finding["id"]: finding for finding in findings}
    assert [f for f in findings if f["severity"] not in FINE] == []
    assert seen["TLS1_3"]["severity"] == "OK", seen["TLS1_3"]
    assert "not offered" in seen["TLS1"]["finding"]
    assert ("not offered" in seen["TLS1_2"]["finding"]) != has_tls12
    return seen


@pytest.mark.timeout(600)
def test_testssl(gateway, folder):
    """The vulnerabilities are those of TLS 1.2 and older, and take most of a scan's time: they are looked for once."""
    findings = run_testssl(gateway, folder, "intermediate", "-p", "-s", "-f", "-U")
    seen = assert_is_fine(findings, True)
    assert seen["heartbleed"]["severity"] == "OK"
    assert seen["ROBOT"]["severity"] == "OK"
    assert len(findings) > 30


def test_testssl_of_modern(gateway, folder):
    assert_is_fine(run_testssl(gateway, folder, "modern", "-p", "-f"), False)


def test_testssl_of_old(gateway, folder):
    """TLS 1.0 and 1.1 are what the policy is for."""
    findings = run_testssl(gateway, folder, "old", "-p")
    seen = {finding["id"]: finding["finding"] for finding in findings}
    assert [f for f in findings if f["severity"] not in FINE] == []
    assert seen["SSLv2"] == seen["SSLv3"] == "not offered"
    for version in ("TLS1", "TLS1_1", "TLS1_2", "TLS1_3"):
        assert seen[version].startswith("offered"), findings


def test_sslscan(gateway):
    sslscan = need("sslscan")
    enabled = {}
    for policy in ("modern", "intermediate", "old"):
        done = run(sslscan, "--no-colour", f"--sni-name={policy}.example",
                   f"127.0.0.1:{gateway.port}")
        assert done.returncode == 0, done.stderr
        text = done.stdout
        enabled[policy] = set(re.findall(r"^(\S+)\s+enabled", text, re.M))
        assert "not vulnerable to heartbleed" in text
        assert not re.search(r"^\S+ vulnerable", text, re.M)
        if policy != "old":
            assert set(re.findall(r"^(?:Accepted|Preferred)\s+\S+\s+(\d+) bits", text, re.M)) <= {
                "128", "256"}
            assert not re.search(r"\b(CBC|RC4|3DES|NULL|EXP|anon)\b|-SHA\b", text)
            assert "sha256WithRSAEncryption" in text or "ecdsa-with-SHA256" in text
    assert enabled["modern"] == {"TLSv1.3"}
    assert enabled["intermediate"] == {"TLSv1.2", "TLSv1.3"}
    assert enabled["old"] >= {"TLSv1.2", "TLSv1.3"}


def gnutls(gateway, ca, host, *options):
    return run(need("gnutls-cli"), "--x509cafile", str(ca.file), "--sni-hostname", host,
               "--verify-hostname", host, "-p", str(gateway.port), *options, "127.0.0.1",
               stdin=f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", seconds=30)


@pytest.mark.parametrize("priority, version", [
    ("NORMAL", "TLS1.3"), ("NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLS1.2"),
    ("NORMAL:-GROUP-ALL:+GROUP-X25519", "X25519"),
    ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA", "ECDHE-RSA|RSA")])
def test_gnutls(gateway, ca, priority, version):
    done = gnutls(gateway, ca, "intermediate.example", "--priority", priority)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The certificate is trusted" in done.stdout
    assert "HTTP/1.1 200 OK" in done.stdout
    assert "this is intermediate" in done.stdout
    description = re.search(r"Description: (.*)", done.stdout).group(1)
    assert re.search(version, description), description


def test_gnutls_is_refused(gateway, ca):
    done = gnutls(gateway, ca, "modern.example", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
    assert done.returncode != 0
    assert "HTTP/1.1" not in done.stdout
    assert gateway.wait_log(sni="modern.example", reason="no_common_version")


def test_gnutls_two_way(gateway, ca):
    friend = ca.client("friend")
    done = gnutls(gateway, ca, "partners.example", "--x509certfile", str(friend.crt),
                  "--x509keyfile", str(friend.key_file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HTTP/1.1 200 OK" in done.stdout
    done = gnutls(gateway, ca, "partners.example")
    assert "HTTP/1.1 200 OK" not in done.stdout
    assert gateway.wait_log(sni="partners.example", reason="client_certificate_missing")
