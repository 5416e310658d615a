"""The session leaves the host's network before the first test; each kernel test gets a new one.

Nothing of the host's is ever touched: the session lives in its own network and mount namespaces
with an empty /run, and a test's namespaces end with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# an example that takes long shows that the machine has other work, and nothing of the code
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NEWNET, NEWNS, NEWUSER = 0x40000000, 0x00020000, 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)
_refused = ""


def _call(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _leave_the_host() -> None:
    if os.geteuid() != 0:
        uid, gid = os.getuid(), os.getgid()
        _call(_libc.unshare(NEWUSER), "unshare(CLONE_NEWUSER)")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _call(_libc.unshare(NEWNET | NEWNS), "unshare(CLONE_NEWNET | CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    Path("/run/netns").mkdir()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def pytest_configure(config: pytest.Config) -> None:
    """Leave before any thread exists: a user namespace cannot be entered by a threaded process."""
    global _refused  # noqa: PLW0603 - one answer of the kernel for the whole session
    # a background job is deaf to Ctrl-C, and what the tests start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _leave_the_host()
    except OSError as error:
        _refused = str(error)
        if os.environ.get("CI"):
            pytest.exit(f"kernel tests cannot run: {error}", returncode=3)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/netns needs the kernel."""
    for item in items:
        if "netns" in item.path.parts:
            item.add_marker(pytest.mark.kernel)
            if _refused:
                item.add_marker(pytest.mark.skip(reason=f"namespaces are refused: {_refused}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last, so that nobody misses it, that kernel tests did not run."""
    if _refused:
        terminalreporter.section("kernel tests did NOT run", red=True)
        terminalreporter.line(_refused)


@pytest.fixture
def fresh_host() -> Iterator[None]:
    """A network namespace for one test, entered by the main thread; leaks are failures."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _call(_libc.unshare(NEWNET), "unshare(CLONE_NEWNET)")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    try:
        yield
        _no_leak(threads, descriptors)
    finally:
        _call(_libc.setns(home, NEWNET), "setns")
        os.close(home)
        for left in Path("/run/netns").iterdir():
            subprocess.run(["ip", "netns", "del", left.name], check=False)


def _descriptors() -> dict[str, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:  # the one that listed the folder
            continue
    return found


def _no_leak(threads: set[threading.Thread], descriptors: dict[str, str]) -> None:
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)  # one that is about to end is none
    left = {t.name for t in threading.enumerate() if t not in threads}
    assert not left, f"threads left running: {left}"
    opened = {n: f for n, f in _descriptors().items() if descriptors.get(n) != f}
    assert not opened, f"file descriptors left open: {opened}"


@pytest.fixture
def make_netns(fresh_host: None) -> Callable[[str], str]:
    """Create a named namespace with lo up; returns its path."""

    def make(name: str) -> str:
        subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        return f"/run/netns/{name}"

    return make
