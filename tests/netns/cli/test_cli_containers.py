"""run, exec, logs, attach, stack and bridge on the real engine."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.netns.cli.program import Glassbridge

from glassbridge.app.client import Client
from glassbridge.model.views import NetworkView, SandboxView


def sh(script: str) -> list[str]:
    return ["--rootfs", "/", "sh", "-c", script]


def kernel() -> str:
    """What nothing refused may change: links, addresses, namespaces, sockets."""
    commands = (
        ["ip", "-br", "address"],
        ["ip", "netns"],
        ["ss", "-lntuH"],
        ["nft", "list", "maps"],
    )
    shown = (subprocess.run(c, capture_output=True, text=True, check=True) for c in commands)
    return "\n".join(s.stdout for s in shown)


def test_a_foreground_run_shows_output_and_returns_the_code(gb: Glassbridge) -> None:
    done = gb.run("run", "--name", "talker", *sh("echo out; echo err >&2; exit 5"))
    assert done.returncode == 5
    assert sorted(done.stdout.split()) == ["err", "out"]
    assert gb.json("ps") == []
    (view,) = gb.json("ps", "-a")
    assert (view["container"]["state"], view["container"]["exit_code"]) == ("exited", 5)
    assert gb("logs", "talker").split() == done.stdout.split()
    assert gb("logs", "-n", "1", "talker").split() == done.stdout.split()[-1:]


def test_rm_removes_it_and_keeps_code_and_output(gb: Glassbridge) -> None:
    done = gb.run("run", "--rm", *sh("seq 20000; exit 3"))
    assert done.returncode == 3
    assert done.stdout.split() == [str(n) for n in range(1, 20001)]
    assert gb.json("ps", "-a") == []


def test_our_own_failure_in_the_foreground_is_125(gb: Glassbridge) -> None:
    assert "no-such-program" in gb.refused(125, "run", "--rootfs", "/", "no-such-program")
    assert gb.json("ps", "-a") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_container(gb: Glassbridge, number: signal.Signals) -> None:
    script = "trap 'echo stopped; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    process = gb.start("run", "--name", "it", *sh(script), stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (7, "stopped\n", "")


def test_input_goes_in(gb: Glassbridge) -> None:
    process = gb.start("run", "-i", "--rootfs", "/", "cat", stdin=subprocess.PIPE)
    out, err = process.communicate("hello\n", timeout=30)
    assert (process.returncode, out) == (0, "hello\n"), err


def test_a_terminal(gb: Glassbridge) -> None:
    gb("up")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [
            "setsid",
            "-c",
            *gb.command(
                "run", "-it", *sh("tty; echo size $(stty size); read x; echo got $x; exit 4")
            ),
        ],
        env=gb.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while b"size" not in shown:  # what is typed before the terminal is raw would be discarded
        shown += os.read(master, 4096)
    os.write(master, b"word\r")
    with suppress(OSError):  # EIO: every slave is closed
        while chunk := os.read(master, 4096):
            shown += chunk
    os.close(master)
    assert process.wait(30) == 4
    assert b"/dev/" in shown
    assert b"not a tty" not in shown
    assert b"got word" in shown


def test_exec_returns_the_code_and_sees_the_network(gb: Glassbridge) -> None:
    gb("run", "-d", "--name", "web", *sh("sleep 1000"))
    shown = gb("exec", "web", "ip", "-br", "-4", "address", "show", "eth0")
    assert "172.17.0.2/16" in shown
    assert gb.run("exec", "-e", "X=6", "web", "sh", "-c", "exit $X").returncode == 6
    assert "ghost" in gb.refused(125, "exec", "ghost", "true")


def test_logs_follow_until_the_end(gb: Glassbridge) -> None:
    gb("run", "-d", "--name", "slow", *sh("for i in 1 2 3; do echo $i; sleep 0.2; done"))
    started = time.monotonic()
    assert gb("logs", "-f", "slow").split() == ["1", "2", "3"]
    assert time.monotonic() - started > 0.2


def test_start_stop_rm(gb: Glassbridge) -> None:
    gb("run", "-d", "--name", "web", *sh("exec sleep 1000"))
    gb.refused(4, "rm", "web")
    assert gb("stop", "-t", "0", "web") == "web\n"
    assert gb.json("ps") == []
    assert "is not running" in gb.refused(3, "stack", "web")
    assert gb("start", "web") == "web\n"
    assert [v["sandbox"]["name"] for v in gb.json("ps")] == ["web"]
    assert gb("rm", "-f", "web") == "web\n"
    assert gb.json("ps", "-a") == []


def test_stack_agrees_with_ip_and_names_the_cable(gb: Glassbridge) -> None:
    gb("run", "-d", "--name", "web", *sh("sleep 1000"))
    gb("run", "-d", "--name", "peer", *sh("sleep 1000"))
    gb("exec", "web", "ping", "-c1", "172.17.0.3")
    (view, _) = gb.json("ps")
    endpoint = view["endpoints"][0]["endpoint"]
    screen = gb("stack", "web")
    assert f"cable -> {endpoint['host_end']} on the host, port 1 of bridge gb0" in screen
    assert "default via 172.17.0.1 dev eth0" in screen
    assert "172.17.0.3 is 02:42:ac:11:00:03 (peer)" in screen
    assert max(map(len, screen.splitlines())) <= 100
    routes = json.loads(gb("exec", "web", "ip", "-j", "route"))
    report = gb.json("stack", "web")
    ours = {(r["destination"], r["gateway"]) for r in report["stack"]["routes"]}
    told = {("0.0.0.0/0" if r["dst"] == "default" else r["dst"], r.get("gateway")) for r in routes}
    assert ours == told
    learned = gb("bridge", "gb0")
    assert learned.splitlines()[0].startswith("gb0   172.17.0.1/16   ")
    line = next(line for line in learned.splitlines() if " web " in line)
    assert line.split()[:2] == ["1", endpoint["host_end"]]
    assert "02:42:ac:11:00:02 (" in line


def test_what_we_did_not_make_is_shown_without_a_daemon(
    gb: Glassbridge, make_netns: Callable[[str], str]
) -> None:
    path = make_netns("theirs")
    for command in (
        "link add br9 type bridge",
        "link add vt0 type veth peer name vt1 netns theirs",
        "link set vt0 master br9",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    for target in ("theirs", f"netns:{path}"):
        screen = gb("stack", target)
        assert screen.startswith("theirs   netns ")
        assert "cable -> vt0 on the host, port 1 of bridge br9" in screen
    assert "cable -> vt1 of theirs" in gb("stack", "host")
    assert " theirs " in gb("bridge", "br9").splitlines()[2]
    assert f"netns {Path('/proc/self/ns/net').stat().st_ino}" in gb("stack", f"pid:{os.getpid()}")
    assert not gb.run_dir.exists()


def test_a_lost_cable_says_so(gb: Glassbridge, make_netns: Callable[[str], str]) -> None:
    make_netns("hidden")
    subprocess.run(
        ["ip", "link", "add", "vt0", "type", "veth", "peer", "name", "vt1", "netns", "hidden"],
        check=True,
    )
    # an open file keeps the namespace; neither a path nor a process leads there
    with Path("/run/netns/hidden").open():
        subprocess.run(["ip", "netns", "del", "hidden"], check=True)
        shown = gb("stack", "host")
    assert "cable -> its other end is in a namespace that cannot be found" in shown


def test_rules_are_listed(gb: Glassbridge, make_netns: Callable[[str], str]) -> None:
    make_netns("ruled")
    subprocess.run(
        ["ip", "netns", "exec", "ruled", "nft", "add", "table", "inet", "mine"], check=True
    )
    assert "table inet mine" in gb("stack", "ruled")
    assert "none of its own" not in gb("stack", "ruled")


@pytest.fixture
def busy(gb: Glassbridge, make_netns: Callable[[str], str]) -> Glassbridge:
    """One network, one container with a port, one namespace that can be attached."""
    make_netns("blue")
    gb("network", "create", "small", "--subnet", "10.9.0.0/30")
    gb("run", "-d", "--name", "web", "-p", "8080:80", *sh("sleep 1000"))
    gb("run", "-d", "--name", "full", "--network", "small", *sh("sleep 1000"))
    return gb


BAD: list[tuple[str, int, str]] = [
    ("attach --netns /run/netns/blue --network ghost", 3, "ghost"),
    ("network connect small ghost", 3, "ghost"),
    ("network connect ghost web", 3, "ghost"),
    ("run -d --name web --rootfs / true", 4, "web"),
    ("network create small", 4, "small"),
    ("network create xx --subnet 10.8.0.0/33", 2, "10.8.0.0/33"),
    ("network create xx --subnet nonsense", 2, "nonsense"),
    ("network create xx --subnet 10.8.0.5/24", 2, "10.8.0.5/24"),
    ("network create xx --subnet 10.8.0.0/24 --gateway 10.7.0.1", 2, "10.7.0.1"),
    ("network create xx --subnet 10.9.0.0/16", 4, "10.9.0.0/"),
    ("network create xx -o com.docker.network.bridge.name=sixteen-letters-", 2, "sixteen-letters-"),
    ("network create xx -o com.docker.network.bridge.nmae=x", 2, "nmae"),
    ("network rm small", 4, "small"),
    ("attach --netns /run/netns/blue --ip 172.17.0.2", 4, "172.17.0.2"),
    ("attach --netns /run/netns/blue --ip 10.1.2.3", 2, "10.1.2.3"),
    ("attach --netns /run/netns/blue --network small", 5, "10.9.0.0/30"),
    ("attach --netns /run/netns/blue -p 8080:80", 4, "8080"),
    ("attach --netns /run/netns/gone", 3, "/run/netns/gone"),
    ("attach --netns /etc/passwd", 2, "/etc/passwd"),
    ("attach --pid 4194305", 3, "4194305"),
    ("detach ghost", 3, "ghost"),
    ("detach web", 4, "web"),
    ("rm ghost", 3, "ghost"),
    ("stop ghost", 3, "ghost"),
    ("start web", 4, "web"),
    ("run -d --rootfs /nowhere/at/all true", 3, "/nowhere/at/all"),
    ("run -d --rootfs / --network ghost true", 3, "ghost"),
    ("run -d --rootfs / --network container:ghost true", 3, "ghost"),
    ("run -d --rootfs / --user nobody-at-all true", 3, "nobody-at-all"),
    ("run -d --rootfs / no-such-program", 3, "no-such-program"),
]


def test_bad_input_leaves_nothing_half_done(busy: Glassbridge) -> None:
    """All in one world: what one refusal leaves behind, the next comparison shows."""
    before = kernel()
    known = _names(busy)
    wrong: list[tuple[object, ...]] = []
    for arguments, code, words in BAD:
        done = busy.run(*arguments.split())
        lines = done.stderr.splitlines()
        well_told = bool(lines) and lines[0].startswith("error: ") and len(lines) <= 2
        if done.returncode != code or words not in done.stderr or not well_told:
            wrong.append((arguments, code, done.returncode, done.stdout + done.stderr))
        if kernel() != before or _names(busy) != known:
            wrong.append((arguments, "left something behind", kernel(), str(_names(busy))))
            before, known = kernel(), _names(busy)
    assert not wrong, "\n".join(map(str, wrong))


def _names(gb: Glassbridge) -> tuple[list[str], list[str]]:
    with Client(gb.run_dir / "glassbridge.sock") as client:
        views = client.get("/v1/sandboxes", tuple[SandboxView, ...])
        networks = client.get("/v1/networks", tuple[NetworkView, ...])
    return [v.sandbox.name for v in views], [n.network.name for n in networks]


def test_missing_bubblewrap_is_named(gb: Glassbridge, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"):
        for program in Path(folder).iterdir():
            link = tools / program.name
            if program.name != "bwrap" and not link.exists():
                link.symlink_to(program)
    gb.environment["PATH"] = str(tools)
    assert "bubblewrap is not installed" in gb.refused(7, "run", "-d", "--rootfs", "/", "true")
    assert gb.json("ps", "-a") == []
