"""tidegate demo: the tour a newcomer takes."""

import os
import re
import signal
import subprocess

from tidegate import SANITIZER, binary, command, environment
from waiting import wait_until


def test_once_passes_and_leaves_nothing(folder):
    done = command("demo", "--once", timeout=90, TMPDIR=str(folder))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not SANITIZER.search(said), said
    for host in ("shop.localhost", "bank.localhost", "partners.localhost"):
        assert host in done.stdout
    assert "308" in done.stdout
    assert re.search(r"TLSv1\.3", done.stdout)
    assert "FAILED" not in done.stdout
    assert not os.listdir(folder), "the demo's folder is still there"
    assert "\x1b[" not in done.stdout, "colours without a terminal"


def test_demo_stays_until_it_is_interrupted(folder):
    output = folder / "output.txt"
    home = folder / "tmp"
    home.mkdir()
    with open(output, "wb") as out:
        process = subprocess.Popen([binary(), "demo"], stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL,
                                   env=environment(TMPDIR=str(home)))
    try:
        line = wait_until(
            lambda: re.search(r"^\s*(curl .*https://shop\.localhost:\d+\S*.*)$",
                              output.read_text(), re.MULTILINE), 60, "a curl line to try")
        wait_until(lambda: "Ctrl-C" in output.read_text(), 30)
        assert process.poll() is None
        done = subprocess.run(["/bin/sh", "-c", line.group(1)], capture_output=True, timeout=30,
                              env=environment(), check=False)
        assert done.returncode == 0, done.stderr
        own = re.findall(r"^\s*(\S+ (?:explain|status) .*)$", output.read_text(), re.MULTILINE)
        for line, status, word in zip(own, (1, 0), ("who refused", "client_certificate_missing"),
                                      strict=True):
            done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True,
                                  timeout=30, env=environment(), check=False)
            assert done.returncode == status, done.stderr
            assert word in done.stdout
        assert "warning" not in output.read_text()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert not os.listdir(home), "the demo's folder is still there"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert not SANITIZER.search(output.read_text())
