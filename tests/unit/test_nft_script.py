"""The firewall value as text: exact, stable, and unable to be broken by a name."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest

from glassbridge.errors import InvalidRequest
from glassbridge.model.endpoint import Protocol
from glassbridge.model.firewall import Accept, Element, Family, Goto
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import (
    add_script,
    delete_tables_script,
    remove_script,
    ruleset_script,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "ruleset.nft"

ELEMENTS = (
    Element(Family.INET, "bridges", ("gb0",)),
    Element(Family.INET, "within", ("gb0", "gb0"), Accept()),
    Element(Family.INET, "home4", (IPv4Network("172.17.0.0/16"), "gb0")),
    Element(Family.INET, "published4_any", (Protocol.SCTP, 80), (IPv4Address("172.17.0.2"), 80)),
    Element(Family.INET, "published4_any", (Protocol.TCP, 80), (IPv4Address("172.17.0.2"), 80)),
    Element(Family.BRIDGE, "guard", ("veth0000002",), Goto("strict")),
    Element(Family.BRIDGE, "own6", ("veth0000002", IPv6Address("fd00::2"))),
)
PORTS = "sctp . 80 : 172.17.0.2 . 80, tcp . 80 : 172.17.0.2 . 80"
BITS = "0xfd000000000000000000000000000002"


def test_the_whole_ruleset() -> None:
    """docs/ruleset.md shows the same rules, laid out for reading."""
    assert ruleset_script(tables(), ELEMENTS) == GOLDEN.read_text()


def test_elements_of_one_set_share_a_command() -> None:
    assert add_script(ELEMENTS).splitlines() == [
        'add element inet glassbridge bridges { "gb0" }',
        'add element inet glassbridge within { "gb0" . "gb0" : accept }',
        'add element inet glassbridge home4 { 172.17.0.0/16 . "gb0" }',
        f"add element inet glassbridge published4_any {{ {PORTS} }}",
        'add element bridge glassbridge guard { "veth0000002" : goto strict }',
        f'add element bridge glassbridge own6 {{ "veth0000002" . {BITS} }}',
    ]


def test_removing_adds_first_so_that_nothing_can_be_missing() -> None:
    added = add_script(ELEMENTS)
    assert remove_script(ELEMENTS) == added + added.replace("add element", "delete element")


def test_no_elements_no_script() -> None:
    assert add_script(()) == remove_script(()) == ""


def test_deleting_both_tables() -> None:
    assert delete_tables_script().splitlines() == [
        "add table inet glassbridge",
        "delete table inet glassbridge",
        "add table bridge glassbridge",
        "delete table bridge glassbridge",
    ]


@pytest.mark.parametrize("name", ['a"', "eth*", "a\\", "a\n", "a\0", "a\u2028"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be written into a firewall rule"):
        add_script([Element(Family.INET, "bridges", (name,))])
