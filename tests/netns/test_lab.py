"""A lab shows only itself, changes nothing outside, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LAB = (sys.executable, "-m", "glassbridge", "lab", "--")
NOBODY = 65534


def in_lab(script: str, *, ordinary: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a lab, as root or as an ordinary user."""
    command = [*LAB, "sh", "-c", script]
    return subprocess.run(
        as_ordinary_user(command) if ordinary else command,
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


def as_ordinary_user(command: list[str]) -> list[str]:
    """Run as nobody, who may read this Python and this project wherever they lie."""
    if os.geteuid() != 0:
        return command
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    opened = "".join(map(_open_way_to, sorted(_closed_folders())))
    script = f"set -e; {opened} exec {shlex.join([*drop, *command])}"
    return ["unshare", "--mount", "sh", "-c", script]


def _closed_folders() -> set[tuple[str, str]]:
    """(closed folder, what is wanted below it), for the interpreter and the project."""
    wanted = [Path(os.path.realpath(sys.executable)).parents[1], PROJECT]
    return {
        (str(folder), str(path))
        for path in wanted
        for folder in path.parents
        if not folder.stat().st_mode & stat.S_IXOTH
    }


def _open_way_to(found: tuple[str, str]) -> str:
    """Cover a closed folder with an open one that holds only what is wanted."""
    folder, path = map(shlex.quote, found)
    return (
        f"mount --bind {path} /mnt; mount -t tmpfs -o mode=755 tmpfs {folder};"
        f"mkdir -p {path}; mount --bind /mnt {path};"
    )


@pytest.mark.parametrize("ordinary", [False, True])
def test_shows_only_itself(fresh_host: None, ordinary: bool) -> None:
    subprocess.run(["ip", "link", "add", "hosts-own", "type", "bridge"], check=True)
    outcome = in_lab(
        "ip -br link; echo --; brctl show | tail -n +2; ls /sys/class/net; echo --;"
        "ps -e -o comm=; echo --; id -u; ls -A /run",
        ordinary=ordinary,
    )
    assert outcome.stderr == ""
    links, devices, processes, rest = outcome.stdout.split("--\n")
    assert links.startswith("lo ")
    assert "UP" in links
    assert links.count("\n") == 1
    assert devices == "lo\n"
    assert processes.split()[1:] == ["sh", "ps"]  # behind the lab's init
    assert rest.split() == ["0"]


@pytest.mark.parametrize("ordinary", [False, True])
def test_changes_nothing_outside(fresh_host: None, ordinary: bool) -> None:
    before = _look_around()
    outcome = in_lab(
        "set -e; ip link add name gb0 type bridge; ip link set gb0 up; ip netns add box;"
        "nft add table inet glassbridge; echo 1 >/proc/sys/net/ipv4/ip_forward;"
        "brctl stp gb0 on; touch /run/planted; brctl show gb0 | tail -1",
        ordinary=ordinary,
    )
    assert outcome.stderr == ""
    assert outcome.returncode == 0
    assert outcome.stdout.split()[0] == "gb0"
    assert outcome.stdout.split()[2] == "yes"
    assert _look_around() == before


@pytest.mark.parametrize("ordinary", [False, True])
@pytest.mark.parametrize(
    "file",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/swappiness",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/mm/ksm/run",
    ],
)
def test_root_of_the_lab_cannot_set_what_is_the_hosts(file: str, ordinary: bool) -> None:
    """Opened for writing only, so that a failure of this test would change nothing either."""
    if not Path(file).exists():
        pytest.skip(f"this kernel has no {file}")
    outcome = in_lab(f"exec 3>>{file}", ordinary=ordinary)
    assert outcome.returncode != 0
    assert "Read-only file system" in outcome.stderr or "Permission denied" in outcome.stderr


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("no-such", 127)]
)
def test_exit_code_passes(script: str, code: int) -> None:
    assert in_lab(script).returncode == code


def test_unknown_program_is_told() -> None:
    command = [*LAB, "no-such-program"]
    outcome = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 3
    assert "no-such-program" in outcome.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_all_of_it_ends_with_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """Whatever runs in it, whoever ignores the signal."""
    marker = tmp_path / "ready"
    script = (
        f"setsid sh -c 'trap : TERM HUP INT; while :; do sleep 0.2; done' {marker} &"
        f"trap 'exit 42' TERM INT HUP; echo >{marker}; while :; do sleep 0.05; done"
    )
    # under nohup SIGHUP comes ignored, and a shell cannot trap what it inherited so
    with subprocess.Popen(
        [*LAB, "sh", "-c", script],
        cwd=PROJECT,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - no thread
    ) as lab:
        _await(marker.exists)
        lab.send_signal(number)
        code = lab.wait(10)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 42)
    _await(lambda: not _processes_about(str(marker)))


