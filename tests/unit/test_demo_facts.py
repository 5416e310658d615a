"""The demo reads the classic tools as they print, today's and those of the old days."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from glassbridge.app.demo_facts import (
    RouteLine,
    parse_arp,
    parse_bridges,
    parse_interface_address,
    parse_interfaces,
    parse_learned,
    parse_routes,
)

ROUTE = """\
Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
default         172.17.0.1      0.0.0.0         UG    0      0        0 eth0
172.17.0.0      {none}         255.255.0.0     U     0      0        0 eth0
"""

IFCONFIG = """\
gb0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
        inet 172.17.0.1  netmask 255.255.0.0  broadcast 172.17.255.255
        ether 02:42:ed:8c:61:60  txqueuelen 1000  (Ethernet)

veth9c02e56: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
        inet6 fe80::5081:bff:fe24:3dda  prefixlen 64  scopeid 0x20<link>
"""

OLD_IFCONFIG = """\
docker0   Link encap:Ethernet  HWaddr 02:42:d8:e4:df:c1
          inet addr:172.17.0.1  Bcast:0.0.0.0  Mask:255.255.0.0
          inet6 addr: fe80::42:d8ff:fee4:dfc1/64 Scope:Link
veth9c02e56 Link encap:Ethernet  HWaddr 52:81:0b:24:3d:da
          inet6 addr: fe80::5081:bff:fe24:3dda/64 Scope:Link
"""

BRCTL = (
    "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n"
    "empty\t\t8000.000000000000\tno\t\t\n"
    "gb0\t\t8000.02423218ad39\tno\t\tveth4337bcc\n"
    "\t\t\t\t\t\t\tveth8153ee2\n"
)

ARP = """\
Address                  HWtype  HWaddress           Flags Mask            Iface
172.17.0.3               ether   02:42:ac:11:00:03   C                     eth0
172.17.0.9                       (incomplete)                              eth0
"""

FDB = """[
{"mac":"33:33:00:00:00:01","ifname":"gb0","flags":["self"],"state":"permanent"},
{"mac":"02:42:ac:11:00:02","ifname":"veth4337bcc","flags":[],"master":"gb0","state":""},
{"mac":"02:c2:ac:11:00:02","ifname":"veth4337bcc","flags":[],"master":"gb0","state":"permanent"}]
"""


def test_routes() -> None:
    for none in ("0.0.0.0", "*"):
        default, direct = parse_routes(ROUTE.format(none=none))
        gateway = IPv4Address("172.17.0.1")
        assert default == RouteLine(
            network=IPv4Network("0.0.0.0/0"), gateway=gateway, ifname="eth0"
        )
        assert direct == RouteLine(
            network=IPv4Network("172.17.0.0/16"), gateway=None, ifname="eth0"
        )


def test_interfaces() -> None:
    address = IPv4Address("172.17.0.1")
    assert parse_interfaces(IFCONFIG) == {"gb0": (address,), "veth9c02e56": ()}
    assert parse_interfaces(OLD_IFCONFIG) == {"docker0": (address,), "veth9c02e56": ()}


def test_bridges() -> None:
    assert parse_bridges(BRCTL) == {"empty": (), "gb0": ("veth4337bcc", "veth8153ee2")}


def test_arp() -> None:
    assert parse_arp(ARP) == {IPv4Address("172.17.0.3"): "02:42:ac:11:00:03"}
    assert parse_arp("") == {}


def test_interface_address() -> None:
    text = '[{},{"ifname":"gb0","addr_info":[{"local":"172.17.0.1","prefixlen":16}]},{}]'
    assert parse_interface_address(text) == IPv4Interface("172.17.0.1/16")


def test_learned_is_neither_permanent_nor_our_own() -> None:
    assert parse_learned(FDB) == {"02:42:ac:11:00:02": "veth4337bcc"}
