"""The daemon: started when needed, one at a time, ended cleanly, and kept from strangers."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.netns.cli.program import Glassbridge

from glassbridge.app.systemd import inherited_sockets, notify


def links() -> list[tuple[str, str]]:
    """Names and MACs: whether a carrier is there is the kernel's own affair."""
    shown = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True)
    return [(fields[0], fields[2]) for fields in map(str.split, shown.stdout.splitlines())]


def test_the_first_command_starts_it_and_the_next_one_uses_it(gb: Glassbridge) -> None:
    assert "gb0" in gb("up")
    pid = gb.daemon
    assert gb("network", "ls")
    assert gb.daemon == pid
    found = gb.json("status")
    assert found["run_dir"] == str(gb.run_dir)
    assert found["healthy"]


def test_many_first_commands_start_one(gb: Glassbridge) -> None:
    started = [gb.start("network", "ls", "--json") for _ in range(5)]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert '"bridge"' in out
    log = (gb.run_dir / "daemon.log").read_text()
    assert log.count("serves as pid") == 1


def test_its_socket_and_folders_are_for_root_only(gb: Glassbridge) -> None:
    gb("up")
    modes = {
        p.name: stat.S_IMODE(p.stat().st_mode)
        for p in (gb.run_dir, gb.run_dir / "glassbridge.sock")
    }
    assert modes == {"run": 0o700, "glassbridge.sock": 0o600}


def test_a_second_daemon_is_refused_and_the_first_unharmed(gb: Glassbridge) -> None:
    gb("up")
    pid = gb.daemon
    done = gb.run("daemon")
    assert done.returncode == 4
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert gb.daemon == pid


def test_sigterm_leaves_networks_as_they_are(gb: Glassbridge) -> None:
    gb("up")
    before = links()
    gb.end()
    assert links() == before
    assert not (gb.run_dir / "glassbridge.sock").exists()
    assert "no daemon is running here" in gb.refused(7, "status")
    assert gb("network", "ls").splitlines()[1].startswith("bridge")


def test_it_ends_on_sigterm_also_if_its_starter_had_it_blocked(gb: Glassbridge) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        gb("up")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    gb.end()
    assert gb.daemon is None


def test_sigkill_and_a_stale_socket_do_not_matter(gb: Glassbridge) -> None:
    gb("up")
    gb.end(signal.SIGKILL)
    assert (gb.run_dir / "glassbridge.sock").exists()
    assert gb.json("network", "ls")


def test_a_start_that_fails_says_why(gb: Glassbridge) -> None:
    gb.environment["GLASSBRIDGE_STATE_DIR"] = "/proc/no/such/folder"
    said = gb.run("up")
    assert said.returncode not in {0, 1}
    assert said.stderr.startswith("error: ")
    assert "/proc/no" in said.stderr


def test_in_the_foreground_it_ends_with_ctrl_c_and_code_0(gb: Glassbridge) -> None:
    gb.run_dir.mkdir(parents=True)
    process = gb.start("daemon", stdin=subprocess.DEVNULL)
    assert process.stderr is not None
    for line in process.stderr:
        if "serves as pid" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def test_down_ends_it(gb: Glassbridge) -> None:
    gb("up")
    before = gb.daemon
    assert before is not None
    gb("down")
    assert not Path(f"/proc/{before}").exists() or gb.daemon is None
    assert "gb0" not in dict(links())


def test_a_caller_in_another_namespace_is_refused_by_both_names(
    gb: Glassbridge, make_netns: Callable[[str], str]
) -> None:
    gb("up")
    make_netns("elsewhere")
    done = subprocess.run(
        ["ip", "netns", "exec", "elsewhere", sys.executable, "-m", "glassbridge", "ps"],
        env=gb.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    ours = Path("/proc/self/ns/net").stat().st_ino
    theirs = Path("/run/netns/elsewhere").stat().st_ino
    assert f"namespace {theirs}" in done.stderr
    assert f"serves {ours}" in done.stderr


def test_an_ordinary_user_is_refused(gb: Glassbridge) -> None:
    gb("up")
    if not _has_other_users():
        pytest.skip("this user namespace maps one uid only")
    for opened in (gb.run_dir, *gb.run_dir.parents):  # so that the socket is what refuses
        if opened.stat().st_uid == 0 and opened != Path("/"):
            opened.chmod(opened.stat().st_mode | 0o055)
    (gb.run_dir / "glassbridge.sock").chmod(0o666)
    done = _as_nobody(gb)
    assert done.returncode == 6, done.stderr
    assert "user 65534 may not" in done.stderr
    (gb.run_dir / "glassbridge.sock").chmod(0o600)
    done = _as_nobody(gb)
    assert done.returncode == 6, done.stderr
    assert "takes root" in done.stderr


def _has_other_users() -> bool:
    return int(Path("/proc/self/uid_map").read_text().split()[2]) > 65534


def _as_nobody(gb: Glassbridge) -> subprocess.CompletedProcess[str]:
    # everything is imported before the user changes: no folder need be open to everyone
    code = (
        "import os, sys; from pathlib import Path; "
        "from glassbridge.errors import GlassbridgeError; "
        "from glassbridge.app.cli.exits import exit_code_of, show_error; "
        "from glassbridge.app.client import Client; from glassbridge.model.views import Status\n"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "try: Client(Path(sys.argv[1])).get('/v1/status', Status)\n"
        "except GlassbridgeError as e: show_error(e.message, e.hint); sys.exit(exit_code_of(e))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, gb.run_dir / "glassbridge.sock"],
        env=gb.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_systemd_hands_over_a_socket_and_hears_that_we_are_ready(
    gb: Glassbridge, tmp_path: Path
) -> None:
    gb.run_dir.mkdir(parents=True)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(30)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(gb.run_dir / "glassbridge.sock"))
    listener.listen()
    # what systemd does: descriptor 3, and the pid of the very process that is executed
    code = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
        "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'}; "
        "os.execv(sys.executable, [sys.executable, '-m', 'glassbridge', 'daemon'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(listener.fileno())],
        env={**gb.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        pass_fds=[listener.fileno()],
        stderr=subprocess.DEVNULL,
    )
    listener.close()
    with manager:
        assert b"READY=1" in manager.recv(4096)
        assert gb.daemon == process.pid
        process.terminate()
        assert manager.recv(4096) == b"STOPPING=1"
        assert process.wait(30) == 0
    assert (gb.run_dir / "glassbridge.sock").exists(), "systemd's socket is systemd's to remove"


def test_nobody_to_notify_and_nothing_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert inherited_sockets() == {}
