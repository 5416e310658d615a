"""Ways to lose a packet, and what the kernel says of each: what causes are told from."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.netns.cables import await_cables
from tests.netns.walk.witness_stage import B6, C6, B, C, Stage, run

from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.model.observation import EventKind
from glassbridge.model.packet import Transport

LINUX = tuple(int(n) for n in os.uname().release.split(".")[:2])
pytestmark = pytest.mark.skipif(LINUX < (6, 11), reason="older kernels name fewer reasons")

NOWHERE, NOWHERE6 = "10.99.0.1", "fd99::1"
NEIGHBOUR_GIVES_UP = 3.5


class Way(NamedTuple):
    """One of them. Commands are for the host, or for the container named before `: `."""

    name: str
    commands: tuple[str, ...]
    to: str
    expected: str
    """`REASON function`, then namespace and link."""
    size: int = 20
    icmp: tuple[int, int] | None = None
    """Of the error that a caller gets, by IPv4."""


def chain(hook: str, rule: str, family: str = "inet", kind: str = "filter") -> str:
    return (
        f"nft 'table {family} t {{ chain c {{ type {kind} hook {hook} priority 0; {rule}; }}; }}'"
    )


UDP_DROP, UDP_REJECT = "udp dport 9999 drop", "udp dport 9999 reject"
FOREIGN = "a: ip addr add 10.66.0.1/32 dev lo"
STRICT = "sysctl -qw net.ipv4.conf.all.rp_filter=1"
UNKNOWN_MAC = "a: ip neigh replace 10.77.0.3 lladdr 02:00:00:00:00:77 dev eth0 nud permanent"
KNOWN_MAC = f"a: ip neigh replace {B} lladdr $MAC_B dev eth0 nud permanent"
STP = "ip link set br0 type bridge stp_state 1 forward_delay 3000"

WAYS = (
    Way("nobody listens", (), B, "NO_SOCKET __udp4_lib_rcv b eth0", icmp=(3, 3)),
    Way("nobody listens, IPv6", (), C6, "NO_SOCKET __udp6_lib_rcv c eth0"),
    Way(
        "the target's input",
        (f"b: {chain('input', UDP_DROP)}",),
        B,
        "NETFILTER_DROP nft_do_chain b eth0",
    ),
    Way(
        "the target's policy",
        (f"b: {chain('input', 'policy drop')}",),
        B,
        "NETFILTER_DROP nft_do_chain b eth0",
    ),
    Way(
        "a reject",
        (chain("forward", UDP_REJECT),),
        C,
        "NETFILTER_DROP nft_do_chain host br0",
        icmp=(3, 3),
    ),
    Way(
        "the sender's output",
        (f"a: {chain('output', UDP_DROP)}",),
        B,
        "NETFILTER_DROP nft_do_chain a",
    ),
    Way(
        "a bridge's forward",
        (chain("forward", UDP_DROP, "bridge"),),
        B,
        "NETFILTER_DROP nft_do_chain host port-b",
    ),
    Way(
        "br_netfilter",
        (chain("forward", UDP_DROP),),
        B,
        "NETFILTER_DROP nft_do_chain host port-b",
    ),
    Way(
        "a link's ingress",
        (chain("ingress device port-a", UDP_DROP, "netdev"),),
        B,
        "NETFILTER_DROP nft_do_chain host port-a",
    ),
    Way(
        "legacy iptables",
        ("iptables-legacy -A FORWARD -p udp --dport 9999 -j DROP",),
        C,
        "NETFILTER_DROP nf_hook_slow host br0",
    ),
    Way(
        "forwarding is off",
        ("sysctl -qw net.ipv4.ip_forward=0",),
        C,
        "IP_INADDRERRORS ip_error host br0",
    ),
    Way(
        "forwarding is off, IPv6",
        ("sysctl -qw net.ipv6.conf.all.forwarding=0",),
        C6,
        "IP_INADDRERRORS ip6_forward host br0",
    ),
    Way(
        "rp_filter",
        (STRICT, FOREIGN, f"a: ip route add {C}/32 via 10.77.0.1 src 10.66.0.1"),
        C,
        "IP_RPFILTER ip_rcv_finish_core host br0",
    ),
    Way(
        "a source of the host's own",
        (
            "a: ip addr add 10.78.0.1/32 dev lo",
            f"a: ip route add {C}/32 via 10.77.0.1 src 10.78.0.1",
        ),
        C,
        "IP_LOCAL_SOURCE ip_rcv_finish_core host br0",
    ),
    Way(
        "TTL",
        ("a: sysctl -qw net.ipv4.ip_default_ttl=1",),
        C,
        "IP_INHDR ip_forward host br0",
        icmp=(11, 0),
    ),
    Way("no route", (), NOWHERE, "IP_INNOROUTES ip_error host br0", icmp=(3, 0)),
    Way("no route, IPv6", (), NOWHERE6, "IP_INNOROUTES ip6_pkt_discard host br0"),
    Way(
        "unreachable",
        ("ip route add unreachable 10.99.0.0/24",),
        NOWHERE,
        "NOT_SPECIFIED ip_error host br0",
        icmp=(3, 1),
    ),
    Way(
        "blackhole",
        ("ip route add blackhole 10.99.0.0/24",),
        NOWHERE,
        "NOT_SPECIFIED ip_error host br0",
    ),
    Way(
        "prohibit",
        ("ip rule add from 10.77.0.2 to 10.99.0.0/24 prohibit",),
        NOWHERE,
        "NOT_SPECIFIED ip_error host br0",
        icmp=(3, 13),
    ),
    Way(
        "MTU of the route",
        ("ip link set br1 mtu 600",),
        C,
        "PKT_TOO_BIG ip_forward host br0",
        900,
        icmp=(3, 4),
    ),
    Way(
        "MTU of a port",
        ("ip link set port-b mtu 600",),
        B,
        "NOT_SPECIFIED br_nf_dev_queue_xmit host port-b",
        900,
    ),
    Way(
        "MTU of a cable's other end",
        ("b: ip link set eth0 mtu 600",),
        B,
        "NOT_SPECIFIED __dev_forward_skb2 host port-b",
        900,
    ),
    Way(
        "isolated ports",
        ("bridge link set dev port-a isolated on; bridge link set dev port-b isolated on",),
        B,
        "NOT_SPECIFIED br_handle_frame_finish host port-a",
    ),
    Way(
        "hairpin",
        (
            chain("prerouting", "ip daddr 10.78.0.1 udp dport 9999 dnat to 10.77.0.2", "ip", "nat"),
            "nft 'table ip q { chain c { type nat hook postrouting priority 100; masquerade; }; }'",
        ),
        "10.78.0.1",
        "NOT_SPECIFIED br_handle_frame_finish host port-a",
    ),
    Way(
        "a locked port",
        (
            "ip link set port-a type bridge_slave learning off locked on",
            "ip link set br0 type bridge fdb_flush",
        ),
        B,
        "NOT_SPECIFIED br_handle_frame_finish host port-a",
    ),
    Way(
        "an egress port that blocks",
        (KNOWN_MAC, f"{STP}; ip link set port-b down; ip link set port-b up"),
        B,
        "NO_TX_TARGET br_handle_frame_finish host port-a",
    ),
    Way(
        "an unknown MAC, flooding off",
        (UNKNOWN_MAC, "bridge link set dev port-b flood off"),
        B,
        "NO_TX_TARGET br_handle_frame_finish host port-a",
    ),
    Way("an unknown MAC", (UNKNOWN_MAC,), B, "OTHERHOST ip_rcv_core b eth0"),
    Way(
        "a wrong FDB entry",
        (
            KNOWN_MAC,
            "ip link set port-c master br0; bridge fdb replace $MAC_B dev port-c master static",
        ),
        B,
        "OTHERHOST ip_rcv_core c eth0",
    ),
    Way(
        "the target's link is down",
        (KNOWN_MAC, "b: ip link set eth0 down"),
        B,
        "NO_TX_TARGET br_handle_frame_finish host port-a",
    ),
    Way(
        "the bridge is down",
        (KNOWN_MAC, "ip link set br0 down"),
        B,
        "BRIDGE_INGRESS_STP_STATE br_handle_frame host port-a",
    ),
    Way(
        "IPv6 is off",
        (
            "a: ip neigh replace fd77::3 lladdr $MAC_B dev eth0 nud permanent",
            "b: sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1",
        ),
        B6,
        "IPV6DISABLED ip6_rcv_core b eth0",
    ),
    Way(
        "nobody has the address",
        (),
        "10.78.0.99",
        "NEIGH_FAILED neigh_invalidate host br1",
        icmp=(3, 1),
    ),
    Way("nobody has it, IPv6", (), "fd78::99", "NOT_SPECIFIED neigh_invalidate host br1"),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_reason_function_and_place(make_netns: Callable[[str], str], way: Way) -> None:
    stage = Stage(make_netns)
    witness = Tracepoints()
    try:
        # neighbours and FDB are known, so that nothing but the way decides
        run(f"for ip in {B} {C} {B6} {C6}; do ping -c1 -W2 $ip >/dev/null; done", "a")
        break_it(way)
        version = 6 if ":" in way.to else 4
        witness.open(stage.watch(version=version))
        if "CAP_BPF" in witness.why_not:
            pytest.skip(witness.why_not)
        stage.send(way.to, size=way.size)
        events = list(witness.collect().events)
        end = time.monotonic() + NEIGHBOUR_GIVES_UP + 30
        while not any(e.kind is EventKind.DROPPED for e in events):
            assert time.monotonic() < end, f"no drop among {events}"
            time.sleep(0.02)
            events += witness.collect().events
        seen = [
            f"{e.reason} {e.function} {stage.place(e.inode, e.ifindex)}"
            for e in events
            if e.kind is EventKind.DROPPED and e.packet and e.packet.transport is Transport.UDP
        ]
        assert seen == [way.expected]
        # IPv6 has no tracepoint for the errors that it sends
        sent = [(e.icmp_type, e.icmp_code) for e in events if e.kind is EventKind.ICMP_SENT]
        assert sent == ([way.icmp] if way.icmp else [])
    finally:
        witness.close()
        stage.close()


def break_it(way: Way) -> None:
    mac = run("cat /sys/class/net/eth0/address", "b").strip()
    for command in way.commands:
        where, separator, rest = command.partition(": ")
        inside = where if separator and len(where) == 1 else ""
        run((rest if inside else command).replace("$MAC_B", mac), inside)
    await_cables()
