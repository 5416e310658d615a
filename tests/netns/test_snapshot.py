"""kernel.snapshot against `ip -j -d`, `bridge -j` and `ss`, on a namespace with a bit of all."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cables import await_cables

from glassbridge.errors import NotFound
from glassbridge.kernel import snapshot, sysctl
from glassbridge.kernel.discovery import describe_netns
from glassbridge.kernel.netns import CURRENT, inside, open_netns
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sockets import owner_of_port
from glassbridge.model.address import from_json, to_json
from glassbridge.model.network import Ifname
from glassbridge.model.tables import NeighbourState, SocketProtocol
from glassbridge.model.topology import PortState, Stack

MakeNetns = Callable[[str], str]

PARTS = """
link add gb0 address 02:42:d8:e4:df:c1 type bridge ageing_time 12300 nf_call_iptables 1
link set gb0 up alias "glassbridge:bridge" group 77
addr add 172.17.0.1/16 brd + dev gb0
addr add fd00::1/64 dev gb0 nodad
link add veth1 type veth peer name eth0 netns box
link set veth1 master gb0 up
link add veth2 type veth peer name eth1
link set veth2 master gb0 up
link set eth1 up
link property add dev eth1 altname a-rather-long-alternative-name
link set veth2 type bridge_slave hairpin on isolated on learning off flood off mcast_flood off
link set veth2 type bridge_slave proxy_arp on neigh_suppress on guard on cost 7 priority 9
link add vx0 type vxlan id 42 dstport 4789 local 172.17.0.1
link add mv0 link eth1 type macvlan mode bridge
addr add 192.0.2.1 peer 192.0.2.2/32 dev eth1
addr add 198.51.100.1/24 dev eth1 valid_lft 600 preferred_lft 300
route add 10.1.0.0/16 via 172.17.0.9 dev gb0 metric 50 src 172.17.0.1 mtu 1400
route add 10.2.0.0/16 nexthop via 172.17.0.9 weight 3 nexthop via 172.17.0.10 weight 5
route add 10.3.0.0/16 via inet6 fd00::9 dev gb0
route add blackhole 10.4.0.0/16
route add unreachable 10.5.0.0/16 table 1000
route add 203.0.113.0/24 via 10.99.99.99 dev gb0 onlink proto 186
rule add from 10.0.0.0/8 to 10.1.0.0/16 iif gb0 fwmark 0x10/0xf0 table 1000 priority 100
rule add not oif eth1 ipproto tcp sport 1000-2000 dport 443 uidrange 0-0 table 7 priority 101
rule add priority 102 blackhole tos 0x10
rule add priority 103 goto 32766
rule add priority 104 table main suppress_prefixlength 0
neigh add 172.17.0.7 lladdr 02:00:00:00:00:07 dev gb0 nud permanent
neigh add 172.17.0.8 lladdr 02:00:00:00:00:08 dev gb0 nud stale
neigh add fd00::7 lladdr 02:00:00:00:00:07 dev gb0 nud reachable router
neigh add proxy 172.17.0.99 dev gb0
"""

PARTS_OF_IPV6 = """
route add 2001:db8::/32 via fd00::9 dev gb0
route add ::/0 via fd00::9 dev gb0 from fd00:1::/64
rule add from fd00::/8 table 5 priority 200
"""


def run(command: str) -> str:
    return subprocess.run(shlex.split(command), capture_output=True, check=True, text=True).stdout


def ip(arguments: str) -> Any:
    return json.loads(run(f"ip -j -d {arguments}") or "[]")


@pytest.fixture
def route(make_netns: MakeNetns) -> Iterator[RouteSocket]:
    make_netns("box")
    # link-local addresses are as they stay, whoever looks first
    run("sysctl -qw net.ipv6.conf.default.accept_dad=0")
    subprocess.run(["ip", "-batch", "-"], input=PARTS, check=True, text=True)
    subprocess.run(["ip", "-6", "-batch", "-"], input=PARTS_OF_IPV6, check=True, text=True)
    run("sysctl -qw net.ipv6.conf.mv0.accept_dad=1")
    run("ip addr add fd00:9::1/64 dev mv0")  # it is down: the address stays tentative
    await_cables()
    run("bridge fdb add 02:00:00:00:00:77 dev veth1 master static sticky")
    run("bridge fdb append 02:00:00:00:00:78 dev vx0 dst 172.17.0.9 vni 43 self permanent")
    with RouteSocket() as opened:
        yield opened


def test_links(route: RouteSocket) -> None:
    found = {str(link.ifname): link for link in snapshot.read_links(route)}
    told = {k["ifname"]: k for k in ip("-s link")}
    later = {str(link.ifname): link for link in snapshot.read_links(route)}
    assert found.keys() == told.keys() >= {"lo", "gb0", "veth1", "veth2", "eth1", "vx0", "mv0"}
    for name, one in told.items():
        link = found[name]
        assert link.ifindex == one["ifindex"]
        assert link.kind == one.get("linkinfo", {}).get("info_kind", "")
        assert link.operstate.upper() == one["operstate"]
        assert (link.mac or "") == ("" if name == "lo" else one["address"]) or name == "lo"
        assert link.mtu == one["mtu"]
        assert {"0": "default"}.get(str(link.group), str(link.group)) == one["group"]
        assert link.alias == one.get("ifalias", "")
        assert list(link.altnames) == one.get("altnames", [])
        assert link.qdisc == one["qdisc"]
        assert (link.addr_gen_mode or "") == one.get("inet6_addr_gen_mode", "")
        assert link.is_up == ("UP" in one["flags"])
        assert link.has_carrier == ("LOWER_UP" in one["flags"])
        assert link.is_loopback == ("LOOPBACK" in one["flags"])
        assert link.is_promiscuous == (one["promiscuity"] > 0 and "PROMISC" in one["flags"])
        assert not link.has_xdp
        for way in ("rx", "tx"):
            for what in ("packets", "bytes", "errors", "dropped"):
                counter = f"{way}_{what}"
                assert (
                    getattr(link.counters, counter)
                    <= one["stats64"][way][what]
                    <= getattr(later[name].counters, counter)
                ), "IPv6 sends whenever it likes"
        master = next(
            (k["ifindex"] for k in told.values() if k["ifname"] == one.get("master")), None
        )
        assert link.master == master


def test_where_a_link_leads(route: RouteSocket) -> None:
    found = {str(link.ifname): link for link in snapshot.read_links(route)}
    assert found["veth2"].peer == found["eth1"].ifindex
    assert found["eth1"].peer == found["veth2"].ifindex
    assert found["veth2"].link_nsid is None
    assert found["mv0"].parent == found["eth1"].ifindex
    assert found["mv0"].peer is None
    (eth0,) = ip("-n box link show eth0")
    assert found["veth1"].peer == eth0["ifindex"]
    (told,) = ip("link show veth1")
    assert found["veth1"].link_nsid == told["link_netnsid"] >= 0


def test_a_bridge_and_its_ports(route: RouteSocket) -> None:
    link = snapshot.read_link(route, "gb0")
    (told,) = ip("link show gb0")
    data = told["linkinfo"]["info_data"]
    bridge = link.bridge
    assert bridge is not None
    assert bridge.stp == bool(data["stp_state"])
    assert bridge.ageing_seconds == data["ageing_time"] / 100 == 123.0
    assert bridge.forward_delay_seconds == data["forward_delay"] / 100
    assert bridge.vlan_filtering == bool(data["vlan_filtering"])
    assert bridge.multicast_snooping == bool(data["mcast_snooping"])
    assert bridge.nf_call_iptables == bool(data["nf_call_iptables"]) is True
    assert bridge.nf_call_ip6tables == bool(data["nf_call_ip6tables"]) is False
    assert bridge.nf_call_arptables == bool(data["nf_call_arptables"])
    assert bridge.group_forward_mask == int(data["group_fwd_mask"], 0)
    ports = stack_at().ports(link.ifindex)
    assert [p.ifname for p in ports] == ["veth1", "veth2"]
    for link in ports:
        (told,) = ip(f"link show {link.ifname}")
        data = told["linkinfo"]["info_slave_data"]
        port = link.port
        assert port is not None
        assert port.number == int(data["no"], 16)
        assert port.state == data["state"]
        assert port.hairpin == data["hairpin"]
        assert port.isolated == data["isolated"]
        assert port.locked == data["locked"]
        assert port.learning == data["learning"]
        assert port.flood == data["flood"]
        assert port.multicast_flood == data["mcast_flood"]
        assert port.broadcast_flood == data["bcast_flood"]
        assert port.guard == data["guard"]
        assert port.neigh_suppress == data["neigh_suppress"]
        assert port.proxy_arp == data["proxy_arp"]
        assert port.proxy_arp_wifi == data["proxy_arp_wifi"]
        assert port.cost == data["cost"]
        assert port.priority == data["priority"]
    assert ports[1].port is not None
    assert ports[1].port.isolated
    assert ports[1].port.state is PortState.FORWARDING


def test_addresses(route: RouteSocket) -> None:
    found = snapshot.read_addresses(route)
    told = [(k["ifindex"], a) for k in ip("addr") for a in k["addr_info"]]
    assert len(found) == len(told)
    assert {str(a.interface) for a in found} >= {"172.17.0.1/16", "fd00::1/64", "127.0.0.1/8"}
    by_address = {(int(a.ifindex), str(a.interface)): a for a in found}
    for ifindex, one in told:
        address = by_address[(ifindex, f"{one['local']}/{one['prefixlen']}")]
        assert address.scope == one["scope"]
        assert address.label == one.get("label", "")
        assert str(address.broadcast or "") == one.get("broadcast", "")
        assert str(address.peer or "") == one.get("address", "")
        assert ("permanent" in address.flags) != one.get("dynamic", False)
        assert ("nodad" in address.flags) == one.get("nodad", False)
        assert ("tentative" in address.flags) == one.get("tentative", False)
        forever = one["valid_life_time"] == 2**32 - 1
        if forever:
            assert address.valid_seconds is None
        else:
            assert address.valid_seconds is not None
            assert abs(address.valid_seconds - one["valid_life_time"]) <= 5
    gb0 = route.ifindex("gb0")
    assert {a.ifindex for a in snapshot.read_addresses(route, gb0)} == {gb0}


ROUTE_TYPES = (
    "",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
)


def routes_told() -> Iterator[tuple[int, dict[str, Any]]]:
    tables = {"main": 254, "local": 255, "default": 253}
    for family in (4, 6):
        for one in ip(f"-N -{family} route show table all"):
            table = one.get("table", "main")
            yield family, one | {"table": tables.get(table) or int(table)}


def test_routes(route: RouteSocket) -> None:
    scopes = {"global": "0", "link": "253", "host": "254", "site": "200", "nowhere": "255"}
    by_index = {int(k.ifindex): str(k.ifname) for k in snapshot.read_links(route)}
    found = [
        (
            r.destination,
            r.table,
            r.type,
            r.gateway,
            by_index[r.oif] if r.oif else None,
            r.metric,
            r.source,
            str(r.from_prefix) if r.from_prefix else None,
            scopes[r.scope] if r.destination.version == 4 else "0",
            str(r.protocol),
            r.mtu,
            set(r.flags) - {"linkdown"},
            [(h.gateway, by_index.get(h.oif or 0), h.weight) for h in r.next_hops],
        )
        for r in snapshot.read_routes(route)
    ]
    told = []
    for family, one in routes_told():
        everything = "0.0.0.0/0" if family == 4 else "::/0"
        gateway = one.get("gateway") or one.get("via", {}).get("host")
        metrics: dict[str, int] = (one.get("metrics") or [{}])[0]
        told.append(
            (
                ip_network(everything if one["dst"] == "default" else one["dst"]),
                one["table"],
                ROUTE_TYPES[int(one["type"])],
                ip_address(gateway) if gateway else None,
                one.get("dev"),
                one.get("metric", 0),
                ip_address(one["prefsrc"]) if "prefsrc" in one else None,
                one.get("from"),
                one["scope"] if family == 4 else "0",
                one["protocol"],
                metrics.get("mtu"),
                set(one["flags"]) - {"linkdown"},
                [
                    (ip_address(h["gateway"]), h["dev"], h["weight"])
                    for h in one.get("nexthops", [])
                ],
            )
        )
    assert sorted(map(repr, found)) == sorted(map(repr, told))
    assert any(r[12] for r in found), "a route of several ways is among them"


def test_rules(route: RouteSocket) -> None:
    found = snapshot.read_rules(route)
    told = [*ip("-4 -N rule"), *ip("-6 -N rule")]
    assert [r.priority for r in found] == [r["priority"] for r in told]
    for rule, one in zip(found, told, strict=True):
        assert str(rule.table or "") == one.get("table", "")
        assert rule.invert == ("not" in one)
        assert (rule.iif or "") == one.get("iif", "")
        assert (rule.oif or "") == one.get("oif", "")
        assert rule.mark == (int(one["fwmark"], 0) if "fwmark" in one else None)
        source = one["src"]
        if source != "all":
            assert rule.source == ip_network(
                f"{source}/{one.get('srclen', rule.source and rule.source.max_prefixlen)}"
            )
    by_priority = {r.priority: r for r in found}
    selective = by_priority[101]
    assert selective.invert
    assert selective.ip_protocol == 6
    assert selective.source_ports == (1000, 2000)
    assert selective.destination_ports == (443, 443)
    assert selective.uids == (0, 0)
    assert by_priority[100].destination == ip_network("10.1.0.0/16")
    assert by_priority[100].mark_mask == 0xF0
    assert by_priority[102].action == "blackhole"
    assert by_priority[102].tos == 0x10
    assert by_priority[103].action == "goto"
    assert by_priority[103].goto == 32766
    assert by_priority[104].suppress_prefix_length == 0
    assert by_priority[100].suppress_prefix_length is None
    assert by_priority[200].family == 6


def test_neighbours(route: RouteSocket) -> None:
    by_index = {k.ifindex: str(k.ifname) for k in snapshot.read_links(route)}
    found = {
        (by_index[n.ifindex], str(n.address)): n
        for n in snapshot.read_neighbours(route)
        if not n.is_proxy
        and not n.address.is_multicast  # those come and go with what IPv6 sends by itself
    }
    told = {
        (n["dev"], n["dst"]): n
        for n in ip("-s neigh show nud all")
        if not ip_address(n["dst"]).is_multicast
    }
    assert found.keys() == told.keys()
    for key, one in told.items():
        neighbour = found[key]
        assert [neighbour.state.upper()] == one["state"]
        assert neighbour.state is NeighbourState.NOARP or (neighbour.mac or "") == one["lladdr"]
        assert neighbour.is_router == ("router" in one)
        for age in ("used", "confirmed", "updated"):
            assert abs(getattr(neighbour, f"{age}_seconds") - one[age]) <= 5
    assert found["gb0", "172.17.0.7"].state is NeighbourState.PERMANENT


def test_proxied_neighbours(route: RouteSocket) -> None:
    run("ip neigh add proxy fd00::99 dev veth1")
    by_index = {k.ifindex: str(k.ifname) for k in snapshot.read_links(route)}
    proxied = [n for n in snapshot.read_neighbours(route) if n.is_proxy]
    told = [(n["dev"], n["dst"]) for f in (4, 6) for n in ip(f"-{f} neigh show proxy")]
    assert [(by_index[n.ifindex], str(n.address)) for n in proxied] == told
    assert told == [("gb0", "172.17.0.99"), ("veth1", "fd00::99")]


def test_fdb(route: RouteSocket) -> None:
    learn_a_mac()
    by_index = {k.ifindex: str(k.ifname) for k in snapshot.read_links(route)}
    for bridge in (None, route.ifindex("gb0")):
        found = snapshot.read_fdb(route, bridge)
        of = "br gb0" if bridge else ""
        told = json.loads(run(f"bridge -j -s fdb show {of}"))
        told = [e for e in told if "master" in e or "dst" in e or not int(e["mac"][1], 16) & 1]
        assert len(found) == len(told) > 0
        for entry, one in zip(found, told, strict=True):
            assert entry.mac == one["mac"]
            assert by_index[entry.ifindex] == one["ifname"]
            assert (by_index[entry.bridge] if entry.bridge else None) == one.get("master")
            if entry.bridge is not None:
                assert entry.is_local == (one["state"] == "permanent")
                assert entry.is_static == (one["state"] == "static")
                assert entry.is_sticky == ("sticky" in one["flags"])
            if "dst" in one:
                assert str(entry.destination) == one["dst"]
                assert entry.vni == one.get("vni")
            assert abs(entry.used_seconds - one.get("used", 0)) <= 5
            assert abs(entry.updated_seconds - one.get("updated", 0)) <= 5
    learned = {str(e.mac): by_index[e.ifindex] for e in found if not e.is_local and not e.is_static}
    assert learned["02:00:00:00:be:ef"] == "veth1"


def learn_a_mac() -> None:
    """One frame from inside the box, so that the bridge learns its source."""
    run("ip -n box link set eth0 address 02:00:00:00:be:ef up")
    fd = open_netns("/run/netns/box")
    with inside(fd):
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    os.close(fd)
    with frames:
        frames.bind(("eth0", 0))
        frame = b"\xff" * 6 + bytes.fromhex("02000000beef") + b"\x88\xb5" + bytes(46)
        # sent again until it is learned: a link that was just set up may still lack its carrier
        for _ in range(100):
            frames.send(frame)
            if "02:00:00:00:be:ef" in run("bridge fdb show br gb0"):
                return
            time.sleep(0.02)
    raise AssertionError("the bridge learned nothing")


LISTENER = """
import socket, sys, time
tcp = socket.create_server(("127.0.0.1", 8080))
both = socket.create_server(("::", 8081), family=socket.AF_INET6, dualstack_ipv6=True)
six = socket.create_server(("::", 8082), family=socket.AF_INET6)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 5353))
connected = socket.create_connection(("127.0.0.1", 8080))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def listener(fresh_host: None) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


