"""The plugin beside an administrator's `start-daemon`, and in a rootless container."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "packaging" / "plugin"
# answers one call, as the daemon would
SERVER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/glassbridge/glassbridge.sock")
listener.listen()
if __import__("os").fork():
    raise SystemExit
peer, _ = listener.accept()
peer.recv(65536)
body = b'{"started":true}'
head = b"HTTP/1.1 200 OK\\r\\nexit-code: 0\\r\\nstderr-length: 0\\r\\n"
peer.sendall(head + b"content-length: %d\\r\\n\\r\\n" % len(body) + body)
peer.close()
"""


@pytest.fixture(scope="module", params=["c", "python"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(f"starting-{request.param}") / "glassbridge-cni"
    if request.param == "c":
        subprocess.run(["gcc", "-o", made, SOURCES / "plugin.c"], check=True)
    else:
        shutil.copy(SOURCES / "plugin.py", made)
    return made


def call(program: Path, preparation: str) -> subprocess.CompletedProcess[str]:
    """In mounts of its own, with an empty /etc."""
    script = f"""
    mount -t tmpfs tmpfs /run && mkdir /run/glassbridge
    mount -t tmpfs tmpfs /etc && mkdir /etc/glassbridge
    {preparation}
    exec env CNI_COMMAND=ADD GLASSBRIDGE_RUN_DIR=/run/glassbridge {program} </dev/null
    """
    return subprocess.run(
        ["unshare", "-m", "sh", "-ec", script],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def start_by(command: str, mode: str = "755") -> str:
    file = "/etc/glassbridge/start-daemon"
    return f"printf '%s\\n' '#!/bin/sh' '{command}' >{file}; chmod {mode} {file}"


def test_the_daemon_is_started_where_that_is_wished(program: Path, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    python = f"/usr/bin/python3 {tmp_path}/server.py"
    done = call(program, start_by(f"echo noise; exec {python} >/dev/null 2>&1"))
    assert (done.returncode, done.stdout) == (0, '{"started":true}'), done.stderr


@pytest.mark.parametrize(
    "preparation", [":", start_by("exit 3"), start_by("exit 0"), start_by("exit 0", "644")]
)
def test_a_daemon_that_does_not_come_up_is_no_success(program: Path, preparation: str) -> None:
    done = call(program, preparation)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 11)


def test_rootless_containers_are_refused_with_the_reason(program: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "glassbridge"
    shutil.copy(program, plugin)
    done = subprocess.run(
        ["unshare", "-Un", "--map-root-user", plugin, "setup", "/run/netns/a"],
        check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "serves no rootless containers" in json.loads(done.stdout)["error"]
