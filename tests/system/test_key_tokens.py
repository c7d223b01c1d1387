"""Private keys in tokens, by PKCS#11 (SoftHSM's, by way of OpenSSL's engine): handshakes of every
kind, what is told of one that cannot be had, and a keyholder that may reach a token only while a
configuration has such a key."""

import glob
import json
import os
import shutil
import signal
import ssl
import subprocess

import pytest

from client import fetch
from origins import Origin, echo_handler
from tidegate import command, new_folder
from waiting import wait_until

MODULES = glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/softhsm/libsofthsm2.so")
ENGINES = glob.glob("/usr/lib/*/engines-3/pkcs11.so")
pytestmark = pytest.mark.skipif(
    not (MODULES and ENGINES and shutil.which("softhsm2-util")),
    reason="there is no SoftHSM, or no engine for it (softhsm2, libengine-pkcs11-openssl)")

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
PIN = "271828"


class Token:
    """A token with the keys of some certificates in it, and the file with its PIN."""

    def __init__(self, certificates):
        self.folder = new_folder()
        (self.folder / "tokens").mkdir()
        (self.folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.folder}/tokens\nlog.level = ERROR\n")
        self.variables = {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}
        self._tool("--init-token", "--free", "--label", "gate", "--pin", PIN, "--so-pin", PIN)
        for number, (label, certificate) in enumerate(certificates.items(), 1):
            self._tool("--import", str(certificate.key_file), "--token", "gate", "--label", label,
                       "--id", f"{number:02}", "--pin", PIN)
        self.pin_file = self.folder / "pin"
        self.pin_file.write_text(PIN + "\n")
        self.pin_file.chmod(0o600)
        # The keyholder is nobody.
        subprocess.run(["chmod", "-R", "a+rwX", str(self.folder / "tokens")], check=True)

    def _tool(self, *args):
        subprocess.run(["softhsm2-util", *args], env={**os.environ, **self.variables}, check=True,
                       capture_output=True)

    def uri(self, label, pin_file=None, module=MODULES[0] if MODULES else None, token="gate"):
        return (f"pkcs11:token={token};object={label};type=private"
                f"?pin-source=file:{pin_file or self.pin_file}"
                + (f"&module-path={module}" if module else ""))

    def site(self, host, certificate, label, **more):
        return {"hosts": [host], "respond": {"body": "ok"}, "tls": {
            "certificate": str(certificate.crt), "key": self.uri(label, **more)}}

    def config(self, *sites, **more):
        return {"key_module_files": [str(self.folder)], "workers": 1, "sites": list(sites), **more}


@pytest.fixture(scope="module")
def certificates(ca):
    return {"ec": ca.server("ec.example"), "rsa": ca.server("rsa.example", kind="rsa"),
            "client": ca.client("partner")}


@pytest.fixture(scope="module")
def token(certificates):
    token = Token(certificates)
    yield token
    shutil.rmtree(token.folder)


def sites_of(token, certificates):
    return [token.site(f"{kind}.example", certificates[kind], kind) for kind in ("ec", "rsa")]


@pytest.fixture(scope="module", params=["on", "off"])
def gateway(request, start_for_module, token, certificates, ca):
    """Both ways to have keys, and one backend that is shown a certificate whose key is in a token."""
    server = ca.server("api.internal").server_context(verify_mode=ssl.CERT_REQUIRED)
    server.load_verify_locations(ca.file)
    with Origin(echo_handler(), tls=server) as origin:
        backend = {"servers": [origin.address], "tls": {
            "ca": str(ca.file), "server_name": "api.internal",
            "certificate": str(certificates["client"].crt), "key": token.uri("client")}}
        gateway = start_for_module(
            token.config(*sites_of(token, certificates), {"hosts": ["back.example"], "backend": backend},
                         key_process=request.param,
                         control=str(token.folder / f"{request.param}.sock")),
            variables=token.variables)
        gateway.control = token.folder / f"{request.param}.sock"
        yield gateway