def stack_at(path: str = CURRENT) -> Stack:
    netns = describe_netns(path)
    fd = open_netns(path)
    try:
        return snapshot.read_stack(fd, netns)
    finally:
        os.close(fd)


def test_listening_sockets(listener: int) -> None:
    stack = stack_at()
    assert listener in stack.netns.pids
    found = {(s.protocol, str(s.address), s.port, s.v6only, s.pid) for s in stack.sockets}
    assert found == {
        (SocketProtocol.TCP, "127.0.0.1", 8080, False, listener),
        (SocketProtocol.TCP, "::", 8081, False, listener),
        (SocketProtocol.TCP, "::", 8082, True, listener),
        (SocketProtocol.UDP, "0.0.0.0", 5353, False, listener),
    }
    told = run("ss -Hltunpe")
    assert len(told.splitlines()) == len(stack.sockets)
    for s in stack.sockets:
        line = next(k for k in told.splitlines() if f":{s.port} " in k)
        assert line.split()[0] == s.protocol
        assert f"ino:{s.inode} " in line
        assert f'"{s.process}",pid={s.pid}' in line
        assert ("v6only:1" in line) == s.v6only


def test_owner_of_a_port(listener: int) -> None:
    owner = f"{Path(sys.executable).name[:15]} (pid {listener})"
    tcp, udp = SocketProtocol.TCP, SocketProtocol.UDP
    assert owner_of_port(tcp, ip_address("0.0.0.0"), 8080) == owner
    assert owner_of_port(tcp, ip_address("127.0.0.1"), 8081) == owner, ":: takes IPv4 as well"
    assert owner_of_port(udp, ip_address("192.0.2.1"), 5353) == owner
    assert owner_of_port(tcp, ip_address("127.0.0.2"), 8080) == ""
    assert owner_of_port(tcp, ip_address("127.0.0.1"), 8082) == "", "IPv6 only"
    assert owner_of_port(udp, ip_address("127.0.0.1"), 8080) == ""


