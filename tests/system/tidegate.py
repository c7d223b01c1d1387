"""Starts the gateway under test and looks at it from outside: its ports, logs, processes, end."""

import contextlib
import datetime
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

from waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 20
STOP_SECONDS = 30

LISTENING = re.compile(r"^tidegate\S*: info: listening on (\S+)", re.MULTILINE)
RELOADED = re.compile(r"^tidegate\S*: (?:info: (reloaded)|error: )", re.MULTILINE)
RESTART_KEYS = ("workers", "control", "tls_key_log", "user", "group", "sandbox")
READY = re.compile(r"^tidegate\S*: info: ready", re.MULTILINE)
LEFT = re.compile(r"sessions (\d+), exchanges (\d+), leases (\d+) left")
DIED = re.compile(r"error: the (gateway \(process that carries the traffic\)|"
                  r"keyholder \(process that has the keys\)) .*")
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|UndefinedBehavior|ThreadSanitizer|"
                       r"runtime error:|CHECK failed|check failed)")


def binary():
    """The gateway's program file. A relative TIDEGATE_BIN counts from the project's folder."""
    return str(ROOT / os.environ.get("TIDEGATE_BIN", "build/asan/tidegate"))


def release_binary():
    """The same program as users have it, for hundreds of runs in which no byte of a stranger is read."""
    return str(ROOT / os.environ.get("TIDEGATE_RELEASE_BIN", "build/tidegate"))


# The role whose leaks are looked for at its end (src/base/leak_check.c); None: every process's.
leaks_of = "gateway"  # pylint: disable=invalid-name


def environment(**more):
    """A small environment of our own: no proxies, no locale, the sanitizers' options kept."""
    env = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.update(more)
    return env


def command(*args, timeout=30, cwd=None, program=None, **more):
    """Runs `tidegate ARGS...` to its end; returns the CompletedProcess with text output."""
    return subprocess.run([program or binary(), *args], capture_output=True, text=True, timeout=timeout,
                          cwd=cwd, env=environment(**more), stdin=subprocess.DEVNULL, check=False)


def account():
    """What a gateway becomes that root starts, where nothing is said: its own account, where it was installed here."""
    try:
        return pwd.getpwnam("tidegate")
    except KeyError:
        return pwd.getpwnam("nobody")


def new_folder():
    """A folder that the unprivileged gateway process may enter, too."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-test-"))
    path.chmod(0o755)
    return path


def to_address(text):
    """What is printed behind "listening on", as the socket module wants it."""
    if text.startswith("unix:"):
        return text[len("unix:"):]
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def bind_count(config):
    """How many sockets a configuration asks for; default ports need root and are not used here."""
    count = 0
    for listener in config["listeners"]:
        bind = listener["bind"]
        count += 1 if isinstance(bind, str) else len(bind)
    return count


def all_children_of(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def children_of(pid):
    """But for the starter, which waits until there is another version to be started."""
    return [child for child in all_children_of(pid) if status_field(child, "Name") != "starter"]


def status_field(pid, name):
    """A line of /proc/PID/status, or None when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return found.group(1) if found else None


