"""`exec` enters a container and has no more rights there than its first command."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.runtime.containers import container_of, running

from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.model.container import Container, Mount
from glassbridge.runtime.enter import enter
from glassbridge.runtime.runtime import Runtime

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


@pytest.fixture
def box(runtime: Runtime, netns: str) -> Iterator[Container]:
    sleeping = container_of("sleep 600; true", environment={"COLOR": "red"}, hostname="seven")
    with running(runtime, sleeping, netns) as up:
        yield up


@pytest.mark.parametrize("options", [{}, {"user": "www-data"}, {"privileged": True}])
def test_enters_every_namespace_with_the_same_rights(
    runtime: Runtime,
    netns: str,
    capfd: pytest.CaptureFixture[str],
    options: dict[str, str],
) -> None:
    show = (
        f"for n in {' '.join(NAMESPACES)}; do readlink /proc/self/ns/$n; done;"
        "grep -E '^(Uid|Gid|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp|Seccomp_filters):'"
        " /proc/self/status"
    )
    with running(runtime, container_of(f"{show}; sleep 60", **options), netns) as up:
        assert enter(runtime, up, ["sh", "-c", show]) == 0
        assert capfd.readouterr().out == runtime.log_path(up).read_text()


def test_exit_codes_pass(runtime: Runtime, box: Container) -> None:
    assert enter(runtime, box, ["sh", "-c", "exit 7"]) == 7
    assert enter(runtime, box, ["sh", "-c", "kill -KILL $$"]) == 137


def test_environment_workdir_and_user(
    runtime: Runtime, box: Container, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "echo $COLOR $SIZE $HOME $HOSTNAME $0; pwd; id -u; id -G; hostname"
    enter(
        runtime,
        box,
        ["sh", "-c", script],
        user="www-data",
        workdir="/usr",
        environment={"SIZE": "xl"},
    )
    said = capfd.readouterr().out.splitlines()
    assert said == ["red xl /var/www seven sh", "/usr", "33", "33", "seven"]


def test_another_user_has_no_capability(
    runtime: Runtime, box: Container, capfd: pytest.CaptureFixture[str]
) -> None:
    enter(runtime, box, ["grep", "-E", "Cap(Prm|Eff|Amb)", "/proc/self/status"], user="1234")
    assert set(re.findall(r"\t(\w+)", capfd.readouterr().out)) == {"0" * 16}


def test_input_is_ours_only_if_interactive(
    runtime: Runtime, box: Container, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = tmp_path / "words"
    words.write_text("from us\n")
    before = os.dup(0)
    file = os.open(words, os.O_RDONLY)
    os.dup2(file, 0)
    try:
        enter(runtime, box, ["cat"])
        assert capfd.readouterr().out == ""
        enter(runtime, box, ["cat"], interactive=True)
        assert capfd.readouterr().out == "from us\n"
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(file)


def test_no_descriptor_of_ours_leaks(
    runtime: Runtime, box: Container, capfd: pytest.CaptureFixture[str]
) -> None:
    enter(runtime, box, ["sh", "-c", "ls /proc/$$/fd; true"])
    assert capfd.readouterr().out.split() == ["0", "1", "2"]


def test_signals_that_python_ignores_are_not_ignored(
    runtime: Runtime, box: Container, capfd: pytest.CaptureFixture[str]
) -> None:
    enter(runtime, box, ["grep", "SigIgn", "/proc/self/status"])
    ignored = int(capfd.readouterr().out.split()[1], 16)
    assert not ignored >> (signal.SIGPIPE - 1) & 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ["no-such"]}, "program no-such does not exist in container box"),
        (
            {"command": ["true"], "user": "nosuch"},
            "user nosuch is not in /etc/passwd of container box",
        ),
        ({"command": ["true"], "workdir": "/no/such"}, "folder /no/such does not exist"),
    ],
)
def test_what_is_not_there_is_told_by_name(
    runtime: Runtime, box: Container, options: dict[str, object], message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        enter(runtime, box, **options)  # type: ignore[arg-type] # a table of keyword arguments


def test_ended_container_cannot_be_entered(runtime: Runtime, box: Container) -> None:
    init = runtime.init(box)
    runtime.kill(box)
    assert init.wait(30)
    with pytest.raises(NotFound, match="box is not running"):
        enter(runtime, box, ["true"])


def test_container_of_one_user_has_no_other(runtime: Runtime, netns: str) -> None:
    with (
        running(runtime, container_of("sleep 60", user="www-data"), netns) as up,
        pytest.raises(InvalidRequest, match="runs as uid 33"),
    ):
        enter(runtime, up, ["true"], user="root")


def test_container_cannot_make_us_import_its_files(
    runtime: Runtime, netns: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python's own folders, as the container sees them, are not ours to read from."""
    planted = "import os; os.write(1, b'planted\\n')\n"
    folders = [
        Path(p)
        for p in sys.path
        if p.endswith(("lib-dynload", f"python3.{sys.version_info.minor}"))
    ]
    mounts = []
    for number, folder in enumerate(folders):
        trap = tmp_path / str(number)
        trap.mkdir()
        for module in ("signal", "traceback", "socket", "subprocess", "encodings", "codecs"):
            (trap / f"{module}.py").write_text(planted)
        mounts.append(Mount(source=str(trap), target=str(folder)))
    assert mounts
    with running(runtime, container_of("sleep 60", mounts=tuple(mounts)), netns) as up:
        assert enter(runtime, up, ["sh", "-c", "exit 5"]) == 5
    assert capfd.readouterr().out == ""


def test_terminal_is_the_containers_own_and_follows_our_window(
    runtime: Runtime, box: Container
) -> None:
    """Through a real terminal: size, its change, Ctrl-C, and the exit code."""
    script = (
        "tty; stty size; read word; echo got $word; trap 'stty size' WINCH;"
        "trap 'echo interrupted; exit 6' INT; echo waiting; while :; do sleep 0.02; done"
    )
    child, ours = os.forkpty()
    if child == 0:
        try:
            os._exit(enter(runtime, box, ["sh", "-c", script], tty=True, interactive=True))
        finally:
            os._exit(99)
    try:
        seen = _read_until(ours, "0 0\r\n")
        assert seen.startswith("/dev/pts/0\r\n")
        os.write(ours, b"hello\n")
        _read_until(ours, "got hello\r\nwaiting\r\n")
        subprocess.run(["stty", "rows", "33", "cols", "77"], stdin=ours, check=True)
        _read_until(ours, "33 77\r\n")
        os.write(ours, b"\x03")
        _read_until(ours, "interrupted\r\n")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
    finally:
        os.close(ours)


def test_terminal_is_refused_without_one(runtime: Runtime, box: Container) -> None:
    before, null = os.dup(0), os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    try:
        with pytest.raises(InvalidRequest, match="not a terminal"):
            enter(runtime, box, ["true"], tty=True)
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(null)


def _read_until(terminal: int, wanted: str) -> str:
    seen = ""
    while wanted not in seen:
        assert select.select([terminal], [], [], 30)[0], f"nothing came after {seen!r}"
        seen += os.read(terminal, 1000).decode()
    return seen