def test_a_whole_stack(route: RouteSocket) -> None:
    run("ip -n box addr add 172.17.0.2/16 dev eth0")
    run("ip -n box link set eth0 up")
    run("ip -n box route add default via 172.17.0.1")
    stack = stack_at("/run/netns/box")
    assert [k.ifname for k in stack.links] == ["lo", "eth0"]
    assert [str(r.destination) for r in stack.routes if r.is_default] == ["0.0.0.0/0"]
    assert IPv4Address("172.17.0.2") in {
        r.destination.network_address for r in stack.local_routes if r.type == "local"
    }
    assert all(r.table == 255 for r in stack.local_routes)
    assert all(r.table != 255 for r in stack.routes)
    assert stack.netns.paths == ("/run/netns/box",)
    assert stack.netns.pids == ()
    assert stack.sysctls["net.ipv4.ip_forward"] == "0"
    assert stack.sysctls["net/ipv4/conf/eth0/rp_filter"].isdigit()
    eth0 = stack.links[1]
    assert stack.link(eth0.ifindex) is eth0
    assert stack.link(99) is None
    host = stack_at()
    assert [p.ifname for p in host.ports(route.ifindex("gb0"))] == ["veth1", "veth2"]
    assert from_json(to_json(host), Stack) == host


def test_a_namespace_that_is_gone(fresh_host: None) -> None:
    with pytest.raises(NotFound):
        stack_at("/run/netns/absent")


