"""`docker status` as people see it: a line for each address, below headings that say what it is."""

from __future__ import annotations

from msgspec.structs import replace
from tests.unit.engine_stand_in import BRIDGE, endpoint_of

from glassbridge.app.cli.docker import HEADINGS, network_row
from glassbridge.app.cli.table import table
from glassbridge.model.endpoint import Sandbox, SandboxId
from glassbridge.model.views import NetworkView, SandboxView


def member(name: str, number: int) -> SandboxView:
    own = SandboxId(name)
    sandbox = Sandbox(id=own, name=name, netns="", netns_cookie=0)
    return SandboxView(sandbox=sandbox, endpoints=(endpoint_of(own, number),))


def test_members_are_aligned() -> None:
    peopled = NetworkView(network=BRIDGE, endpoints=(member("web", 2), member("a" * 80, 3)))
    empty = NetworkView(network=replace(BRIDGE, name="n" * 80, ipv6=None))
    assert table(HEADINGS, map(network_row, (peopled, empty))).splitlines() == [
        "NETWORK                   BRIDGE  SUBNET         CONTAINER                 ADDRESS",
        "bridge                    gb0     172.17.0.0/16  web                       172.17.0.2",
        "                                  fd00::/64                                fd00::2",
        "                                                 aaaaaaaaaaaaaaaaaaaaa...  172.17.0.3",
        "                                                                           fd00::3",
        "nnnnnnnnnnnnnnnnnnnnn...  gb0     172.17.0.0/16  -                         -",
    ]
