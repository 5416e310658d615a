"""Whatever operation of an attachment fails, and wherever the daemon dies, nothing stays behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.netns.engine.attachment_life import CHAINED, live, make_foreign_cable
from tests.netns.engine.attachment_requests import PODS, key_of, pods, request
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.host_view import HostView, look_at_host
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import DiesAhead
from tests.netns.engine.test_faults import Refuses

from glassbridge.engine.engine import Engine
from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.model.endpoint import EndpointState
from glassbridge.plan.descriptions import describe
from glassbridge.plan.operations import Operation

Folders = tuple[Path, Path]
Make = Callable[[str], str]
FEWEST, MOST = 45, 150


@pytest.fixture
def untouched(fresh_host: None, make_netns: Make) -> HostView:
    make_netns("one")
    make_netns("two")
    make_foreign_cable()
    return look()


def look() -> HostView:
    """The host, both namespaces, and what is queued on the cable of others."""
    seen = look_at_host()
    seen["links"] = _links()
    for name in ("one", "two"):
        seen[f"links of {name}"] = _links("-n", name)
        seen[f"routes of {name}"] = run("ip", "-n", name, "route")
    seen["queues"] = run("tc", "qdisc", "show", "dev", "theirs")
    return seen


def _links(*where: str) -> list[tuple[str, str, str, bool]]:
    """What does not change by itself, as timers of a bridge do."""
    links = json.loads(run("ip", "-j", *where, "link"))
    return [(k["ifname"], k["qdisc"], k.get("master", ""), "PROMISC" in k["flags"]) for k in links]


def test_each_operation_may_fail(untouched: HostView, tmp_path: Path) -> None:
    number, reached = 0, True
    while reached:
        refuse = Refuses(number)
        engine = Engine(tmp_path / f"run{number}", tmp_path / f"state{number}", before=refuse)
        try:
            live(engine)
        except GlassbridgeError as error:
            assert "refused by the test" in str(error)  # noqa: PT017 - which step raises is open
        reached = len(refuse.seen) > number
        refuse.relent()
        end(engine)
        assert look() == untouched, f"operation {number}: {refuse.seen[number:][:1]}"
        number += 1
        assert number < MOST
    assert number > FEWEST, "the scenario has become too small to prove anything"


@pytest.mark.timeout(420)
def test_the_daemon_may_be_killed_anywhere(untouched: HostView, tmp_path: Path) -> None:
    number, died = 0, True
    while died:
        folders = tmp_path / f"run{number}", tmp_path / f"state{number}"
        died = dies(partial(_live, folders, number))
        end(Engine(*folders))
        assert look() == untouched, f"ahead of operation {number}"
        number += 1
        assert number < MOST
    assert number > FEWEST, "the scenario has become too small to prove anything"


def test_one_that_stays_unfinished_keeps_nobody_from_being_served(
    fresh_host: None, make_netns: Make, tmp_path: Path
) -> None:
    """Its end is refused at the start: that is told, and the next start tries again."""
    folders = tmp_path / "run", tmp_path / "state"
    engine = Engine(*folders)
    engine.attachments.define(pods())
    first, second = (
        engine.attachments.add(request(name, make_netns(name))).endpoint for name in ("one", "two")
    )
    with engine._store.transaction():  # noqa: SLF001 - as a daemon leaves it that dies meanwhile
        for endpoint in (first, second):
            engine._store.put_endpoint(replace(endpoint, state=EndpointState.DETACHING))  # noqa: SLF001
    engine.close()

    def refuse(operation: Operation) -> None:
        if first.host_end in describe(operation):
            raise KernelRefused(describe(operation), 1, "refused by the test")

    engine = Engine(*folders, before=refuse)
    try:
        recovery = engine.status().last_recovery
        assert recovery is not None
        (told,) = recovery.failed
        assert told.startswith(f"{first.host_end}: hand {first.host_end} to the reaper: ")
        assert [a.key for a in engine.attachments.attached(PODS)] == [key_of("one")]
        engine.attachments.add(request("two", "/run/netns/two"))
    finally:
        engine.close()
    engine = Engine(*folders)
    try:
        assert [a.key for a in engine.attachments.attached(PODS)] == [key_of("two")]
        check_consistency(engine)
    finally:
        engine.down(force=True)
        engine.close()


def end(engine: Engine) -> None:
    """What a runtime does after a failure: it deletes all that it may have added, and collects."""
    try:
        check_consistency(engine)
        engine.attachments.delete(key_of("c1"))
        engine.attachments.delete(key_of("c2", network=CHAINED))
        for network in (PODS, CHAINED):
            assert engine.attachments.retain(network, ()) == ()
        check_consistency(engine)
        engine.down(force=True)
    finally:
        engine.close()


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _live(folders: Folders, number: int) -> None:
    engine = Engine(*folders, before=DiesAhead(number))
    live(engine)
    engine.close()