def shown(control):
    done = command("status", "--sandbox", "--json", "--socket", str(control))
    return {process["role"]: {part["part"]: part for part in process["parts"]}
            for process in json.loads(done.stdout)["processes"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_handshakes(gateway, ca, kind, version):
    """The client verifies each signature against the certificate."""
    tls = ca.client_context(minimum_version=VERSIONS[version], maximum_version=VERSIONS[version])
    assert fetch(gateway.address, host=f"{kind}.example", tls=tls).body == b"ok"


def test_a_certificate_towards_servers(gateway):
    assert fetch(gateway.address, host="back.example").status == 200


def test_the_sandbox_is_wider_for_who_has_the_keys(gateway):
    on = "keyholder" in shown(gateway.control)
    parts = shown(gateway.control)
    who, other = ("keyholder", "gateway") if on else ("gateway", "supervisor")
    if parts[who]["files"]["state"] != "holds" or parts[who]["system calls"]["state"] != "holds":
        pytest.skip("a kernel without Landlock, or without filters")
    assert "1 to write, for the modules of keys in tokens" in parts[who]["files"]["note"]
    assert "code of modules" in parts[who]["system calls"]["note"]
    assert "modules" not in parts[other]["files"]["note"] + parts[other]["system calls"]["note"]
    assert {part["state"] for part in parts["starter"].values()} == {"off"}
    assert "rights of the start" in parts["starter"]["files"]["note"]


def test_the_pin_is_shown_nowhere(gateway, token):
    control = ["--socket", str(gateway.control)]
    texts = [gateway.stderr(), gateway.stdout(),
             command("status", *control).stdout, command("status", "--certificates", *control).stdout,
             command("diff", "-c", str(gateway.config_path), *control, **token.variables).stdout,
             command("check", "--json", "-c", str(gateway.config_path), **token.variables).stdout]
    assert not [text for text in texts if PIN in text]


# What cannot be had.


def check(token, tmp_path, site, **variables):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps(token.config(site), indent=1))
    done = command("check", "-c", str(config), **{**token.variables, **variables})
    return done.returncode, done.stdout + done.stderr


def test_it_is_checked_through_the_module(token, certificates, tmp_path):
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], "ec"))
    assert status == 0, said
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], "rsa"))
    assert status == 1 and "does not belong to the certificate" in said


@pytest.mark.parametrize("more, label, wanted", [
    ({}, "nobody", "object not found; is the token there"),
    ({"token": "other"}, "ec", "object not found; is the token there"),
    ({"pin_file": "/nowhere/pin"}, "ec", "the PIN file '/nowhere/pin' does not exist"),
    ({"pin_file": "/dev/null"}, "ec", "the PIN file '/dev/null' is empty"),
    ({"module": "/nowhere/module.so"}, "ec", "its module (module-path) cannot be read"),
])
def test_what_cannot_be_had_is_told(token, certificates, tmp_path, more, label, wanted):
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], label, **more))
    assert status == 1
    assert wanted in said
    assert "tidegate.yaml:" in said


def test_a_wrong_pin_and_one_for_everybody(token, certificates, tmp_path):
    pin = token.folder / "wrong"
    pin.write_text("314159")
    pin.chmod(0o644)
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], "ec", pin_file=pin))
    assert status == 1
    assert "PIN incorrect; is the right PIN in the file" in said
    assert f"everybody on this machine can read the PIN {pin}" in said
    assert "314159" not in said


def test_a_pin_in_the_configuration_is_refused_and_not_shown(token, certificates, tmp_path):
    site = token.site("ec.example", certificates["ec"], "ec")
    site["tls"]["key"] = f"pkcs11:object=ec?pin-value={PIN}"
    for how in ([], ["--json"]):
        config = tmp_path / "tidegate.yaml"
        config.write_text(json.dumps(token.config(site), indent=1))
        done = command("check", *how, "-c", str(config))
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "the PIN cannot be in the PKCS#11 URI" in said
        assert PIN not in said


def test_without_a_way_the_package_is_named(token, certificates, tmp_path):
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], "ec"),
                 OPENSSL_ENGINES="/nowhere", OPENSSL_MODULES="/nowhere")
    assert status == 1
    assert "libengine-pkcs11-openssl" in said and "pkcs11-provider" in said


