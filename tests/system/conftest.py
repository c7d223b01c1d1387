"""Fixtures of the system tests. Each gateway a test starts is drained at its end, and it is an
error when a session, an exchange or an upstream lease is left then."""

import functools
import os
import shutil
import sys

import pytest

# The helper modules lie beside this file, however pytest was called.
sys.path.insert(0, os.path.dirname(__file__))

# pylint: disable=wrong-import-position
import tidegate
from ca import Authority
from origins import free_port
from tidegate import SANITIZER, Gateway, binary, new_folder


def pytest_sessionstart(session):
    del session
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"no gateway at {binary()}: build it, or set TIDEGATE_BIN", 1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the gateways said."""
    del item, call
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for gateway in Gateway.running:
            report.sections.append((f"standard error of {gateway.config_path}",
                                    gateway.stderr()[-6000:]))
            lines = "\n".join(str(entry) for entry in gateway.log_entries()[-5:])
            report.sections.append(("its access log's last lines", lines))


# Files about processes other than the one that serves.
ABOUT_PROCESSES = ("test_processes", "test_reload", "test_keyholder", "test_takeover", "test_leaving", "test_sandbox",
                   "test_starting", "test_certificates")


# A look for leaks costs a third of what starting and ending a gateway does. So, of the gateways that serve one test
# alone, each module's first is looked at and then every third; all that serve a module, and all of ABOUT_PROCESSES.
LEAKS_EVERY = 3


@pytest.fixture(autouse=True, scope="module")
def looked_for_leaks(request):
    tidegate.leaks_of = None if request.module.__name__ in ABOUT_PROCESSES else "gateway"
    _starts[request.module.__name__] = 0


_starts = {}


def _leaks_of(module):
    if tidegate.leaks_of is None:
        return None
    _starts[module] += 1
    return "gateway" if _starts[module] % LEAKS_EVERY == 1 else "none"


@pytest.fixture(autouse=True)
def no_sanitizer_report():
    """A gateway that broke is told by the test that broke it, not by the module's last."""
    known = {gateway: len(SANITIZER.findall(gateway.whole_stderr())) for gateway in Gateway.running}
    yield
    for gateway in Gateway.running:
        text = gateway.whole_stderr()
        assert len(SANITIZER.findall(text)) == known.get(gateway, 0), text


def _starter(leaks_of=lambda: tidegate.leaks_of):
    started = []

    def start(config, **options):
        gateway = Gateway(config, leaks=leaks_of(), **options)
        started.append(gateway)
        return gateway

    yield start
    _stop_all(started)


def _stop_all(started):
    failures = []
    for gateway in reversed(started):
        try:
            gateway.stop()
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture(scope="module")
def spare_gateways():
    """Those that a test of the module had, and has no need of any more."""
    gateways = []
    yield gateways
    _stop_all(gateways)


@pytest.fixture
def start(request, spare_gateways):
    """start(config) -> Gateway, for one test. In a module with SHARES_GATEWAYS it may be one that earlier tests of the module
    had, which takes up the configuration: a quarter of what a start and an end cost."""
    leaks = functools.partial(_leaks_of, request.module.__name__)
    if not getattr(request.module, "SHARES_GATEWAYS", False):
        yield from _starter(leaks)
        return
    taken, others = [], []

    def take(config, **options):
        for gateway in spare_gateways if not options else []:
            if gateway.can_take_up(config):
                spare_gateways.remove(gateway)
                taken.append(gateway)
                gateway.take_up(config)
                return gateway
        gateway = Gateway(config, leaks=leaks(), **options)
        (others if options else taken).append(gateway)
        return gateway

    yield take
    spare_gateways += taken
    _stop_all(others)
    for gateway in taken:
        gateway.assert_known_reasons()


@pytest.fixture(scope="module")
def start_for_module():
    """start_for_module(config) -> Gateway, for a table of cases."""
    yield from _starter()


@pytest.fixture
def folder():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def free_address():
    """Where nobody listens."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="session")
def pki_folder():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def ca(pki_folder):
    return Authority(pki_folder)


@pytest.fixture(scope="session")
def other_ca(pki_folder):
    """A root that nobody trusts."""
    return Authority(pki_folder, "Other Root")


@pytest.fixture(scope="session")
def shop(ca):
    """The certificate of shop.example, ECDSA."""
    return ca.server("shop.example")


@pytest.fixture(scope="session")
def bank(ca):
    """The certificate of the passed-through origin, bank.example."""
    return ca.server("bank.example", "*.vault.example")
