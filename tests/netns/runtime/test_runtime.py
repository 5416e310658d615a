"""Containers start, end, are found again, and see what they should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.netns.runtime.containers import container_of, outcome, process_of, running, started

from glassbridge.errors import (
    Conflict,
    GlassbridgeError,
    InvalidRequest,
    KernelRefused,
    NotFound,
    PermissionRefused,
    Unavailable,
)
from glassbridge.model.container import DOCKER_CAPABILITIES, Mount
from glassbridge.runtime.capabilities import capability_mask
from glassbridge.runtime.process import Process, process_now
from glassbridge.runtime.runtime import Runtime


def test_has_exactly_dockers_capabilities_a_filter_and_no_way_to_more(
    runtime: Runtime, netns: str
) -> None:
    _, text = outcome(runtime, container_of("cat /proc/self/status"), netns)
    status = dict(re.findall(r"^(Cap\w+|Seccomp|NoNewPrivs):\s*(\w+)$", text, re.MULTILINE))
    docker = f"{capability_mask(frozenset(DOCKER_CAPABILITIES)):016x}"
    assert docker == "00000000a80425fb"  # as `docker run` shows it
    assert status["CapBnd"] == status["CapPrm"] == status["CapEff"] == docker
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        (("CAP_NET_ADMIN",), (), set(DOCKER_CAPABILITIES) | {"CAP_NET_ADMIN"}),
        ((), ("CAP_CHOWN",), set(DOCKER_CAPABILITIES) - {"CAP_CHOWN"}),
        (("CAP_KILL",), ("ALL",), {"CAP_KILL"}),
        ((), ("ALL",), set[str]()),
    ],
)
def test_capabilities_are_added_and_dropped(
    runtime: Runtime, netns: str, add: tuple[str, ...], drop: tuple[str, ...], expected: set[str]
) -> None:
    box = container_of("grep -E 'Cap(Bnd|Eff)' /proc/self/status", cap_add=add, cap_drop=drop)
    _, text = outcome(runtime, box, netns)
    mask = f"{capability_mask(frozenset(expected)):016x}"
    assert text.split() == ["CapEff:", mask, "CapBnd:", mask]


def test_privileged_has_all_that_we_have_and_may_set_its_sysctls(
    runtime: Runtime, netns: str
) -> None:
    script = "grep -E 'CapEff|Seccomp:' /proc/self/status; echo 1 > /proc/sys/net/ipv4/ip_forward"
    code, text = outcome(runtime, container_of(script, privileged=True), netns)
    ours = re.search(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    assert ours is not None
    assert code == 0
    assert text.split() == ["CapEff:", ours[1], "Seccomp:", "0"]
    shown = subprocess.run(
        ["nsenter", f"--net={netns}", "sysctl", "-n", "net.ipv4.ip_forward"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "1\n"


def test_sees_its_own_network_processes_and_names(runtime: Runtime, netns: str) -> None:
    subprocess.run(["ip", "-n", "box", "link", "add", "only-here", "type", "bridge"], check=True)
    script = (
        "ls /sys/class/net; hostname; cat /etc/hostname; grep box /etc/hosts; ps -e -o comm=;"
        "readlink /proc/self/ns/net; echo $$; ls -A /tmp /run"
    )
    box = container_of(script, hostname="seven")
    _, text = outcome(runtime, box, netns)
    inode = Path(netns).stat().st_ino
    assert text.splitlines() == [
        *("lo", "only-here", "seven", "seven", "172.17.0.2\tbox"),
        *("sh", "ps"),
        f"net:[{inode}]",
        "1",
        *("/run:", "", "/tmp:"),
    ]


def test_no_descriptor_of_ours_leaks_into_it(runtime: Runtime, netns: str) -> None:
    leak = os.open("/", os.O_RDONLY)
    os.set_inheritable(leak, True)
    os.dup2(leak, 77, inheritable=True)
    try:
        _, text = outcome(runtime, container_of("ls /proc/1/fd; true"), netns)
    finally:
        os.close(leak)
        os.close(77)
    assert text.split() == ["0", "1", "2"]


def test_ports_below_1024_and_ping_need_no_capability(runtime: Runtime, netns: str) -> None:
    script = (
        "ping -c1 -W2 127.0.0.1 >/dev/null && "
        "exec python3 -c 'import socket; socket.socket().bind((\"0.0.0.0\", 80))'"
    )
    box = container_of(script, cap_drop=("ALL",), environment={"PATH": "/usr/bin:/bin"})
    assert outcome(runtime, box, netns) == (0, "")


def test_user_is_that_user_without_any_capability(runtime: Runtime, netns: str) -> None:
    script = "id -u; id -g; grep CapEff /proc/self/status; echo x > /tmp/mine && echo $HOME"
    _, text = outcome(runtime, container_of(script, user="www-data"), netns)
    assert text.split() == ["33", "33", "CapEff:", "0" * 16, "/var/www"]
    _, text = outcome(runtime, container_of("id -u; id -g", user="1234:33"), netns)
    assert text.split() == ["1234", "33"]


def test_environment_is_dockers_and_what_was_asked_for(runtime: Runtime, netns: str) -> None:
    box = container_of("", command=("env",), environment={"COLOR": "a b\nc"}, hostname="seven")
    _, text = outcome(runtime, box, netns)
    assert (
        set(text.splitlines())
        == {
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            *("HOSTNAME=seven", "HOME=/root", "COLOR=a b", "c", "PWD=/"),
        }
        or "PWD" not in text
    )


def test_environment_is_not_on_show_in_ps(runtime: Runtime, netns: str) -> None:
    box = container_of("sleep 60", environment={"SECRET": "hunter2"})
    with running(runtime, box, netns) as up:
        shown = Path(f"/proc/{up.pid}/cmdline").read_bytes()
        shown += Path(f"/proc/{up.pid}/environ").read_bytes()
    assert b"hunter2" not in shown


def test_volumes_are_bound(runtime: Runtime, netns: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("inside\n")
    mounts = (
        Mount(source=str(tmp_path), target="/data"),
        Mount(source=str(tmp_path), target="/data-ro", read_only=True),
    )
    script = "cat /data/in; echo out > /data/out; echo no > /data-ro/no"
    code, text = outcome(runtime, container_of(script, mounts=mounts), netns)
    assert code != 0
    assert "inside" in text
    assert "Read-only" in text
    assert (tmp_path / "out").read_text() == "out\n"


def test_workdir(runtime: Runtime, netns: str) -> None:
    assert outcome(runtime, container_of("pwd", workdir="/usr/bin"), netns) == (0, "/usr/bin\n")


def test_host_network_is_the_hosts(runtime: Runtime, fresh_host: None) -> None:
    box = container_of("readlink /proc/self/ns/net", network_mode="host")
    assert outcome(runtime, box, None)[1].strip() == str(
        Path("/proc/thread-self/ns/net").readlink()
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$; exit 3", 3), ("no-such-program", 127)],
)
def test_exit_codes(runtime: Runtime, netns: str, script: str, code: int) -> None:
    assert outcome(runtime, container_of(script), netns)[0] == code


def test_killed_is_128_and_the_signal(runtime: Runtime, netns: str) -> None:
    with running(runtime, container_of("sleep 60"), netns) as box:
        assert runtime.exit_code(box) is None
        runtime.kill(box)
        assert process_of(box).wait(30)
        assert runtime.exit_code(box) == 137
        assert not runtime.is_running(box)


def test_terminate_lets_a_handler_run(runtime: Runtime, netns: str) -> None:
    script = "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    with running(runtime, container_of(script), netns) as box:
        _await_text(runtime.log_path(box), "ready")
        runtime.terminate(box)
        assert process_of(box).wait(30)
        assert runtime.exit_code(box) == 4
    assert runtime.log_path(box).read_text() == "ready\nbye\n"


def test_terminate_does_not_wait_for_the_deaf(runtime: Runtime, netns: str) -> None:
    """Pid 1 never gets a SIGTERM that it does not handle: Docker waits ten seconds for nothing."""
    with running(runtime, container_of("", command=("sleep", "60")), netns) as box:
        runtime.terminate(box)
        assert process_of(box).wait(30)
        assert runtime.exit_code(box) == 137


def test_everything_ends_with_the_command(runtime: Runtime, netns: str) -> None:
    box = container_of("setsid sleep 654321 & sleep 0.1")
    outcome(runtime, box, netns)
    assert "654321" not in subprocess.check_output(["ps", "-eo", "args"], text=True)


def test_killed_bubblewrap_leaves_nothing_running(runtime: Runtime, netns: str) -> None:
    with running(runtime, container_of("sleep 60"), netns) as box:
        init = runtime.init(box)
        process_of(box).send(signal.SIGKILL)
        assert process_of(box).wait(30)
        assert runtime.exit_code(box) == 137
        assert init.wait(30)


def test_outlives_its_starter_and_is_found_again(
    runtime: Runtime, netns: str, tmp_path: Path
) -> None:
    """Another process starts it and dies; we see it run, and learn its exit code."""
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from pathlib import Path\n"
        "from glassbridge.runtime.runtime import Runtime\n"
        "from tests.netns.runtime.containers import container_of, started\n"
        "box = container_of('sleep 0.7; echo late; exit 9')\n"
        "up = started(Runtime(Path(sys.argv[3])), box, sys.argv[4])\n"
        "print(up.id, up.pid, up.pid_started)\n"
    )
    project = Path(__file__).parents[3]
    sources = (str(project), str(project / "src"))
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            *sources,
            "/run/glassbridge-test",
            netns,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    box = replace(container_of(""), id=said[0], pid=int(said[1]), pid_started=int(said[2]))
    assert runtime.is_running(box)
    pidfd = runtime.open_pidfd(box)
    assert pidfd is not None
    os.close(pidfd)
    assert process_of(box).wait(30)
    assert runtime.exit_code(box) == 9
    assert runtime.log_path(box).read_text() == "late\n"
    assert runtime.open_pidfd(box) is None


def test_a_reused_pid_is_not_mistaken_for_it(runtime: Runtime, netns: str) -> None:
    me = process_now(os.getpid())
    assert me is not None
    stranger = replace(container_of(""), pid=me.pid, pid_started=me.started_ticks - 1)
    assert not runtime.is_running(stranger)
    assert runtime.open_pidfd(stranger) is None
    assert not Process(pid=me.pid, started_ticks=me.started_ticks - 1).send(signal.SIGTERM)


def test_leaves_no_zombie(runtime: Runtime, netns: str) -> None:
    box = started(runtime, container_of("true"), netns)
    assert process_of(box).wait(30)
    runtime.exit_code(box)
    assert process_now(process_of(box).pid) is None


def test_running_container_cannot_be_removed(runtime: Runtime, netns: str) -> None:
    with (
        running(runtime, container_of("sleep 60"), netns) as box,
        pytest.raises(Conflict, match="is running"),
    ):
        runtime.remove(box)
    runtime.remove(box)
    assert not runtime.folder(box).exists()


def test_hosts_can_change_while_it_runs(runtime: Runtime, netns: str) -> None:
    script = "while ! grep -q newcomer /etc/hosts; do sleep 0.02; done"
    with running(runtime, container_of(script), netns) as box:
        runtime.write_hosts(box, {"10.0.0.9": ("newcomer",)})
        assert process_of(box).wait(30)
        assert runtime.exit_code(box) == 0


def test_detached_and_interactive_reads_what_comes(runtime: Runtime, netns: str) -> None:
    with running(
        runtime, container_of("read line; echo got $line", interactive=True), netns
    ) as box:
        runtime.stdin_path(box).write_text("hello\n")
        assert process_of(box).wait(30)
        assert runtime.log_path(box).read_text() == "got hello\n"


def test_callers_pipe_is_its_input_to_the_end(runtime: Runtime, netns: str) -> None:
    reading, writing = os.pipe()
    box = container_of("", command=("wc", "-l"), interactive=True, stdin=_path_of(reading))
    try:
        with running(runtime, box, netns) as up:
            os.write(writing, b"1\n2\n3\n")
            os.close(writing)
            assert process_of(up).wait(30)
            assert runtime.log_path(up).read_text() == "3\n"
    finally:
        os.close(reading)


def test_a_fifo_without_a_writer_holds_nobody_up(
    runtime: Runtime, netns: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    box = container_of("", command=("cat",), interactive=True, stdin=str(tmp_path / "fifo"))
    assert outcome(runtime, box, netns) == (0, "")


def test_input_that_is_not_there_is_told(runtime: Runtime, netns: str) -> None:
    box = container_of("true", interactive=True, stdin="/no/such")
    runtime.prepare(box, {})
    with pytest.raises(KernelRefused, match="open the input /no/such: No such file"):
        runtime.start(box, netns)


def test_terminal_belongs_to_it(runtime: Runtime, netns: str) -> None:
    master, slave = os.openpty()
    try:
        box = container_of("test -t 0 && stty size && echo ok >/dev/tty", tty=os.ttyname(slave))
        with running(runtime, box, netns) as up:
            assert process_of(up).wait(30)
            assert runtime.exit_code(up) == 0
        assert os.read(master, 100) == b"0 0\r\nok\r\n"
    finally:
        os.close(master)
        os.close(slave)


def test_ctrl_c_reaches_the_command_alone(runtime: Runtime, netns: str) -> None:
    """Bubblewrap is in another session: the command may live on, and its own code is told."""
    master, slave = os.openpty()
    try:
        script = "trap 'echo heard; exit 5' INT; echo ready; while :; do sleep 0.05; done"
        box = container_of(script, tty=os.ttyname(slave))
        with running(runtime, box, netns) as up:
            _read_until(master, b"ready")
            os.write(master, b"\x03")
            assert b"heard" in _read_until(master, b"heard")
            assert process_of(up).wait(30)
            assert runtime.exit_code(up) == 5
    finally:
        os.close(master)
        os.close(slave)


def _read_until(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(descriptor, 100)
    return seen


def test_ended_container_lets_go_of_deleted_namespaces(
    runtime: Runtime, make_netns: Callable[[str], str]
) -> None:
    """A container's copy of the mounts must not keep the namespace of another alive."""
    other = make_netns("other")
    inode = Path(other).stat().st_ino
    with running(runtime, container_of("sleep 60"), make_netns("box")):
        subprocess.run(["ip", "netns", "del", "other"], check=True)
        lists = Path("/proc").glob("[0-9]*/mountinfo")
        assert not any(f"net:[{inode}]" in _read(file) for file in lists)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rootfs": "/no/such"}, NotFound, "rootfs /no/such does not exist"),
        ({"rootfs": "/etc/passwd"}, NotFound, "is not a directory"),
        ({"rootfs": "var"}, InvalidRequest, "not an absolute path"),
        ({"command": ("no-such",)}, NotFound, "program no-such does not exist in /"),
        ({"command": ("/etc/passwd",)}, NotFound, "not executable"),
        ({"command": ()}, InvalidRequest, "no command"),
        ({"user": "nosuch"}, NotFound, "user nosuch"),
        ({"user": "root:nosuch"}, NotFound, "group nosuch"),
        ({"workdir": "/no/such"}, NotFound, "working directory /no/such"),
        ({"cap_add": ("CAP_FLY",)}, InvalidRequest, "CAP_FLY"),
        ({"mounts": (Mount(source="/no/such", target="/x"),)}, NotFound, "/no/such"),
        (
            {"mounts": (Mount(source="/etc", target="/usr/new"),)},
            InvalidRequest,
            "mount point /usr/new",
        ),
    ],
)
def test_what_cannot_start_is_told_by_name(
    runtime: Runtime, options: dict[str, object], error: type[GlassbridgeError], message: str
) -> None:
    box = container_of("true", **options)
    with pytest.raises(error, match=message):
        runtime.prepare(box, {})
    assert not runtime.folder(box).exists()


