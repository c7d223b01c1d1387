"""What `make install` puts where, and that it runs from there."""

import os
import subprocess

from tidegate import ROOT, environment


def make(*args):
    done = subprocess.run(["make", "-s", *args], cwd=ROOT, env=environment(), capture_output=True,
                          text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_install_and_uninstall(folder):
    into = f"DESTDIR={folder}"
    make("install", into, "PREFIX=/opt/gate")
    assert files_below(folder) == {
        "opt/gate/bin/tidegate", "opt/gate/share/man/man1/tidegate.1",
        "opt/gate/lib/systemd/system/tidegate.service",
        "opt/gate/lib/sysusers.d/tidegate.conf", "etc/tidegate/tidegate.yaml"}
    unit = (folder / "opt/gate/lib/systemd/system/tidegate.service").read_text()
    assert "ExecStart=/opt/gate/bin/tidegate run -c /etc/tidegate/tidegate.yaml" in unit
    assert "@" not in unit and str(folder) not in unit
    program = folder / "opt/gate/bin/tidegate"
    assert os.access(program, os.X_OK)
    done = subprocess.run([program, "check", "-c", folder / "etc/tidegate/tidegate.yaml"],
                          env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    # An operator's configuration stays as it is, when installed again and when taken away.
    config = folder / "etc/tidegate/tidegate.yaml"
    config.write_text("sites: []\n")
    make("install", into, "PREFIX=/opt/gate")
    assert config.read_text() == "sites: []\n"
    make("uninstall", into, "PREFIX=/opt/gate")
    assert files_below(folder) == {"etc/tidegate/tidegate.yaml"}
