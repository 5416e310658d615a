"""Containers through the engine: their life, their networks, and what a crash may not leave."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.netns.engine import dying_run
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.seeing import addresses, eventually, is_free, link, open_socket
from tests.netns.firewall import frames

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, GlassbridgeError, InvalidRequest, NotFound, Unavailable
from glassbridge.kernel.netns import inside
from glassbridge.model.address import Mac
from glassbridge.model.container import Container, ContainerSpec, ContainerState, NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import RunRequest
from glassbridge.model.views import SandboxView

Folders = tuple[Path, Path]
WEB = PortWish(container_port=80, host_ports=(8080, 8080))
SERVE = ("socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:echo it works")
HERE = "/proc/thread-self/ns/net"


def request(name: str, *command: str, rm: bool = False, **wishes: object) -> RunRequest:
    spec = ContainerSpec(rootfs="/", command=command or ("sleep", "4321"), auto_remove=rm)
    return RunRequest(name=name, spec=spec, **wishes)  # type: ignore[arg-type]


def shell(name: str, script: str, **wishes: object) -> RunRequest:
    return request(name, "sh", "-c", script, **wishes)  # type: ignore[arg-type]


def container(view: SandboxView) -> Container:
    assert view.container is not None
    return view.container


def log_of(folders: Folders, view: SandboxView) -> str:
    return (folders[0] / "containers" / view.sandbox.id / "log").read_text().strip()


def test_from_run_to_remove(engine: Engine) -> None:
    view = engine.run(request("web", *SERVE, ports=(WEB,)))
    endpoint = view.endpoints[0].endpoint
    assert container(view).state is ContainerState.RUNNING
    assert addresses("eth0", view.sandbox.netns) == {"172.17.0.2/16"}
    eventually(lambda: fetch("172.17.0.2", 80) == "it works")
    assert fetch("127.0.0.1", 8080) == "it works"
    with pytest.raises(Conflict, match="the name web is taken"):
        engine.run(request("web"))
    with pytest.raises(Conflict, match="container web is running"):
        engine.remove("web")
    with pytest.raises(Conflict, match="web is a container of the runtime"):
        engine.detach("web")

    stopped = engine.stop("web", 5)
    assert container(stopped).state is ContainerState.EXITED
    assert stopped.endpoints == ()
    assert not link(endpoint.host_end)
    assert not Path(view.sandbox.netns).exists()
    assert is_free(8080)
    assert engine.stop("web").container == stopped.container, "stopped already is success"

    again = engine.start("web")
    assert container(again).state is ContainerState.RUNNING
    eventually(lambda: fetch("127.0.0.1", 8080) == "it works")
    with pytest.raises(Conflict, match="web is running already"):
        engine.start("web")
    engine.remove("web", force=True)
    assert engine.sandboxes() == ()
    assert is_free(8080)
    check_consistency(engine)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("sh -c 'kill -9 $$'", 137), ("sleep 0.2; exit 3", 3)],
)
def test_exit_codes(engine: Engine, script: str, code: int) -> None:
    engine.run(shell("box", script))
    assert engine.wait("box", 10) == code
    view = engine.sandbox("box")
    assert container(view).exit_code == code
    assert view.endpoints == ()
    assert engine.wait("box") == code, "later, too"
    check_consistency(engine)


def test_stop_kills_what_does_not_listen(engine: Engine, folders: Folders) -> None:
    wait = "echo ready; while :; do sleep 0.1; done"
    deaf = engine.run(shell("deaf", f"trap : TERM; {wait}"))
    polite = engine.run(shell("polite", f"trap 'exit 5' TERM; {wait}"))
    eventually(lambda: {log_of(folders, b) for b in (deaf, polite)} == {"ready"})
    began = time.monotonic()
    view = engine.stop("deaf", 0.5)
    assert time.monotonic() - began >= 0.5
    assert container(view).exit_code == 137
    assert container(engine.stop("polite", 30)).exit_code == 5


def test_auto_remove(engine: Engine, folders: Folders) -> None:
    view = engine.run(shell("brief", "sleep 0.3; exit 9", rm=True, ports=(WEB,)))
    assert engine.wait("brief", 10) == 9
    eventually(lambda: engine.sandboxes() == ())
    assert not (folders[0] / "containers" / view.sandbox.id).exists()
    assert is_free(8080)
    with pytest.raises(NotFound, match="no such container: brief"):
        engine.wait("brief")


def test_wait_gives_up(engine: Engine) -> None:
    engine.run(request("box"))
    assert engine.wait("box", 0.1) is None


def test_network_none(engine: Engine) -> None:
    view = engine.run(request("box", network_mode="none"))
    assert view.endpoints == ()
    assert links_of(view.sandbox.netns) == {"lo"}
    assert addresses("lo", view.sandbox.netns) == {"127.0.0.1/8", "::1/128"}
    engine.remove("box", force=True)
    assert not Path(view.sandbox.netns).exists()


def test_network_host(engine: Engine, folders: Folders) -> None:
    view = engine.run(shell("box", "readlink /proc/self/ns/net", network_mode="host"))
    assert engine.wait("box", 10) == 0
    assert log_of(folders, view) == str(Path(HERE).readlink())
    with pytest.raises(InvalidRequest, match="ports cannot be published with --network host"):
        engine.run(request("other", network_mode="host", ports=(WEB,)))


def test_network_of_another_container(engine: Engine, folders: Folders) -> None:
    first = engine.run(request("first"))
    look = "cat /sys/class/net/eth0/address"
    second = engine.run(shell("second", look, network_mode="container:first"))
    assert engine.wait("second", 10) == 0
    assert log_of(folders, second) == first.endpoints[0].endpoint.mac
    with pytest.raises(NotFound, match="nobody"):
        engine.run(request("third", network_mode="container:nobody"))
    engine.stop("first", 0)
    with pytest.raises(Conflict, match="container first, whose network is to be shared"):
        engine.run(request("third", network_mode="container:first"))
    assert {v.sandbox.name for v in engine.sandboxes()} == {"first", "second"}


def test_a_refused_run_leaves_nothing(engine: Engine, folders: Folders) -> None:
    web = engine.run(request("web", ports=(WEB,))).sandbox.id
    links = links_of(HERE)
    refused = (
        request("box", ports=(WEB,)),
        request("box", "no-such-program"),
        request("box", networks=(NetworkWish(network="bridge", ipv4="10.0.0.1"),)),
        request("box", networks=(NetworkWish(network="nowhere"),)),
        request("box", network_mode="bogus"),
    )
    for wish in refused:
        with pytest.raises(GlassbridgeError):
            engine.run(wish)
    assert [v.sandbox.id for v in engine.sandboxes()] == [web]
    assert links_of(HERE) == links
    assert [p.name for p in (folders[0] / "netns").iterdir()] == [web[:12]]
    assert [p.name for p in (folders[0] / "containers").iterdir()] == [web]
    check_consistency(engine)


def test_it_outlives_the_daemon_and_is_adopted(fresh_host: None, folders: Folders) -> None:
    engine = Engine(*folders)
    started = engine.run(request("web", *SERVE, ports=(WEB,)))
    brief = engine.run(shell("brief", "sleep 0.5; exit 4"))
    eventually(lambda: fetch("127.0.0.1", 8080) == "it works")
    engine.close()
    assert fetch("127.0.0.1", 8080) == "it works"
    eventually(lambda: has_ended(container(brief)))
    engine = Engine(*folders)
    try:
        assert engine.sandbox("web") == started
        assert container(engine.sandbox("brief")).state is ContainerState.EXITED
        assert engine.wait("brief") == 4
        assert engine.sandbox("brief").endpoints == ()
        assert fetch("127.0.0.1", 8080) == "it works"
        check_consistency(engine)
        engine.stop("web", 5)
        assert is_free(8080)
        assert engine.wait("web") is not None
    finally:
        engine.down(force=True)
        engine.close()


def test_closing_answers_who_waits(fresh_host: None, folders: Folders) -> None:
    engine = Engine(*folders)
    engine.run(request("box"))
    said: list[BaseException] = []

    def wait() -> None:
        try:
            engine.wait("box", 10)
        except GlassbridgeError as error:
            said.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.1)
    engine.close()
    waiter.join()
    assert [type(e) for e in said] == [Unavailable]
    engine = Engine(*folders)
    engine.down(force=True)
    engine.close()


@pytest.mark.parametrize("step", dying_run.STEPS)
def test_a_crash_in_the_middle_of_run_leaves_nothing(
    fresh_host: None, folders: Folders, step: str
) -> None:
    """Nobody was told of the container, so the next start takes it away."""
    wish = dying_run.request(seconds := unique_seconds())
    before = look_at_host()
    program = Path(__file__).with_name("dying_run.py")
    die(str(program), *map(str, folders), seconds, step)
    engine = Engine(*folders)
    try:
        assert engine.sandboxes() == ()
        check_consistency(engine)
        assert list((folders[0] / "netns").glob("*")) == []
        assert list((folders[0] / "containers").glob("*")) == []
        eventually(lambda: not commands(*wish.spec.command))
        engine.run(wish)
    finally:
        engine.down(force=True)
        engine.close()
    assert look_at_host() == before


def test_a_crash_in_the_middle_of_start_leaves_it_stopped(
    fresh_host: None, folders: Folders
) -> None:
    """A container that was stopped before is known: it stays, as it was."""
    engine = Engine(*folders)
    wish = dying_run.request(unique_seconds())
    engine.run(wish)
    engine.stop("web", 0)
    engine.close()
    program = (
        "from tests.netns.engine import dying_run as d; import sys; from pathlib import Path;"
        "d.die_after('executed'); d.Engine(Path(sys.argv[1]), Path(sys.argv[2])).start('web')"
    )
    die("-c", program, *map(str, folders))
    assert commands(*wish.spec.command)
    engine = Engine(*folders)
    try:
        view = engine.sandbox("web")
        assert container(view).state is ContainerState.EXITED
        assert view.endpoints == ()
        eventually(lambda: not commands(*wish.spec.command))
        check_consistency(engine)
        engine.start("web")
    finally:
        engine.down(force=True)
        engine.close()


def test_the_hosts_loopback_is_out_of_reach(engine: Engine) -> None:
    """A frame to 127.0.0.1 with the bridge's MAC: the host may route it in, and must not."""
    view = engine.run(request("box"))
    bridge = Mac(str(link("gb0")["address"]))
    with open_socket("", socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 7000))
        server.settimeout(0.3)
        with Path(view.sandbox.netns).open() as netns, inside(netns.fileno()):
            attacker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with attacker:
            attacker.bind(("eth0", 0))
            for target in ("127.0.0.1", "172.17.0.1"):
                packet = frames.udp4(
                    IPv4Address("172.17.0.2"), IPv4Address(target), (7001, 7000), target.encode()
                )
                mac = view.endpoints[0].endpoint.mac
                attacker.send(frames.ethernet(mac, bridge, frames.IPV4, packet))
        assert server.recv(100) == b"172.17.0.1"
        with pytest.raises(TimeoutError):
            server.recv(100)


def unique_seconds() -> str:
    """A time to sleep that is nobody else's: tests beside this one share /proc."""
    return str(100_000 + secrets.randbelow(2**40))


def die(*arguments: str) -> None:
    command = [sys.executable, *arguments]
    died = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert died.returncode == -signal.SIGKILL, died.stderr


def fetch(address: str, port: int) -> str:
    try:
        with socket.create_connection((address, port), 2) as client:
            return client.recv(100).decode().strip()
    except OSError:
        return ""


def links_of(netns: str) -> set[str]:
    with Path(netns).open() as opened, inside(opened.fileno()):
        return {name for _, name in socket.if_nameindex()}


def has_ended(ended: Container) -> bool:
    stat = Path(f"/proc/{ended.pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def commands(*words: str) -> list[int]:
    """The processes that run a command, by pid."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes().split(b"\0")[:-1] == [w.encode() for w in words]:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
