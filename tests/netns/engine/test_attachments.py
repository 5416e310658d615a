"""Interfaces that CNI and netavark order, seen with the kernel's own tools."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from tests.netns.engine.attachment_requests import PODS, key_of, pods, request
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import eventually

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.model.attachment import ForeignCable
from glassbridge.model.endpoint import (
    LinkSettings,
    PortWish,
    RouteKind,
    Shaping,
    StaticRoute,
)
from glassbridge.model.kernel_names import shaper_name
from glassbridge.model.network import Ifname, Managed, Manager
from glassbridge.model.options import BRIDGE_NAME
from glassbridge.model.requests import SubnetWish

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Make = Callable[[str], str]

SHAPING = Shaping(
    ingress_rate=8_000_000,
    ingress_burst=320_000,
    egress_rate=16_000_000,
    egress_burst=640_000,
)


def shown(inside: Run, netns: str, *words: str) -> Any:
    """What `ip -j` says in a namespace."""
    return json.loads(inside(netns, "ip", "-j", *words).stdout or "[]")


def host_links() -> Any:
    return json.loads(subprocess.run(["ip", "-j", "link"], check=True, capture_output=True).stdout)


def tc(*words: str) -> Any:
    return json.loads(subprocess.run(["tc", "-j", *words], check=True, capture_output=True).stdout)


def bandwidth(link: str) -> tuple[int, int]:
    """Bits per second, and bytes at once, of the token bucket of a link."""
    (root,) = [q for q in tc("qdisc", "show", "dev", link) if q.get("root")]
    return root["options"]["rate"] * 8, root["options"]["burst"]


def test_an_interface_comes_and_goes(engine: Engine, make_netns: Make, inside: Run) -> None:
    netns = make_netns("one")
    network = engine.attachments.define(pods())
    assert engine.attachments.define(pods()) is network
    made = engine.attachments.add(
        request(
            "c1",
            netns,
            default_routes=(ip_address("10.88.0.1"),),
            default_metric=100,
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    assert str(made.endpoint.ipv4) == "10.88.0.2/16"
    assert [str(p) for p in made.endpoint.ports] == ["8080->80"]
    assert {
        (r["dst"], r.get("gateway"), r.get("metric")) for r in shown(inside, netns, "route")
    } == {
        ("default", "10.88.0.1", 100),
        ("10.88.0.0/16", None, None),
    }
    assert inside(netns, "ping", "-c1", "-W2", "10.88.0.1").returncode == 0
    assert engine.attachments.find(key_of("c1")) == made
    assert engine.attachments.attached(PODS) == (made,)
    check_consistency(engine)

    assert engine.attachments.delete(key_of("c1")) == made
    assert engine.attachments.delete(key_of("c1")) is None
    assert engine.attachments.find(key_of("c1")) is None
    assert [k["ifname"] for k in shown(inside, netns, "link")] == ["lo"]
    assert engine.sandboxes() == ()
    check_consistency(engine)


def test_a_key_names_one_interface(engine: Engine, make_netns: Make) -> None:
    netns = make_netns("one")
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", netns))
    with pytest.raises(Conflict, match="c1 eth0 on cni:pods is attached already"):
        engine.attachments.add(request("c1", netns))
    with pytest.raises(Conflict, match="already has an interface eth0"):
        engine.attachments.add(request("c2", netns))
    second = engine.attachments.add(request("c1", netns, "eth1"))
    assert second.sandbox.id == "c1"
    engine.attachments.delete(key_of("c1"))
    assert [v.sandbox.id for v in engine.sandboxes()] == ["c1"]
    engine.attachments.delete(key_of("c1", "eth1"))
    assert engine.sandboxes() == ()


def test_everything_that_may_be_ordered(engine: Engine, make_netns: Make, inside: Run) -> None:
    """Addresses, routes, link settings and bandwidth: as `ip` and `tc` tell them."""
    netns = make_netns("one")
    engine.attachments.define(pods(subnets=()))
    engine.attachments.add(
        request(
            "c1",
            netns,
            given=(
                ip_interface("10.5.0.7/24"),
                ip_interface("10.5.0.8/24"),
                ip_interface("fd00:5::7/64"),
            ),
            mac="02:00:00:00:00:07",
            host_end="podveth",
            routes=(
                StaticRoute(
                    destination=ip_network("10.6.0.0/16"),
                    gateway=ip_address("10.5.0.1"),
                    metric=7,
                    table=1000,
                    mtu=1400,
                    advmss=1200,
                ),
                StaticRoute(destination=ip_network("10.9.9.9/32"), scope=253),
                StaticRoute(destination=ip_network("10.7.0.0/16"), kind=RouteKind.BLACKHOLE),
                StaticRoute(destination=ip_network("fd00:7::/64"), kind=RouteKind.PROHIBIT),
            ),
            settings=LinkSettings(
                mtu=1450,
                queue_length=77,
                promiscuous=True,
                all_multicast=True,
                sysctls={
                    "net.ipv4.conf.eth0.arp_filter": "1",
                    "net.core.somaxconn": "511",
                },
            ),
            shaping=SHAPING,
        )
    )
    (link,) = shown(inside, netns, "link", "show", "eth0")
    assert (link["mtu"], link["txqlen"], link["address"]) == (1450, 77, "02:00:00:00:00:07")
    assert {"PROMISC", "ALLMULTI", "UP"} <= set(link["flags"])
    addresses = shown(inside, netns, "addr", "show", "eth0")[0]["addr_info"]
    assert {(a["local"], a["prefixlen"]) for a in addresses if a["scope"] == "global"} == {
        ("10.5.0.7", 24),
        ("10.5.0.8", 24),
        ("fd00:5::7", 64),
    }
    (far,) = shown(inside, netns, "route", "show", "table", "1000")
    assert (far["dst"], far["gateway"], far["metric"]) == ("10.6.0.0/16", "10.5.0.1", 7)
    assert far["metrics"] == [{"mtu": 1400, "advmss": 1200}]
    routes = {r["dst"]: r for r in shown(inside, netns, "-d", "route")}
    assert routes["10.7.0.0/16"]["type"] == "blackhole"
    assert routes["10.9.9.9"]["scope"] == "link"
    routes6 = {r["dst"]: r for r in shown(inside, netns, "-d", "-6", "route")}
    assert routes6["fd00:7::/64"]["type"] == "prohibit"
    assert inside(netns, "sysctl", "-n", "net.ipv4.conf.eth0.arp_filter").stdout == "1\n"
    assert inside(netns, "sysctl", "-n", "net.core.somaxconn").stdout == "511\n"
    assert bandwidth("podveth") == (8_000_000, 40_000)
    (shaper,) = [k["ifname"] for k in host_links() if k["ifname"].startswith("gbifb")]
    assert bandwidth(shaper) == (16_000_000, 80_000)

    engine.attachments.delete(key_of("c1"))
    assert [k["ifname"] for k in shown(inside, netns, "link")] == ["lo"]
    assert shown(inside, netns, "route") == []
    assert not [k for k in host_links() if k["ifname"].startswith(("gbifb", "podveth"))]
    check_consistency(engine)


@pytest.mark.parametrize("where", ["default", "all"])
def test_ipv6_is_switched_on_where_a_namespace_keeps_it_off(
    engine: Engine, make_netns: Make, inside: Run, where: str
) -> None:
    """As CNI's bridge plugin does; what is not its interface's own is put back after a failure."""
    netns = make_netns("one")
    inside(netns, "sysctl", "-qw", f"net.ipv6.conf.{where}.disable_ipv6=1")
    off = inside(netns, "sysctl", "net.ipv6.conf.lo.disable_ipv6").stdout
    both = (SubnetWish(subnet="10.88.0.0/16"), SubnetWish(subnet="fd00:88::/64"))
    engine.attachments.define(pods(subnets=both, ipv6=True))
    unknown = LinkSettings(sysctls={"net.ipv4.conf.eth0.no_such_key": "1"})
    with pytest.raises(InvalidRequest, match="no_such_key does not exist"):
        engine.attachments.add(request("c1", netns, settings=unknown))
    assert inside(netns, "sysctl", "net.ipv6.conf.lo.disable_ipv6").stdout == off
    made = engine.attachments.add(
        request("c1", netns, settings=LinkSettings(sysctls={"net.ipv4.conf.eth0.arp_filter": "1"}))
    )
    for address in (ip_address("fd00:88::1"), made.endpoint.addresses[1], ip_address("::1")):
        assert inside(netns, "ping", "-c1", "-W2", str(address)).returncode == 0
    subprocess.run(["ip", "link", "del", made.endpoint.host_end], check=True)
    eventually(lambda: engine.attachments.differences(key_of("c1")) == ())
    assert inside(netns, "ping", "-c1", "-W2", "fd00:88::1").returncode == 0
    engine.attachments.delete(key_of("c1"))
    plain = engine.attachments.add(request("c2", netns, given=(ip_interface("10.88.0.9/16"),)))
    assert plain.endpoint.settings is None


def test_shaped_traffic_flows_and_is_limited(engine: Engine, make_netns: Make, inside: Run) -> None:
    netns = make_netns("one")
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", netns, shaping=SHAPING))
    assert inside(netns, "ping", "-c3", "-i0.2", "-W2", "10.88.0.1").returncode == 0
    (shaper,) = [k["ifname"] for k in host_links() if k["ifname"].startswith("gbifb")]
    (root,) = tc("-s", "qdisc", "show", "dev", shaper)
    assert root["packets"] >= 3


def test_a_cable_that_vanished_comes_back_as_it_was(
    engine: Engine, make_netns: Make, inside: Run
) -> None:
    netns = make_netns("one")
    engine.attachments.define(pods())
    made = engine.attachments.add(
        request(
            "c1",
            netns,
            default_routes=(ip_address("10.88.0.1"),),
            routes=(StaticRoute(destination=ip_network("10.7.0.0/16"), kind=RouteKind.BLACKHOLE),),
            settings=LinkSettings(mtu=1400, queue_length=77),
            shaping=SHAPING,
        )
    )
    before = shown(inside, netns, "route")
    subprocess.run(["ip", "link", "del", made.endpoint.host_end], check=True)
    eventually(lambda: engine.attachments.differences(key_of("c1")) == ())
    assert shown(inside, netns, "route") == before
    assert shown(inside, netns, "link", "show", "eth0")[0]["txqlen"] == 77
    shaper = shaper_name(made.endpoint.id)
    subprocess.run(["ip", "link", "del", shaper], check=True)
    eventually(lambda: engine.attachments.differences(key_of("c1")) == ())
    assert bandwidth(shaper) == (16_000_000, 80_000)
    check_consistency(engine)


def test_a_cable_of_another_plugin_is_served_and_left_alone(
    engine: Engine, make_netns: Make, inside: Run
) -> None:
    netns = make_netns("one")
    for command in (
        "link add cni0 type bridge",
        "addr add 10.88.0.1/16 dev cni0",
        "link set cni0 up",
        "link add theirs type veth peer name eth0 netns one",
        "link set theirs master cni0 up",
        "-n one addr add 10.88.0.9/16 dev eth0",
        "-n one link set eth0 up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    engine.attachments.define(pods(options={BRIDGE_NAME: "cni0"}))
    cable = ForeignCable(
        host_end=Ifname("theirs"),
        bridge=Ifname("cni0"),
        addresses=(ip_interface("10.88.0.9/16"),),
    )
    made = engine.attachments.add(
        request(
            "c1",
            netns,
            cable=cable,
            mac="02:00:00:00:00:09",
            settings=LinkSettings(mtu=1300),
            shaping=SHAPING,
            ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
        )
    )
    (link,) = shown(inside, netns, "link", "show", "eth0")
    assert (link["address"], link["mtu"]) == ("02:00:00:00:00:09", 1300)
    assert bandwidth("theirs") == (8_000_000, 40_000)
    assert inside(netns, "ping", "-c1", "-W2", "10.88.0.1").returncode == 0
    assert engine.attachments.differences(made.key) == ()
    check_consistency(engine)
    engine.attachments.delete(made.key)
    (port,) = [k for k in host_links() if k["ifname"] == "theirs"]
    assert (port["master"], port["qdisc"]) == ("cni0", "noqueue")
    check_consistency(engine)

    engine.attachments.add(request("c1", netns, cable=cable, shaping=SHAPING))
    subprocess.run(["ip", "link", "del", "theirs"], check=True)
    eventually(lambda: engine.attachments.find(made.key) is None)
    check_consistency(engine)


@pytest.mark.parametrize("manager", [Manager.CNI, Manager.NETAVARK])
def test_a_network_that_nobody_is_on_any_more_can_be_removed(
    engine: Engine, make_netns: Make, manager: Manager
) -> None:
    """CNI has no command that does it, and Podman does not tell."""
    network = Managed(by=manager, key="f00d")
    defined = engine.attachments.define(pods(network))
    wish = request("c1", make_netns("one"), network=network)
    engine.attachments.add(wish)
    with pytest.raises(Conflict, match="belongs to"):
        engine.remove_network(defined.name)
    engine.attachments.delete(wish.key)
    engine.remove_network(defined.name)
    assert defined.bridge not in {link["ifname"] for link in host_links()}
    engine.attachments.define(pods(network))
    engine.attachments.add(wish)
    check_consistency(engine)