def test_a_command_that_ignores_sigterm_does_not_hold_it_up(tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    script = f"trap '' TERM; echo >{marker}; while :; do sleep 0.05; done"
    with subprocess.Popen([*LAB, "sh", "-c", script], cwd=PROJECT, env=environment()) as lab:
        _await(marker.exists)
        lab.terminate()
        assert lab.wait(10) == 128 + signal.SIGTERM


def test_orphans_are_buried() -> None:
    ends = "while ps -e -o comm= | grep -q sleep; do :; done"
    outcome = in_lab(f"(sleep 0.1 &) ; {ends}; echo buried")
    assert outcome.stdout == "buried\n"


def test_ctrl_c_reaches_the_command_once() -> None:
    # not bash: 5.2 may spin for ever when the signal meets it between fork and wait
    script = "trap 'echo interrupted' INT; echo ready; sleep 1; sleep 0.3; echo ended"
    child, terminal = os.forkpty()
    if child == 0:
        # a background job inherits it as ignored, and a shell cannot trap it then
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(PROJECT)
        os.execve(LAB[0], [*LAB, "sh", "-c", script], environment())
    try:
        seen = _read_until(terminal, "ready\r\n")
        os.write(terminal, b"\x03")
        seen += _read_until(terminal, "ended\r\n")
        assert seen.count("interrupted") == 1
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        os.close(terminal)


@pytest.mark.parametrize("ordinary", [False, True])
def test_a_lab_fits_into_a_lab(ordinary: bool) -> None:
    inner = shlex.join([*LAB, "ip", "-br", "link"])
    outcome = in_lab(inner, ordinary=ordinary)
    assert outcome.stderr == ""
    assert outcome.stdout.startswith("lo ")


@pytest.mark.parametrize("ordinary", [False, True])
@pytest.mark.parametrize("user", ["", "33:33"])
def test_containers_run_in_it(ordinary: bool, user: str) -> None:
    """Root's lab has every uid; an ordinary user's has one, lent to a container as any."""
    program = (
        "import sys; from pathlib import Path; from glassbridge.runtime.runtime import Runtime;"
        "from tests.netns.runtime.containers import container_of, outcome;"
        "box = container_of('id -u; ls /sys/class/net; ping -c1 127.0.0.1 | grep -c ttl=',"
        " user=sys.argv[1]);"
        "print(outcome(Runtime(Path('/run/gb')), box, '/run/netns/box')[1], end='')"
    )
    start = shlex.join([sys.executable, "-c", program, user])
    outcome = in_lab(f"ip netns add box; ip -n box link set lo up; {start}", ordinary=ordinary)
    assert outcome.stderr == ""
    assert outcome.stdout.split() == [user.partition(":")[0] or "0", "lo", "1"]


@pytest.mark.parametrize(
    ("limit", "refused"),
    [
        ("max_net_namespaces", "network namespace"),
        ("max_mnt_namespaces", "mount namespace"),
        ("max_pid_namespaces", "process namespace"),
    ],
)
def test_refusal_names_the_setting_and_the_cure(limit: str, refused: str) -> None:
    outcome = _in_lab_below_limit(limit)
    assert outcome.returncode == 6
    assert f"refused to create a {refused}" in outcome.stderr
    assert f"(user.{limit} is 0)" in outcome.stderr
    assert f"hint:  as root: sysctl -w user.{limit}=" in outcome.stderr


def test_root_goes_on_without_a_user_namespace_and_says_so() -> None:
    outcome = _in_lab_below_limit("max_user_namespaces")
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("lo ")
    assert "refused to create a user namespace" in outcome.stderr
    assert "going on as root itself" in outcome.stderr


def _in_lab_below_limit(limit: str) -> subprocess.CompletedProcess[str]:
    """Each user namespace has limits of its own, so one can forbid what the host allows."""
    script = f"echo 0 >/proc/sys/user/{limit}; exec {shlex.join([*LAB, 'ip', '-br', 'link'])}"
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def _look_around() -> object:
    commands = (
        ("ip", "-json", "-detail", "link"),
        ("ip", "netns"),
        ("nft", "-j", "list", "ruleset"),
        ("sysctl", "-a", "-r", r"^net\.(ipv4|ipv6)\.(conf|ip_forward)"),
        ("ls", "-A", "/run"),
    )
    said = [subprocess.run(c, capture_output=True, text=True, check=True).stdout for c in commands]
    links = json.loads(said[0])
    return [[link["ifname"] for link in links], *said[1:]]


def _processes_about(word: str) -> list[str]:
    listed = subprocess.check_output(["ps", "-eo", "args"], text=True).splitlines()
    return [line for line in listed if word in line]


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _read_until(terminal: int, wanted: str) -> str:
    seen = ""
    while wanted not in seen:
        seen += os.read(terminal, 1000).decode()
    return seen
