"""The live host read into a snapshot, against `ip -j`; names resolved on it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from tests.netns.walk.witness_stage import A6, A, B, C, Stage

from glassbridge.engine.snapshot_files import read_snapshot, write_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.engine.survey import Survey
from glassbridge.engine.targets import Surveyed
from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.kernel.netns import cookie_of, inside, opened_netns
from glassbridge.model.ruleset import Origin
from glassbridge.walk.wiring import wiring_of

MakeNetns = Callable[[str], str]


@pytest.fixture
def stage(make_netns: MakeNetns) -> Iterator[Stage]:
    built = Stage(make_netns)
    yield built
    built.close()


def show(*command: str) -> Any:
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


@contextmanager
def process_in(netns: str) -> Iterator[int]:
    command = ["ip", "netns", "exec", netns, sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        program = Path(sys.executable).resolve()
        while Path(f"/proc/{process.pid}/exe").readlink() != program:
            pass  # until ip has turned into it
        yield process.pid
        process.kill()


def test_only_what_is_asked_for_is_read(stage: Stage) -> None:
    survey = Survey()
    assert survey.snapshot.namespaces == {}
    a = survey.resolve("a")
    assert a.cookie == cookie_of(stage.fds["a"])
    assert set(survey.snapshot.namespaces) == {a.cookie}
    survey.read([survey.home])
    assert set(survey.snapshot.namespaces) == {a.cookie, cookie_of(stage.fds["host"])}
    assert not survey.snapshot.is_whole


def test_everything_is_as_ip_shows_it(stage: Stage) -> None:
    survey = Survey()
    survey.read_all()
    snapshot = survey.snapshot
    assert snapshot.is_whole
    for name, fd in stage.fds.items():
        stack = snapshot.namespaces[cookie_of(fd)].stack
        within = () if name == "host" else ("-n", name)
        links = show("ip", *within, "-j", "-d", "link")
        assert [(k.ifindex, k.ifname, k.mac) for k in stack.links if not k.is_loopback] == [
            (k["ifindex"], k["ifname"], k["address"]) for k in links if k["ifname"] != "lo"
        ]
        shown = {
            f"{a['local']}/{a['prefixlen']}"
            for k in show("ip", *within, "-j", "addr")
            for a in k["addr_info"]
        }
        assert {str(a.interface) for a in stack.addresses} == shown
        assert len([r for r in stack.routes if r.destination.version == 4]) == len(
            show("ip", *within, "-j", "-4", "route", "show", "table", "main")
        )


def test_cables_alone_make_the_same_topology(stage: Stage) -> None:
    """And no other table is read for it: of a thousand namespaces that would be seconds."""
    whole, cables = Survey(), Survey(reads="cables")
    whole.read_all()
    cables.read_all()
    assert wiring_of(cables.snapshot) == wiring_of(whole.snapshot)
    for namespace in cables.snapshot.namespaces.values():
        stack = namespace.stack
        unread = (stack.sysctls, stack.local_routes, stack.rules, stack.sockets, stack.fdb)
        assert not any((*unread, stack.neighbours, stack.filters, namespace.ruleset.tables))


def test_every_cable_is_followed_from_both_ends(stage: Stage) -> None:
    survey = Survey()
    survey.read_all()
    _check_cables(survey, stage)


def test_a_cable_is_followed_before_its_far_end_is_read(stage: Stage) -> None:
    survey = Survey()
    survey.read([survey.home])
    snapshot = survey.snapshot
    host = snapshot.namespaces[snapshot.home].stack
    for name in ("a", "b", "c"):
        port = next(k for k in host.links if k.ifname == f"port-{name}")
        far = snapshot.far_end(snapshot.home, port)
        assert far is not None
        assert far[0] == cookie_of(stage.fds[name])
        seen = survey.look_across(snapshot.home, port)
        assert seen is not None
        assert (seen.cookie, seen.link.ifname) == (far[0], "eth0")
    assert set(survey.snapshot.namespaces) == {snapshot.home}


def test_a_cable_between_two_containers(make_netns: MakeNetns) -> None:
    red, blue = make_netns("red"), make_netns("blue")
    command = "ip -n red link add x type veth peer name y netns blue"
    subprocess.run(command.split(), check=True)
    survey = Survey()
    left = survey.resolve(f"netns:{red}")
    assert left.cookie is not None
    snapshot = survey.snapshot
    x = snapshot.namespaces[left.cookie].stack.links[-1]
    right = survey.resolve(f"netns:{blue}").cookie
    assert snapshot.far_end(left.cookie, x) == (right, x.peer)


def _check_cables(surveyed: Surveyed, stage: Stage) -> None:
    home = surveyed.snapshot.home
    for name in ("a", "b", "c"):
        cookie = cookie_of(stage.fds[name])
        (eth0,) = (k for k in surveyed.snapshot.namespaces[cookie].stack.links if k.peer)
        far = surveyed.look_across(cookie, eth0)
        assert far is not None
        assert (far.cookie, far.link.ifname) == (home, f"port-{name}")
        back = surveyed.look_across(home, far.link)
        assert back is not None
        assert (back.cookie, back.link) == (cookie, eth0)


@pytest.mark.parametrize("gone", [True, False])
def test_a_namespace_that_vanished(stage: Stage, gone: bool) -> None:
    survey = Survey()
    b = survey.resolve("b")
    assert b.cookie is not None
    survey = Survey()
    survey.roster.ask_engines()
    if gone:
        subprocess.run(["ip", "netns", "del", "b"], check=True)
    survey.read([b.cookie])
    assert (b.cookie in survey.snapshot.namespaces) != gone
    assert any(u.startswith("b: ") for u in survey.snapshot.unreadable) == gone
    if gone:
        with pytest.raises(NotFound):
            survey.open(b.cookie)


def test_a_path_that_is_another_namespace_by_now(stage: Stage) -> None:
    survey = Survey()
    b = survey.resolve("b").cookie
    assert b is not None
    subprocess.run(["ip", "netns", "del", "b"], check=True)
    subprocess.run(["ip", "netns", "add", "b"], check=True)
    with pytest.raises(NotFound, match="is gone"):
        survey.open(b)


def test_targets(stage: Stage) -> None:
    survey = Survey()
    cookies = {name: cookie_of(fd) for name, fd in stage.fds.items()}
    with process_in("a") as pid:
        by_pid = survey.resolve(f"pid:{pid}")
        assert (by_pid.cookie, by_pid.name, by_pid.pid) == (cookies["a"], "a", pid)
    assert survey.resolve("netns:/run/netns/c").cookie == cookies["c"]
    assert survey.resolve("host").cookie == cookies["host"]
    assert survey.resolve("a").address == ip_address(A)
    assert survey.resolve("a", 6).address == ip_address(A6)
    of_b = survey.resolve(B)
    assert (of_b.cookie, of_b.name, of_b.address) == (cookies["b"], "b", ip_address(B))
    gateway = survey.resolve("10.78.0.1")
    assert (gateway.cookie, gateway.name) == (cookies["host"], "host")
    for outside in ("203.0.113.9", "127.0.0.1", "::1", "10.77.0.200"):
        assert survey.resolve(outside).cookie is None, outside
    localhost = survey.resolve("localhost", 4)
    assert (localhost.cookie, str(localhost.address)) == (None, "127.0.0.1")


def test_a_process_is_the_name_of_what_nobody_named(stage: Stage) -> None:
    with subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", "print('in', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        found = Survey().resolve(f"pid:{process.pid}")
        assert found.name == f"{Path(sys.executable).name[:15]} (pid {process.pid})"
        assert found.address is None
        whole = Survey()
        whole.read_all()
        assert found.cookie not in whole.snapshot.namespaces, "no cable leads there"
        assert found.name not in {n.name for n in whole.snapshot.names}
        cable = f"ip link add x0 type veth peer name x1 netns {process.pid}"
        subprocess.run(cable.split(), check=True)
        whole = Survey()
        whole.read_all()
        assert found.cookie in whole.snapshot.namespaces
        assert found.name in {n.name for n in whole.snapshot.names if n.origin is Origin.PROCESS}
        process.kill()


def test_a_link_of_another_namespace_on_one_of_ours_is_found(fresh_host: None) -> None:
    """A macvlan's namespace: no link of the host leads to it, but one of it to the host."""
    program = ["unshare", "-n", sys.executable, "-c", "print('in', flush=True); input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        for command in (
            "link add lower type veth peer name upper",
            f"link add mv0 link lower netns {process.pid} type macvlan mode bridge",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        survey = Survey()
        survey.read_all()
        with opened_netns(f"/proc/{process.pid}/ns/net") as fd:
            assert cookie_of(fd) in survey.snapshot.namespaces
        process.kill()


@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        ("nosuch", NotFound, "no such container: nosuch"),
        ("pid:999999999", NotFound, "does not exist"),
        ("netns:/run/netns/absent", NotFound, "does not exist"),
        ("netns:/etc/passwd", InvalidRequest, "is not a network namespace"),
        ("netns:", NotFound, "does not exist"),
        ("no-such-host.invalid", NotFound, "is no container, and no host name"),
        ("a..b", NotFound, "no such container"),
        ("x" * 300 + ".example", NotFound, "no such container"),
    ],
)
def test_what_cannot_be_resolved(
    stage: Stage, target: str, error: type[GlassbridgeError], told: str
) -> None:
    with pytest.raises(error, match=told) as caught:
        Survey().resolve(target)
    assert caught.value.message