@pytest.mark.skipif(not glob.glob("/usr/share/p11-kit/modules/softhsm2.module"),
                    reason="p11-kit does not know of SoftHSM")
def test_the_module_that_the_system_is_configured_with(token, certificates, tmp_path):
    status, said = check(token, tmp_path, token.site("ec.example", certificates["ec"], "ec", module=None))
    assert status == 0, said


def test_it_is_not_started_with_a_key_that_cannot_be_had(token, certificates, start):
    gateway = start(token.config(token.site("ec.example", certificates["ec"], "nobody")),
                    variables=token.variables, wait=False)
    assert gateway.wait_exit() == 1
    assert "object not found" in gateway.stderr()
    gateway.kill()


# Reload, and deaths.


def reload(gateway, config, control):
    text = json.loads(gateway.config_path.read_text())
    text["sites"] = config
    gateway.config_path.write_text(json.dumps(text))
    done = command("reload", "--socket", str(control))
    return done.returncode, done.stdout + done.stderr


def test_reload_to_a_token_and_from_it(token, certificates, ca, start):
    """The same keyholder cannot be given more rights: another one takes its place, and back."""
    ec, rsa = certificates["ec"], certificates["rsa"]
    from_file = {"hosts": ["rsa.example"], "tls": rsa.settings(), "respond": {"body": "ok"}}
    control = token.folder / "reload.sock"
    gateway = start(token.config(from_file, control=str(control)), variables=token.variables)
    gateway.may_die = True

    def serves(*names):
        for name in names:
            assert fetch(gateway.address, host=name, tls=ca.client_context()).body == b"ok"

    def is_wide():
        return "modules" in shown(control)["keyholder"]["system calls"]["note"]

    serves("rsa.example")
    first = gateway.keyholder_pid()
    has_filters = shown(control)["keyholder"]["system calls"]["state"] == "holds"
    assert not is_wide()
    # One that cannot be had changes nothing, and the keyholder is one without modules again.
    status, said = reload(gateway, [from_file, token.site("ec.example", ec, "nobody")], control)
    assert status == 1 and "object not found" in said
    serves("rsa.example")
    wait_until(lambda: not is_wide())
    # To it: also the key that was in a file before.
    status, said = reload(gateway, [token.site("rsa.example", rsa, "rsa"),
                                    token.site("ec.example", ec, "ec")], control)
    assert status == 0, said
    serves("rsa.example", "ec.example")
    wide = gateway.keyholder_pid()
    assert wide != first
    wait_until(lambda: is_wide() == has_filters)
    # Its death: the next one is let into the token, too.
    os.kill(wide, signal.SIGKILL)
    serves("ec.example", "rsa.example")
    wait_until(lambda: gateway.keyholder_pid() not in (None, wide))
    wait_until(lambda: is_wide() == has_filters)
    # The gateway's: it is given the same keys.
    carrier = gateway.gateway_pid()
    os.kill(carrier, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, carrier))
    serves("ec.example", "rsa.example")
    # A reload that has the same keys keeps the process.
    wide = gateway.keyholder_pid()
    status, said = reload(gateway, [token.site("ec.example", ec, "ec"), from_file], control)
    assert status == 0, said
    serves("ec.example", "rsa.example")
    assert gateway.keyholder_pid() == wide
    # From it.
    status, said = reload(gateway, [from_file], control)
    assert status == 0, said
    wait_until(lambda: not is_wide())
    serves("rsa.example")
    assert PIN not in gateway.stderr()


def test_without_a_process_for_keys_the_first_one_takes_a_restart(token, certificates, ca, start):
    rsa = {"hosts": ["rsa.example"], "tls": certificates["rsa"].settings(), "respond": {"body": "ok"}}
    control = token.folder / "first.sock"
    gateway = start(token.config(rsa, control=str(control), key_process="off"),
                    variables=token.variables)
    if shown(control)["gateway"]["system calls"]["state"] != "holds":
        pytest.skip("a kernel without filters")
    status, said = reload(gateway, [rsa, token.site("ec.example", certificates["ec"], "ec")], control)
    assert status == 1 and "takes a restart" in said
    assert fetch(gateway.address, host="rsa.example", tls=ca.client_context()).body == b"ok"
