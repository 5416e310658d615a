"""kernel.monitor: what others do is heard, what this process does to the ruleset is not."""

import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from glassbridge.kernel import monitor as module
from glassbridge.kernel.monitor import Monitor, own_netfilter_ports
from glassbridge.kernel.nft import Nft
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, NetlinkSocket, RouteSocket
from glassbridge.model.kernel_events import (
    AddressChanged,
    EventsLost,
    KernelEvent,
    LinkGone,
    LinkNew,
    RouteChanged,
    RulesetChanged,
)
from glassbridge.wire import links

Event = TypeVar("Event")

BASE = "add table inet ours\nadd table ip theirs\nadd chain inet ours c\n"


class Heard:
    """Everything that was told, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[KernelEvent, ...]] = []

    def __call__(self, events: tuple[KernelEvent, ...]) -> None:
        self.calls.append(events)

    def all(self, kind: type[Event]) -> list[Event]:
        return [e for call in self.calls for e in call if isinstance(e, kind)]

    def wait(self, is_enough: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 30
        while not is_enough():
            assert time.monotonic() < deadline, self.calls
            time.sleep(0.005)


@pytest.fixture
def heard(fresh_host: None) -> Iterator[Heard]:
    listener = Heard()
    with Monitor(listener):
        yield listener


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


def nft(script: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=script, check=True, text=True)


def test_a_link_comes_is_plugged_and_goes(heard: Heard) -> None:
    ip("link add gb0 type bridge")
    ip("link add p0 group 77 type veth peer p1")
    ip("link set p0 master gb0 up")
    with RouteSocket() as route:
        gb0, p0 = route.ifindex("gb0"), route.ifindex("p0")
    heard.wait(
        lambda: [
            e
            for e in heard.all(LinkNew)
            if (e.ifname, e.group, e.is_up, e.master) == ("p0", 77, True, gb0)
        ]
    )
    ip("link set p0 nomaster down")
    heard.wait(lambda: (e := heard.all(LinkNew)[-1]) and not e.is_up and e.master is None)
    assert not heard.all(LinkGone), "unplugged is not gone"
    ip("link del p0")
    heard.wait(lambda: "p0" in {e.ifname for e in heard.all(LinkGone)})
    assert LinkGone(p0, "p0") in heard.all(LinkGone)  # type: ignore[arg-type]  # plain values


def test_a_link_that_moves_to_another_namespace_is_gone(
    heard: Heard, make_netns: Callable[[str], str]
) -> None:
    make_netns("box")
    ip("link add p0 type veth peer p1")
    ip("link set p0 netns box")
    heard.wait(lambda: "p0" in {e.ifname for e in heard.all(LinkGone)})


def test_addresses_and_routes(heard: Heard) -> None:
    ip("addr add 198.51.100.1/24 dev lo")
    heard.wait(lambda: AddressChanged(1) in heard.all(AddressChanged))  # type: ignore[arg-type]  # plain number
    before = len(heard.all(RouteChanged))
    ip("route add 203.0.113.0/24 via 198.51.100.9")
    assert len(heard.all(RouteChanged)) == before, "only the way out is told"
    ip("route add default via 198.51.100.9")
    heard.wait(lambda: len(heard.all(RouteChanged)) > before)


def test_a_transaction_of_somebody_else(heard: Heard) -> None:
    nft(BASE)
    heard.wait(lambda: heard.all(RulesetChanged))
    (event,) = heard.all(RulesetChanged)
    assert event.process == "nft"
    assert set(event.tables) == {"inet ours", "ip theirs"}
    nft("add rule inet ours c accept\n")
    heard.wait(lambda: len(heard.all(RulesetChanged)) == 2)
    later = heard.all(RulesetChanged)[1]
    assert later.tables == ("inet ours",)
    assert later.generation > event.generation


def test_a_flushed_ruleset_names_every_table(heard: Heard) -> None:
    nft(BASE)
    heard.wait(lambda: heard.all(RulesetChanged))
    nft("flush ruleset\n")
    heard.wait(lambda: len(heard.all(RulesetChanged)) == 2)
    assert set(heard.all(RulesetChanged)[1].tables) == {"inet ours", "ip theirs"}


def test_our_own_transactions_are_not_told(heard: Heard) -> None:
    ours = Nft()
    ours.run(BASE)
    with NetlinkSocket(NETLINK_NETFILTER) as another:
        assert another.port_id in own_netfilter_ports()
    nft("add table ip6 theirs\n")
    heard.wait(lambda: heard.all(RulesetChanged))
    ours.run("delete table inet ours\n")
    nft("delete table ip6 theirs\n")
    heard.wait(lambda: len(heard.all(RulesetChanged)) == 2)
    assert [e.tables for e in heard.all(RulesetChanged)] == [("ip6 theirs",)] * 2
    ours.close()


def test_a_burst_is_told_in_few_calls_and_once_per_link(heard: Heard) -> None:
    with RouteSocket() as route:
        many = [links.create_bridge(f"b{n}", b"\x02\0\0\0\0" + bytes([n]), 77) for n in range(50)]
        route.send_batch([r for one in many for r in (one, links.set_link(1, up=True))])
        route.request(links.delete_group(77), "delete group 77")
    heard.wait(lambda: len(heard.all(LinkGone)) == 50)
    assert len(heard.calls) < 50
    for call in heard.calls:
        told = [e.ifindex for e in call if isinstance(e, LinkNew | LinkGone)]
        assert len(told) == len(set(told))


def test_lost_events_are_told(fresh_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECEIVE_BUFFER", 1)
    monkeypatch.setattr(module, "_GATHER_MILLISECONDS", 300)
    listener = Heard()
    with Monitor(listener), RouteSocket() as route:
        mac = b"\x02\0\0\0\0\1"
        route.send_batch([links.create_bridge(f"b{n}", mac, 77) for n in range(20)])
        nft("".join(f"add table ip t{n}\n" for n in range(200)))
        listener.wait(lambda: len(listener.all(EventsLost)) >= 2)
        route.request(links.delete_group(77), "delete group 77")
    assert {e.source for e in listener.all(EventsLost)} == {"links", "ruleset"}


def test_a_listener_that_fails_is_logged_and_called_again(
    fresh_host: None, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def fail(events: tuple[KernelEvent, ...]) -> None:
        calls.append(len(events))
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR), Monitor(fail):
        for number in (1, 2):
            ip(f"addr add 198.51.100.{number}/24 dev lo")
            deadline = time.monotonic() + 30
            while len(calls) < number:
                assert time.monotonic() < deadline
                time.sleep(0.005)
    assert "ZeroDivisionError" in caplog.text


def test_stopping_does_not_wait_for_an_event(fresh_host: None) -> None:
    for is_started in (True, False):
        opened = Monitor(Heard())
        if is_started:
            opened.start()
        started = time.monotonic()
        opened.stop()
        opened.stop()
        assert time.monotonic() - started < 20


def test_what_happens_before_the_start_is_told(fresh_host: None) -> None:
    listener = Heard()
    opened = Monitor(listener)
    ip("link add gb0 type bridge")
    opened.start()
    listener.wait(lambda: "gb0" in {e.ifname for e in listener.all(LinkNew)})
    opened.stop()


def test_what_cannot_be_read_counts_as_lost(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> list[KernelEvent]:
        raise KeyError("failed by the test")

    with monkeypatch.context() as patched:
        patched.setattr(module, "route_events", fail)
        ip("link add odd type bridge")
        heard.wait(lambda: heard.all(EventsLost))
    assert {e.source for e in heard.all(EventsLost)} == {"links", "ruleset"}
    assert "failed by the test" in caplog.text
    ip("link add even type bridge")
    heard.wait(lambda: any(e.ifname == "even" for e in heard.all(LinkNew)))