def test_near_names_are_offered(make_netns: MakeNetns) -> None:
    make_netns("frontend")
    with pytest.raises(NotFound) as caught:
        Survey().resolve("fronted")
    assert caught.value.hint == "did you mean frontend?"


def test_owners_of_sockets_where_asked(stage: Stage) -> None:
    with process_in("c") as pid, inside(stage.fds["c"]):
        server = socket.create_server(("0.0.0.0", 8080))
    with server:
        survey = Survey()
        cookie = survey.resolve("c").cookie
        assert cookie is not None
        (listening,) = survey.snapshot.namespaces[cookie].stack.sockets
        assert (listening.port, listening.pid) == (8080, None)
    with subprocess.Popen(
        ["ip", "netns", "exec", "c", sys.executable, "-c",
         "import socket; s = socket.create_server(('', 80)); print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        survey = Survey()
        survey.read([cookie])
        survey.resolve("c")
        survey.name_owners(cookie)
        (listening,) = survey.snapshot.namespaces[cookie].stack.sockets
        assert (listening.port, listening.pid) == (80, process.pid)
        assert process.pid in survey.snapshot.namespaces[cookie].stack.netns.pids
        process.kill()
    assert pid


def test_a_whole_snapshot_through_a_file(stage: Stage, tmp_path: Path) -> None:
    survey = Survey()
    survey.read_all()
    path = str(tmp_path / "state.json.gz")
    write_snapshot(survey.snapshot, path)
    read = read_snapshot(path)
    assert read == survey.snapshot
    _check_cables(StoredSurvey(read), stage)
    assert StoredSurvey(read).resolve("a") == Survey().resolve("a")
    for name in ("host", C, "netns:/run/netns/c"):
        assert StoredSurvey(read).resolve(name).cookie == Survey().resolve(name).cookie


def test_looking_leaves_no_trace(stage: Stage) -> None:
    def everything() -> list[str]:
        return [
            subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
            for name in ("a", "b", "c")
            for command in (f"ip -n {name} -d link", f"ip netns exec {name} nft list ruleset")
        ]

    before = everything()
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    survey = Survey()
    survey.read_all()
    survey.close()
    assert everything() == before
    assert len([*Path("/proc/self/fd").iterdir()]) == descriptors
