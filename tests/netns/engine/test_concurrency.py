"""Many requests at once: nothing is given twice, nobody waits for ever, and the work is shared."""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency

from glassbridge.engine import wishes
from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, GlassbridgeError, NotFound, Unavailable
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish
from glassbridge.model.requests import AttachRequest, NetworkRequest, SubnetWish
from glassbridge.model.views import SandboxView

Folders = tuple[Path, Path]
Make = Callable[[str], str]
THREADS, SANDBOXES = 32, 200
_NETLINK_NETFILTER, _GETGEN, _REQUEST = 12, 10 << 8 | 16, 1


@pytest.fixture
def many(make_netns: Make) -> list[str]:
    """Namespaces for all sandboxes; one `ip -batch` makes them."""
    make_netns("first")
    names = [f"n{i:03}" for i in range(SANDBOXES)]
    batch = "".join(f"netns add {n}\n" for n in names)
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    return names


def test_a_storm(engine: Engine, many: list[str]) -> None:
    """32 threads attach and detach 200 sandboxes with ports while networks come and go."""
    for name in ("blue", "green"):
        engine.create_network(NetworkRequest(name=name, ipv6=name == "green"))
    seen: list[SandboxView] = []
    expected: Counter[str] = Counter()

    def live(name: str) -> None:
        dice = random.Random(name)
        for is_last in (False, True):
            networks = dice.sample(("bridge", "blue", "green"), dice.randint(1, 2))
            request = AttachRequest(
                name=name if dice.random() < 0.5 else "",
                netns=f"/run/netns/{name}",
                networks=tuple(NetworkWish(network=n) for n in networks),
                ports=(
                    PortWish(container_port=80),
                    PortWish(container_port=53, host_ports=(20000, 20100)),
                ),
            )
            try:
                view = engine.attach(request)
            except Conflict as error:  # the range is narrower than the crowd
                assert "no free host port between 20000 and 20100" in str(error)  # noqa: PT017
                expected["ports"] += 1
                continue
            seen.append(view)
            if not is_last or dice.random() < 0.5:
                engine.detach(view.sandbox.id)

    def build(number: int) -> None:
        name = f"net{number}"
        network = engine.create_network(NetworkRequest(name=name, ipv6=number % 2 == 0))
        if number % 3:
            try:
                engine.remove_network(network.id)
            except NotFound:
                expected["pruned"] += 1
        else:
            engine.prune_networks()

    with ThreadPoolExecutor(THREADS) as crowd:
        work = [crowd.submit(live, name) for name in many]
        work += [crowd.submit(build, number) for number in range(24)]
        for done in work:
            done.result(timeout=60)
    assert len(seen) > SANDBOXES
    check_consistency(engine)
    left = [e.endpoint for v in engine.sandboxes() for e in v.endpoints]
    assert len(left) > 20
    assert_nothing_twice([(e.network, a) for e in left for a in e.addresses])
    assert_nothing_twice([(e.network, e.mac) for e in left])
    assert_nothing_twice([(p.host_address, p.host_port, p.protocol) for e in left for p in e.ports])
    detached = [engine.submit_detach(v.sandbox.id) for v in engine.sandboxes()]
    assert all(isinstance(f.result(timeout=30), SandboxView) for f in detached)
    check_consistency(engine)


def test_two_who_ask_for_any_name_at_once_get_two(
    engine: Engine, make_netns: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the dice fall on the same words for both."""
    monkeypatch.setattr(wishes, "random_name", lambda _bits: "quick_jacobson")
    asked = [engine.submit_attach(AttachRequest(netns=make_netns(name))) for name in ("one", "two")]
    names = [future.result(10).sandbox.name for future in asked]
    assert names[0] == "quick_jacobson"
    assert names[1].startswith("quick_jacobson")
    assert len(set(names)) == 2


def test_requests_share_transactions(engine: Engine, many: list[str]) -> None:
    """While one is worked on the others queue, and the next transaction is for all of them."""
    engine.up()
    before = generation()
    attached = [engine.submit_attach(AttachRequest(name=n, netns=f"/run/netns/{n}")) for n in many]
    for future in attached:
        future.result(timeout=30)
    detached = [engine.submit_detach(n) for n in many]
    for future in detached:
        future.result(timeout=30)
    assert 2 <= generation() - before <= SANDBOXES / 2
    check_consistency(engine)


def test_everybody_is_answered_when_the_engine_closes(
    fresh_host: None, folders: Folders, many: list[str]
) -> None:
    """What was queued is finished, what comes too late is refused."""
    engine = Engine(*folders)
    some = many[:60]
    for future in [
        engine.submit_attach(AttachRequest(name=n, netns=f"/run/netns/{n}")) for n in some
    ]:
        future.result(timeout=30)
    answers: list[Future[SandboxView]] = []
    started = threading.Event()

    def detach_all() -> None:
        for name in some:
            answers.append(engine.submit_detach(name))
            if len(answers) > 20:
                started.set()

    caller = threading.Thread(target=detach_all)
    caller.start()
    started.wait()
    engine.close()
    caller.join()
    errors = [f.exception(timeout=5) for f in answers]
    assert {type(e) for e in errors} <= {type(None), Unavailable}
    assert errors[0] is None
    engine = Engine(*folders)
    check_consistency(engine)
    assert len(engine.sandboxes()) == len([e for e in errors if e is not None])
    engine.down(force=True)
    engine.close()


def test_the_last_address_goes_to_one(engine: Engine, many: list[str]) -> None:
    """A pool of four for a crowd of twenty: four get one, the others are told."""
    tight = SubnetWish(subnet="10.99.0.0/29", gateway="10.99.0.1", ip_range="10.99.0.4/30")
    engine.create_network(NetworkRequest(name="tight", subnets=(tight,)))
    futures = [
        engine.submit_attach(
            AttachRequest(name=n, netns=f"/run/netns/{n}", networks=(NetworkWish(network="tight"),))
        )
        for n in many[:20]
    ]
    errors = [f.exception(timeout=30) for f in futures]
    assert sum(e is None for e in errors) == 3  # .4 to .6; .7 is the broadcast address
    assert all(isinstance(e, GlassbridgeError) for e in errors if e is not None)
    check_consistency(engine)


def assert_nothing_twice(things: Sequence[Hashable]) -> None:
    assert [t for t, times in Counter(things).items() if times > 1] == []


def generation() -> int:
    """How many transactions the ruleset has seen (linux/netfilter/nf_tables.h, NFTA_GEN_ID)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as asking:
        header = struct.pack("=IHHIIBBH", 20, _GETGEN, _REQUEST, 1, 0, 0, 0, 0)
        asking.send(header)
        answer = asking.recv(4096)
    return int.from_bytes(answer[len(header) + 4 : len(header) + 8], "big")
