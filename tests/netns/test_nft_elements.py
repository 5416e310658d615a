"""Elements written straight into netlink must be what nft makes of the same elements."""

import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest

from glassbridge.errors import KernelRefused
from glassbridge.kernel.nft import Nft
from glassbridge.kernel.nft_elements import Change, is_carried
from glassbridge.model.endpoint import Protocol
from glassbridge.model.firewall import Accept, Drop, Element, Family, Goto, Jump, Word
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import add_script, ruleset_script

EMPTY = ruleset_script(tables(), ())
A4, A6 = IPv4Address("172.17.0.2"), IPv6Address("fd00:a::2")
MAC = "02:42:ac:11:00:02"


def inet(name: str, *key: Any, value: Any = None) -> Element:
    return Element(Family.INET, name, key, value)


def bridge(name: str, *key: Any, value: Any = None) -> Element:
    return Element(Family.BRIDGE, name, key, value)


ELEMENTS = (
    inet("bridges", "gb0"),
    inet("bridges", "fifteen-letters"),
    inet("closed", "gb-12345678"),
    inet("opened", "gb-12345678"),
    inet("uplinks", "br0"),
    inet("trusted", "vpn0", "gb0"),
    inet("within", "gb0", "gb0", value=Accept()),
    inet("within", "gb1", "gb1", value=Goto("published_only")),
    inet("within", "gb2", "gb2", value=Drop()),
    inet("within", "gb3", "gb3", value=Jump("published_only")),
    inet("enter", Word.IPV4, "gb0", value=Accept()),
    inet("enter", Word.IPV6, "gb0", value=Goto("routed")),
    inet("published4", A4, Protocol.TCP, 8080, value=(A4, 80)),
    inet("published6", A6, Protocol.UDP, 8080, value=(A6, 80)),
    *(inet("published4_any", p, 65535, value=(A4, 1)) for p in Protocol),
    inet("published6_any", Protocol.TCP, 1, value=(A6, 65535)),
    inet("hairpin4", Protocol.TCP, 8080, A4, 80),
    inet("hairpin6", Protocol.UDP, 8080, A6, 80),
    inet("hidden4", Protocol.TCP, 8080, A4, 80),
    inet("hidden6", Protocol.UDP, 8080, A6, 80),
    inet("open4", A4, Protocol.TCP, 80),
    inet("open6", A6, Protocol.SCTP, 80),
    inet("names4", A4, "gb0", Protocol.UDP, 53, value=(A4, 20053)),
    inet("names6", A6, "gb0", Protocol.TCP, 53, value=(A6, 20053)),
    inet("name_servers4", A4, Protocol.UDP, 20053),
    inet("name_servers6", A6, Protocol.TCP, 20053),
    inet("loopback_udp6", 53),
    bridge("leased4", A4),
    bridge("leased6", A6),
    bridge("leased_mac", MAC),
    bridge("own4", "veth0000002", A4),
    bridge("own6", "veth0000002", A6),
    bridge("own_mac", "veth0000002", MAC),
    bridge("guard", "veth0000002", value=Goto("strict")),
    bridge("with_ipv6", "veth0000002"),
)
PREFIX = inet("home4", IPv4Network("172.17.0.0/16"), "gb0")


@pytest.fixture
def nft(fresh_host: None) -> Iterator[Nft]:
    context = Nft()
    context.run(EMPTY)
    yield context
    context.close()


def held(nft: Nft) -> dict[str, list[str]]:
    """The elements of every set that has some, in nft's own words."""
    objects = [o[k] for o in nft.list_json("ruleset") for k in ("set", "map") if k in o]
    return {o["name"]: sorted(map(str, o["elem"])) for o in objects if "elem" in o}


def test_the_list_covers_every_set_that_is_written_directly() -> None:
    names = {s.name for t in tables() for s in t.sets if not s.interval}
    assert {e.name for e in ELEMENTS} == names
    assert all(is_carried(e) for e in ELEMENTS)
    assert not is_carried(PREFIX)


def test_elements_are_what_nft_makes_of_them(nft: Nft) -> None:
    nft.run(add_script(ELEMENTS))
    expected = held(nft)
    nft.run(EMPTY)
    nft.change([(Change.ADD, ELEMENTS)])
    assert held(nft) == expected
    assert set(expected) == {e.name for e in ELEMENTS}
    nft.run(add_script(ELEMENTS))
    assert held(nft) == expected


def test_adding_what_is_there_and_removing_what_is_not(nft: Nft) -> None:
    for _ in range(2):
        nft.change([(Change.ADD, ELEMENTS)])
    for _ in range(2):
        nft.change([(Change.REMOVE, ELEMENTS)])
    assert held(nft) == {}


def test_changes_happen_in_their_order(nft: Nft) -> None:
    """A port changes hands in one transaction."""
    old = inet("published4_any", Protocol.TCP, 80, value=(A4, 80))
    new = inet("published4_any", Protocol.TCP, 80, value=(A4 + 1, 80))
    nft.change([(Change.ADD, [old])])
    nft.change([(Change.REMOVE, [old]), (Change.ADD, [new])])
    (found,) = held(nft)["published4_any"]
    assert "172.17.0.3" in found


def test_prefixes_go_through_nft_in_the_same_transaction(nft: Nft) -> None:
    nft.change([(Change.ADD, [PREFIX]), (Change.ADD, ELEMENTS)])
    assert "172.17.0.0" in str(held(nft)["home4"])
    nft.change([(Change.REMOVE, [*ELEMENTS, PREFIX])])
    assert held(nft) == {}


def test_a_refused_change_changes_nothing_and_says_why(nft: Nft) -> None:
    key = (Protocol.TCP, 80)
    nft.change([(Change.ADD, [inet("published4_any", *key, value=(A4, 80))])])
    before = held(nft)
    other = inet("published4_any", *key, value=(A4 + 1, 80))
    with pytest.raises(KernelRefused) as caught:
        nft.change([(Change.ADD, [inet("bridges", "gb0"), other])])
    assert caught.value.errno == 17
    assert held(nft) == before
    nft.change([(Change.ADD, [inet("bridges", "gb0")])])
    assert set(held(nft)) == {"bridges", "published4_any"}


def test_missing_tables_are_told(nft: Nft) -> None:
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    with pytest.raises(KernelRefused, match="No such file or directory"):
        nft.change([(Change.ADD, ELEMENTS)])


def test_no_elements_no_transaction(nft: Nft) -> None:
    before = nft.generation()
    nft.change([])
    nft.change([(Change.ADD, ()), (Change.REMOVE, ())])
    assert nft.generation() == before


def test_one_transaction_for_many(nft: Nft) -> None:
    """As many as a user namespace may send, several messages' worth."""
    many = [inet("published4_any", Protocol.UDP, n, value=(A4, n)) for n in range(1, 3001)]
    before = nft.generation()
    nft.change([(Change.ADD, many)])
    assert nft.generation() == before + 1
    assert len(held(nft)["published4_any"]) == len(many)
    nft.change([(Change.REMOVE, many)])
    assert held(nft) == {}