class Gateway:
    """`tidegate run` with a configuration given as a dict (written as JSON, which is YAML) or as
    YAML text. Listeners default to one free port of 127.0.0.1, the access log to a file."""

    running = []
    reasons = set()  # of docs/failures.md

    def __init__(self, config, folder=None, wait=True, sanitizer_options=None, user=None,
                 program=None, variables=None, leaks=None, **popen):
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder) if folder else new_folder()
        self.log_path = None
        self.config = config if isinstance(config, dict) else None
        if isinstance(config, dict):
            config = self._with_defaults(config)
            text = json.dumps(config, indent=1)
            self.bind_count = bind_count(config)
        else:
            text = config
            self.bind_count = None
        self.config_path = self.folder / "tidegate.yaml"
        self.config_path.write_text(text)
        self.stderr_path = self.folder / "stderr.txt"
        self.stdout_path = self.folder / "stdout.txt"
        roles = leaks or leaks_of
        env = environment(**({"TIDEGATE_LEAKS_OF": roles} if roles else {}), **(variables or {}))
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS") if sanitizer_options else ():
            env[name] = f"{env[name]}:{sanitizer_options}" if name in env else sanitizer_options
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen([program or binary(), "run", "-c", str(self.config_path)],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            cwd=self.folder, env=env, user=user, group=user, **popen,
                                            extra_groups=None if user is None else [])
        self.is_stopped = False
        self.is_terminated = False
        self.may_die = False  # a test that kills processes says so
        self.stderr_from = 0  # where the present test's part begins
        self.log_from = 0
        self.log_since = ""  # what began before, an earlier test asked for
        self.addresses = []
        Gateway.running.append(self)
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise

    def _with_defaults(self, config):
        config = dict(config)
        config.setdefault("listeners", [{"bind": "127.0.0.1:0"}])
        config.setdefault("workers", 1)
        config.setdefault("ocsp_networks", ["127.0.0.0/8"])  # tests' responders
        log = dict(config.get("log", {}))
        log.setdefault("access", str(self.folder / "access.log"))
        config["log"] = log
        self.log_path = pathlib.Path(log["access"])
        timeouts = dict(config.get("timeouts", {}))
        timeouts.setdefault("drain", "5s")
        config["timeouts"] = timeouts
        return config

    # Another test's turn.

    def can_take_up(self, config):
        """Whether a reload makes of it what a start would."""
        return (self.process.poll() is None and not self.is_terminated and not self.may_die and
                isinstance(config, dict) and self.config is not None and self.log_path is not None and
                all(config.get(key) == self.config.get(key) for key in ("listeners", *RESTART_KEYS)) and
                "log" not in config and "include" not in config)

    def take_up(self, config):
        """As if started with this configuration: its log and standard error begin here."""
        self.config = config
        self.config_path.write_text(json.dumps(self._with_defaults(config), indent=1))
        self.stderr_from = self.stderr_path.stat().st_size
        self.log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.log_since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: RELOADED.search(self.stderr()) or self.process.poll() is not None, START_SECONDS,
                   "the reload")
        assert RELOADED.search(self.stderr()).group(1), self.stderr()

    # What it says.

    def stderr(self):
        return self.stderr_path.read_bytes()[self.stderr_from:].decode(errors="replace")

    def whole_stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def wait_ready(self):
        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the gateway ended with {self.process.returncode}:\n{self.stderr()}")
            return READY.search(self.stderr())
        try:
            wait_until(is_ready, START_SECONDS, "the gateway's being ready")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.stderr()}") from None
        self.addresses = [to_address(text) for text in LISTENING.findall(self.stderr())]
        if self.bind_count is not None:
            assert len(self.addresses) == self.bind_count, self.stderr()

    @property
    def address(self):
        return self.addresses[0]

    @property
    def port(self):
        return self.addresses[0][1]

    def log_entries(self):
        """The JSON access log so far, but for what it says of servers' states; a line still being
        written is left out."""
        return [entry for entry in self.all_entries() if entry.get("kind") != "server"]

    def server_changes(self, server=None, **fields):
        """Its lines of servers' states: all, or of one, and those with these fields."""
        fields |= {"server": server} if server else {}
        return [entry for entry in self.all_entries() if entry.get("kind") == "server" and
                all(entry.get(name) == value for name, value in fields.items())]

    def wait_change(self, server=None, **fields):
        return wait_until(lambda: self.server_changes(server, **fields), what=f"a change of state: {server} {fields}")[0]

    def all_entries(self):
        if self.log_path is None or not self.log_path.is_file():  # /dev/full has no end
            return []
        text = self.log_path.read_bytes()[self.log_from:].decode("utf-8")
        entries = [json.loads(line) for line in text.split("\n")[:-1]]
        return [entry for entry in entries if entry["time"] >= self.log_since]

    def wait_log(self, condition=lambda entry: True, seconds=10, **fields):
        """The first log entry with these fields for which condition(entry) holds."""
        def find():
            for entry in self.log_entries():
                if all(entry.get(k) == v for k, v in fields.items()) and condition(entry):
                    return entry
            return None
        try:
            return wait_until(find, seconds, f"a log line with {fields}")
        except AssertionError as failure:
            tail = "\n".join(json.dumps(entry) for entry in self.log_entries()[-5:])
            raise AssertionError(f"{failure}; the last lines:\n{tail}") from None

    # Its processes.

    def gateway_pid(self):
        """The process that carries the traffic: the supervisor's child."""
        return self._child(lambda name: name != "keyholder")

    def keyholder_pid(self):
        """The process that has the private keys, or None."""
        return self._child(lambda name: name == "keyholder")

    def _child(self, is_meant):
        children = [pid for pid in children_of(self.process.pid)
                    if is_meant(status_field(pid, "Name"))]
        return children[0] if len(children) == 1 else None

    def rss_bytes(self):
        """Resident memory of the supervisor and its children. ThreadSanitizer keeps four bytes of
        its own for each of the program's; only the program's are counted."""
        total = 0
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            text = status_field(pid, "VmRSS")
            total += int(text.split()[0]) * 1024 if text else 0
        return total // 5 if "/tsan/" in binary() else total

    # Its end.

    def terminate(self, number=signal.SIGTERM):
        self.is_terminated |= number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def wait_exit(self, seconds=STOP_SECONDS):
        return self.process.wait(timeout=seconds)

    def kill(self):
        """The end after a failure: nothing is asserted, nothing is left."""
        for pid in all_children_of(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._forget()

    def _forget(self):
        self.is_stopped = True
        if self in Gateway.running:
            Gateway.running.remove(self)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """Drains, and asserts that nothing was left, leaked or broken."""
        if self.is_stopped:
            return
        try:
            if self.process.poll() is None and not self.is_terminated:
                self.terminate()
            try:
                code = self.wait_exit()
            except subprocess.TimeoutExpired:
                raise AssertionError(f"no end after SIGTERM:\n{self.stderr()}") from None
            self.assert_clean(code)
        finally:
            self.kill()

    def assert_known_reasons(self):
        """Whatever the log gives as a reason, docs/failures.md explains, and the line itself says
        who ended it and what can be done."""
        if not Gateway.reasons:
            text = (ROOT / "docs" / "failures.md").read_text()
            Gateway.reasons.update(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
        with contextlib.suppress(ValueError, UnicodeDecodeError, OSError):  # another format, or none
            for entry in self.log_entries():
                if "reason" in entry:
                    assert entry["reason"] in Gateway.reasons, entry
                    for what in ("detail", "mend", "refused_by"):
                        assert entry.get(what), f"no {what}: {entry}"

    def assert_clean(self, code):
        text = self.whole_stderr()
        assert not SANITIZER.search(text), text
        assert self.may_die or not DIED.search(text), f"a process ended unasked:\n{text}"
        assert code == 0, f"exit status {code}:\n{text}"
        left = LEFT.findall(text)
        assert left, f"no word about what is left:\n{text}"
        self.assert_known_reasons()
        assert left[-1] == ("0", "0", "0"), f"left over {left[-1]}:\n{text}"
