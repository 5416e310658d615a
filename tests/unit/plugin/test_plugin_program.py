"""What a runtime starts, in C and in Python: the same behaviour of both."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[3] / "packaging" / "plugin"
CNI, NETAVARK = "glassbridge-cni", "glassbridge"
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0"
}  # it ends at once: what it has is the kernel's to free
ANSWER = b"HTTP/1.1 200 OK\r\nexit-code: 0\r\nstderr-length: 0\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="session", params=["c", "python"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed, under both of its names."""
    made = tmp_path_factory.mktemp(f"plugin-{request.param}")
    program = made / CNI
    if request.param == "c":
        warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsanitize=address,undefined")
        compile_ = ("gcc", "-O1", *warnings, "-o", program, SOURCES / "plugin.c")
        subprocess.run(compile_, check=True)
    else:
        shutil.copy(SOURCES / "plugin.py", program)
    shutil.copy(program, made / NETAVARK)
    return made


class Daemon:
    """Answers one connection with fixed bytes; what it heard is `request`."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.request = b""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(run_dir / "glassbridge.sock"))
        self.listener.listen()

    @contextmanager
    def serving(self, answer: bytes, *, hears: bool = True) -> Iterator[None]:
        def serve() -> None:
            peer, _ = self.listener.accept()
            with peer:
                if hears:
                    self.request = self._read(peer)
                for at in range(0, len(answer), 50_000):  # in pieces
                    with suppress(BrokenPipeError):
                        peer.sendall(answer[at : at + 50_000])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join(20)
            assert not thread.is_alive()

    def _read(self, peer: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            got += peer.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += peer.recv(65536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.listener.close()


Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    def start(name: str, *arguments: str, stdin: bytes = b"{}", **environment: str) -> object:
        settings = SETTINGS | {"GLASSBRIDGE_RUN_DIR": str(tmp_path)} | environment
        command = [str(folder / name), *arguments]
        return subprocess.run(
            command, check=False, input=stdin, capture_output=True, env=settings, timeout=20
        )

    return start  # type: ignore[return-value] # a callable with keywords


def answer(stdout: bytes, stderr: bytes = b"", code: int = 0) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nexit-code: {code}\r\n"
    head += f"stderr-length: {len(stderr)}\r\ncontent-length: {len(stdout + stderr)}\r\n\r\n"
    return head.encode() + stdout + stderr


def test_cni_gets_its_variables_and_stdin_across(run: Run, daemon: Daemon) -> None:
    with daemon.serving(answer(b'{"ips":[]}', b"careful\n")):
        done = run(CNI, stdin=b'{"a":1}', CNI_COMMAND="ADD", CNI_IFNAME="eth0", OTHER="no")
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"ips":[]}', b"careful\n")
    head, _, body = daemon.request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /cni HTTP/1.1\r\n")
    variables, _, stdin = body.partition(b"\0\0")
    assert sorted(variables.split(b"\0")) == [b"CNI_COMMAND=ADD", b"CNI_IFNAME=eth0"]
    assert stdin == b'{"a":1}'


def test_netavark_gets_its_arguments_and_stdin_across(run: Run, daemon: Daemon) -> None:
    with daemon.serving(answer(b'{"error":"no"}', code=1)):
        done = run(NETAVARK, "setup", "/run/netns/a b", stdin=b"[]", CNI_COMMAND="ADD")
    assert (done.returncode, done.stdout, done.stderr) == (1, b'{"error":"no"}', b"")
    head, _, body = daemon.request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /netavark HTTP/1.1\r\n")
    assert body == b"setup\0/run/netns/a b\0\0[]"


def test_without_arguments_netavark_is_asked_all_the_same(run: Run, daemon: Daemon) -> None:
    with daemon.serving(answer(b"{}")):
        assert run(NETAVARK, stdin=b"").returncode == 0
    assert daemon.request.endswith(b"\r\n\r\n\0")


def test_much_goes_both_ways(run: Run, daemon: Daemon) -> None:
    much = os.urandom(3_000_000)
    with daemon.serving(answer(much[::-1], much)):
        done = run(CNI, stdin=much, CNI_COMMAND="GC")
    assert daemon.request.endswith(b"\0\0" + much)
    assert (done.stdout, done.stderr) == (much[::-1], much)


def test_without_a_command_it_says_what_it_is(run: Run) -> None:
    for environment in ({}, {"CNI_COMMAND": ""}):
        done = run(CNI, **environment)
        assert (done.returncode, done.stdout) == (0, b"")
        assert done.stderr.startswith(b"glassbridge-cni: a CNI plugin")


def test_a_daemon_that_is_not_there(run: Run, tmp_path: Path) -> None:
    told = json.loads(run(CNI, CNI_COMMAND="ADD").stdout)
    assert told["code"] == 11
    assert "glassbridge.socket" in told["msg"]
    assert str(tmp_path / "glassbridge.sock") in told["details"]
    done = run(NETAVARK, "info")
    assert done.returncode == 1
    (sentence,) = json.loads(done.stdout).values()
    assert "glassbridge up" in sentence
    assert str(tmp_path) in sentence


@pytest.mark.parametrize(
    ("stdin", "version"),
    [
        (b'{"cniVersion":"1.1.0","name":"pods"}', "1.1.0"),
        (b'{ "name" : "a\\"}{\\\\" ,\n\t"cniVersion"\r\n: "0.3.1" }', "0.3.1"),
        (b'{"prevResult":{"cniVersion":"0.4.0"},"cniVersion":"1.0.0"}', "1.0.0"),
        (b'{"args":["cniVersion",{"cniVersion":"0.4.0"}]}', None),
        (b'{"name":"cniVersion"}', None),
        (b'{"cniVersion":"x\\",\\"code\\":0"}', None),
        (b'{"cniVersion":["1.0.0"]}', None),
        (b'{"cniVersion":""}', None),
        (b'{"cniVersion"', None),
        (b"\0\xff[[[", None),
        (b"", None),
    ],
)
def test_a_failure_has_the_version_that_was_asked_with(
    run: Run, stdin: bytes, version: str | None
) -> None:
    told = json.loads(run(CNI, stdin=stdin, CNI_COMMAND="ADD").stdout)
    assert told["code"] == 11
    assert told.get("cniVersion") == version


def test_a_socket_that_nobody_listens_on(run: Run, daemon: Daemon) -> None:
    daemon.listener.close()
    done = run(CNI, CNI_COMMAND="DEL")
    assert done.returncode == 1
    assert "refused" in json.loads(done.stdout)["details"]


@pytest.mark.parametrize("cut", [0, 10, 60, len(ANSWER) - 1])
def test_a_daemon_that_dies_on_the_way(run: Run, daemon: Daemon, cut: int) -> None:
    with daemon.serving(ANSWER[:cut]):
        done = run(CNI, stdin=b'{"cniVersion":"1.0.0"}', CNI_COMMAND="ADD")
    told = json.loads(done.stdout)
    assert (done.returncode, told["code"]) == (1, 11)
    assert "try again" in told["msg"]
    assert told["cniVersion"] == "1.0.0"


def test_a_daemon_that_hangs_up_before_it_has_heard_all(run: Run, daemon: Daemon) -> None:
    with daemon.serving(b"", hears=False):
        done = run(CNI, stdin=b"x" * 3_000_000, CNI_COMMAND="ADD")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 11)


def test_a_refusal_is_passed_on(run: Run, daemon: Daemon) -> None:
    body = b'{"error":{"message":"user 7 may\tnot"}}'
    head = b"HTTP/1.1 403 Forbidden\r\ncontent-length: %d\r\n\r\n" % len(body)
    with daemon.serving(head + body):
        done = run(CNI, CNI_COMMAND="ADD")
    assert done.returncode == 1
    assert json.loads(done.stdout)["details"] == body.decode()


def test_a_runtime_that_no_longer_listens(folder: Path, daemon: Daemon, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    settings = SETTINGS | {"GLASSBRIDGE_RUN_DIR": str(tmp_path), "CNI_COMMAND": "ADD"}
    with daemon.serving(answer(b"x" * 200_000)):
        done = subprocess.run(
            [folder / CNI], check=False, stdin=subprocess.DEVNULL, stdout=writer, env=settings,
            timeout=20,
        )  # fmt: skip
    os.close(writer)
    assert done.returncode == 1


def test_an_interrupted_wait_goes_on(folder: Path, daemon: Daemon, tmp_path: Path) -> None:
    settings = SETTINGS | {"GLASSBRIDGE_RUN_DIR": str(tmp_path), "CNI_COMMAND": "ADD"}
    started = subprocess.Popen(
        [folder / CNI], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings
    )
    with daemon.serving(answer(b"{}")):
        started.send_signal(signal.SIGSTOP)
        started.send_signal(signal.SIGCONT)
        told, _ = started.communicate(b"{}", timeout=20)
    assert (started.returncode, told) == (0, b"{}")


def test_a_run_folder_with_too_long_a_path(run: Run, tmp_path: Path) -> None:
    done = run(CNI, CNI_COMMAND="ADD", GLASSBRIDGE_RUN_DIR="/" + "x" * 200)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 11)