def test_settings_are_those_of_proc(route: RouteSocket) -> None:
    for link in ("gb0", "eth1", "lo"):
        run(f"sysctl -qw net.ipv4.conf.{link}.rp_filter=2 net.ipv4.conf.{link}.arp_ignore=1")
        run(f"sysctl -qw net.ipv4.conf.{link}.route_localnet=1 net.ipv6.conf.{link}.accept_ra=2")
    run("sysctl -qw net.ipv6.conf.eth1.disable_ipv6=1 net.ipv6.conf.gb0.proxy_ndp=1")
    told = stack_at().sysctls
    assert {k: sysctl.read(k) for k in told} == told
    for link in ("all", "lo", "gb0", "eth1"):
        names4 = {k.rpartition("/")[2] for k in told if k.startswith(f"net/ipv4/conf/{link}/")}
        names6 = {k.rpartition("/")[2] for k in told if k.startswith(f"net/ipv6/conf/{link}/")}
        assert names4 >= {"rp_filter", "forwarding", "arp_filter", "accept_local"}
        assert names6 - {"force_forwarding"} == {
            "disable_ipv6",
            "forwarding",
            "accept_ra",
            "proxy_ndp",
            "accept_dad",
        }
    assert not any("/veth1/" in key for key in told), "a port has no IP stack of its own"


