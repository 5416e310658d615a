"""The same configuration gives what bridge and host-local give: their answer, and their stack."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from tests.netns.cni.pods import Pods, addresses, routes
from tests.netns.cni.reference import Reference
from tests.unit.cni.calling import configuration

VERSIONS = ("0.2.0", "0.3.1", "1.0.0")
"""Each way that an answer was written in, as far as Debian's plugins know them."""

FOUR, SIX = {"subnet": "10.7.0.0/24"}, {"subnet": "fd07::/64"}
DUAL = [[FOUR], [SIX]]
EVERYWHERE = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {"ipam": FOUR},
    "gateway": {"isGateway": True, "ipam": FOUR | {"routes": [{"dst": "0.0.0.0/0"}]}},
    "dual": {"isGateway": True, "ipam": {"ranges": DUAL, "routes": EVERYWHERE}},
    "default gateway": {"isDefaultGateway": True, "ipam": {"ranges": DUAL}},
    "several sets": {
        "ipam": {
            "ranges": [[FOUR], [{"subnet": "10.9.0.0/24"}], [SIX], [{"subnet": "fd09::/64"}]],
            "routes": [{"dst": "192.0.2.0/24"}],
        }
    },
    "several sets of IPv6": {
        "isDefaultGateway": True,
        "ipam": {"ranges": [[FOUR], [SIX], [{"subnet": "fd09::/64"}]]},
    },
    "one of several sets by wish": {
        "ipam": {"ranges": [[FOUR], [{"subnet": "10.9.0.0/24"}]]},
        "runtimeConfig": {"ips": ["10.9.0.77"]},
    },
    "its own gateway": {"isDefaultGateway": True, "ipam": FOUR | {"gateway": "10.7.0.254"}},
    "range": {
        "ipam": {"ranges": [[FOUR | {"rangeStart": "10.7.0.100", "rangeEnd": "10.7.0.110"}]]}
    },
    "routes": {
        "isGateway": True,
        "ipam": FOUR
        | {"routes": [{"dst": "192.0.2.0/24"}, {"dst": "0.0.0.0/0", "gw": "10.7.0.9"}]},
    },
    "names": {"ipam": FOUR, "dns": {"nameservers": ["10.7.0.1"], "search": ["a"], "domain": "b"}},
    "mac": {"ipam": FOUR, "args": {"cni": {"mac": "02:00:00:00:00:09"}}},
    "wish": {"ipam": {"ranges": DUAL}, "runtimeConfig": {"ips": ["10.7.0.77", "fd07::77"]}},
    "layer 2": {"ipam": {}},
}

SINCE_0_3 = ("layer 2", "several sets", "several sets of IPv6", "one of several sets by wish")
"""Before, an answer had one address of each family, no more and no less."""


def shape(result: Any) -> Any:
    """An answer without what cannot be the same on two hosts."""
    told = dict(result)
    told["interfaces"] = [
        {**i, "mac": len(i["mac"]), "name": i["name"] if i.get("sandbox") else ""}
        for i in result.get("interfaces", ())
    ]
    for interface in told["interfaces"]:
        if interface.get("sandbox"):
            interface["sandbox"] = "there"
    return {k: v for k, v in told.items() if v not in ({}, [], None)}


@pytest.mark.parametrize(
    ("version", "name"),
    sorted({*product(VERSIONS, CONFIGURATIONS)} - {*product(("0.2.0",), SINCE_0_3)}),
)
def test_answer_and_stack(pods: Pods, reference: Reference, version: str, name: str) -> None:
    said = configuration(version, bridge="cni7", **CONFIGURATIONS[name])
    ours = pods.add("ours", said)
    theirs = reference.add("theirs", said)
    assert shape(ours) == shape(theirs)
    assert addresses("-n", "ours") == addresses("-n", "theirs")
    assert routes("ours") == routes("theirs")
    assert addresses(link="cni7") == addresses(*reference.host, link="cni7")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_second_pod_is_next(pods: Pods, reference: Reference, version: str) -> None:
    said = configuration(version, ipam={"ranges": DUAL})
    for number in (1, 2, 3):
        pods.add(f"ours{number}", said)
        reference.add(f"theirs{number}", said)
        assert addresses("-n", f"ours{number}") == addresses("-n", f"theirs{number}")


def test_the_next_subnet_of_a_set_when_one_is_full(pods: Pods, reference: Reference) -> None:
    sets = [[{"subnet": "10.7.0.0/30"}, {"subnet": "10.9.0.0/24"}], [SIX]]
    said = configuration("1.0.0", ipam={"ranges": sets})
    for number in (1, 2, 3):
        ours = pods.add(f"ours{number}", said)
        theirs = reference.add(f"theirs{number}", said)
        assert shape(ours) == shape(theirs)
        assert addresses("-n", f"ours{number}") == addresses("-n", f"theirs{number}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ipam": {"ranges": [[{"subnet": "10.7.0.0/24"}, {"subnet": "fd07::/64"}]]}},
        {"ipam": {"ranges": [[{"subnet": "10.7.0.0/24"}], [{"subnet": "10.7.0.0/16"}]]}},
        {"cniVersion": "0.2.0", "ipam": {"ranges": [[FOUR], [{"subnet": "10.9.0.0/24"}]]}},
        {"ipam": {"subnet": "10.7.0.0/24"}, "hairpinMode": True, "promiscMode": True},
        {"ipam": {"subnet": "10.7.0.0/24"}, "runtimeConfig": {"ips": ["10.7.0.1"]}},
        {"ipam": {"subnet": "10.7.0.0/24"}, "runtimeConfig": {"ips": ["10.8.0.9"]}},
        {"ipam": {"subnet": "10.7.0.0/31"}},
        {"ipam": {"subnet": "10.7.0.7/24"}},
        {"ipam": {"subnet": "nonsense"}},
        {"ipam": {"subnet": "10.7.0.0/24", "rangeStart": "10.9.0.1"}},
        {"ipam": {"type": "glassbridge"}},
        {"name": "a/b"},
        {"cniVersion": "7.0.0"},
    ],
)
def test_both_refuse(pods: Pods, reference: Reference, wrong: dict[str, Any]) -> None:
    said = configuration("1.0.0", bridge="cni7") | wrong
    pods.make("ours")
    pods.make("theirs")
    assert reference.call("ADD", "theirs", said)["code"] > 0
    assert pods.call("ADD", "ours", said).code > 0
    assert pods.inside("ours", "ip", "link", "show", "eth0").returncode != 0