def test_missing_bubblewrap_is_told_with_the_cure(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="bubblewrap") as caught:
        runtime.check(container_of("true"))
    assert caught.value.hint == "apt install bubblewrap"


def test_failure_within_bubblewrap_is_told(runtime: Runtime, netns: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/interpreter\n")
    broken.chmod(0o755)
    box = container_of(
        "", command=("/x/broken",), mounts=(Mount(source=str(tmp_path), target="/x"),)
    )
    box = replace(box, spec=replace(box.spec, rootfs=str(_tree(tmp_path / "tree", "x/broken"))))
    runtime.prepare(box, {})
    with pytest.raises(Unavailable, match="box did not start: execvp /x/broken: No such file"):
        runtime.start(box, netns)


def test_gone_namespace_is_told(runtime: Runtime, fresh_host: None) -> None:
    box = container_of("true")
    runtime.prepare(box, {})
    with pytest.raises(Unavailable, match=r"No such file or directory \(/run/netns/gone\)"):
        runtime.start(box, "/run/netns/gone")


def test_capability_that_we_lack_is_refused(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glassbridge.runtime.capabilities.permitted_capabilities", lambda: 1)
    with pytest.raises(PermissionRefused, match="cannot add CAP_NET_ADMIN"):
        runtime.check(container_of("true", cap_add=("CAP_NET_ADMIN",)))


def _tree(folder: Path, program: str) -> Path:
    (folder / program).parent.mkdir(parents=True)
    (folder / program).write_text("")
    (folder / program).chmod(0o755)
    return folder


def _path_of(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _await_text(file: Path, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in _read(file):
        assert time.monotonic() < deadline
        time.sleep(0.01)