def test_links_of_one_bridge_or_group_only(route: RouteSocket) -> None:
    ports = snapshot.read_links(route, route.ifindex("gb0"))
    assert [p.ifname for p in ports] == ["veth1", "veth2"]
    assert [k.ifname for k in snapshot.read_group(route, 77)] == ["gb0"]
    assert snapshot.read_member(route, Ifname("gb0"), 77) == snapshot.read_group(route, 77)[0]
    assert snapshot.read_member(route, Ifname("gb0"), 78) is None
    assert snapshot.read_member(route, Ifname("nobody"), 77) is None
    assert snapshot.read_group(route, 78) == ()
    others = [k.ifname for k in snapshot.read_links(route) if k.group == 0]
    assert [k.ifname for k in snapshot.read_group(route, 0)] == others


def test_counters_count(route: RouteSocket) -> None:
    learn_a_mac()
    counters = snapshot.read_link(route, "veth1").counters
    assert counters.rx_packets >= 1
    assert counters.rx_bytes >= 60
    loopback = snapshot.read_link(route, "lo").counters
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x" * 100, ("127.0.0.1", 9))
    after = snapshot.read_link(route, "lo").counters
    assert after.tx_bytes - loopback.tx_bytes >= 128
    assert after.rx_packets - loopback.rx_packets >= 1
