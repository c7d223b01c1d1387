"""A real browser, without its window."""

import shutil
import subprocess

from tidegate import environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CERTUTIL = shutil.which("certutil")


def trust(home, authority):
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for args in (["-N", "--empty-password"],
                 ["-A", "-t", "C,,", "-n", "tests", "-i", str(authority.file)]):
        subprocess.run([CERTUTIL, "-d", f"sql:{database}", *args], check=True, timeout=30,
                       capture_output=True, env=environment(HOME=str(home)))


def load(home, gateway, url, others=""):
    """The page as the browser has it, after it has been loaded. `others`: hosts besides the gateway's that it may ask,
    as in EXCLUDE 127.0.0.1."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps",
         "--disable-extensions", "--no-proxy-server",
         f"--user-data-dir={home}/profile",
         f"--host-resolver-rules=MAP shop.example 127.0.0.1:{gateway.port},MAP * ~NOTFOUND{others}",
         "--timeout=20000", "--dump-dom", url],
        capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
        env=environment(HOME=str(home), XDG_CONFIG_HOME=f"{home}/config",
                        XDG_CACHE_HOME=f"{home}/cache", TMPDIR=str(home)))
    return done.stdout, done.stderr
