"""Reports of walks as a trace gives them, put together by hand: two containers on one bridge."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from struct import pack

from msgspec.structs import replace

from glassbridge.model.address import Mac, mac_octets
from glassbridge.model.cause import Cause
from glassbridge.model.network import Ifname
from glassbridge.model.observation import (
    NeighbourMessage,
    Observation,
    Sighting,
    Witness,
    WitnessName,
)
from glassbridge.model.packet import FlowWish, Packet, Transport
from glassbridge.model.report import Explanation, Hop, Seen, TraceReport, Verdict
from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.model.snapshot import Name, Namespace, Snapshot
from glassbridge.model.step_details import (
    Crossed,
    Detail,
    Entered,
    HookPassed,
    Left,
    NeighbourFound,
    Place,
    PortEntered,
    Received,
    RouteChosen,
    SocketFound,
    Switched,
    Translated,
)
from glassbridge.model.tables import (
    Address,
    Ifindex,
    ListeningSocket,
    NeighbourState,
    Route,
    SocketProtocol,
)
from glassbridge.model.topology import Bridge, BridgePort, Link, Netns, PortState, Stack
from glassbridge.model.walk import Action, Drop, Expected, Fact, OnLink, Step

HOST, ONE, TWO = 1, 4101, 4102
UP = 0x1 | 0x10000
MACS = {ONE: Mac("02:42:ac:11:00:02"), TWO: Mac("02:42:ac:11:00:03")}
ADDRESSES = {ONE: IPv4Address("172.17.0.2"), TWO: IPv4Address("172.17.0.3")}
CABLES = {ONE: (11, "veth9c02e56"), TWO: (12, "vethb4963f3")}
BRIDGE = Ifindex(10)
AT = 1_764_000_000_000_000_000


def cable(cookie: int) -> tuple[Link, Link]:
    """Both ends: the container's, the host's."""
    index, name = CABLES[cookie]
    inner = Link(
        ifindex=Ifindex(2),
        ifname=Ifname("eth0"),
        kind="veth",
        flags=UP,
        mac=MACS[cookie],
        mtu=1500,
        peer=Ifindex(index),
        link_nsid=0,
    )
    outer = Link(
        ifindex=Ifindex(index),
        ifname=Ifname(name),
        kind="veth",
        flags=UP,
        mac=Mac("fe:00:00:00:00:01"),
        mtu=1500,
        master=BRIDGE,
        peer=Ifindex(2),
        link_nsid=cookie,
        port=BridgePort(number=index - 10, state=PortState.FORWARDING),
    )
    return inner, outer


def container(cookie: int) -> Namespace:
    address = Address(ifindex=Ifindex(2), interface=ip_interface(f"{ADDRESSES[cookie]}/16"))
    stack = Stack(
        netns=Netns(cookie=cookie, inode=4026530000 + cookie),
        links=(cable(cookie)[0],),
        addresses=(address,),
    )
    return Namespace(stack=stack, peers={0: HOST})


def snapshot() -> Snapshot:
    bridge = Link(
        ifindex=BRIDGE, ifname=Ifname("gb0"), kind="bridge", flags=UP, bridge=Bridge(), mtu=1500
    )
    stack = Stack(
        netns=Netns(cookie=HOST, inode=4026530000),
        links=(bridge, *(cable(c)[1] for c in CABLES)),
        addresses=(Address(ifindex=BRIDGE, interface=ip_interface("172.17.0.1/16")),),
    )
    return Snapshot(
        home=HOST,
        namespaces={
            HOST: Namespace(stack=stack, peers={c: c for c in CABLES}),
            ONE: container(ONE),
            TWO: container(TWO),
        },
        names=(
            Name(name="nginx-1", origin=Origin.GLASSBRIDGE, cookie=ONE),
            Name(name="nginx-2", origin=Origin.GLASSBRIDGE, cookie=TWO),
        ),
        kernel="6.18.44",
    )


def place(cookie: int, ifname: str = "", ifindex: int | None = None) -> Place:
    name = {HOST: "host", ONE: "nginx-1", TWO: "nginx-2"}[cookie]
    index = None if ifindex is None else Ifindex(ifindex)
    return Place(cookie=cookie, name=name, inode=4026530000, ifname=ifname, ifindex=index)


SYN = Packet(
    transport=Transport.TCP,
    source=ADDRESSES[ONE],
    destination=ADDRESSES[TWO],
    source_port=40000,
    destination_port=80,
    length=60,
    tcp_flags="S",
)
ANSWER = replace(
    SYN,
    source=SYN.destination,
    destination=SYN.source,
    source_port=80,
    destination_port=40000,
    tcp_flags="S.",
)


def on(cookie: int, ifindex: int, *, outgoing: bool) -> OnLink:
    return OnLink(cookie=cookie, ifindex=Ifindex(ifindex), outgoing=outgoing)


def crossing(near: int, far: int, packet: Packet, *, is_reply: bool = False) -> Step:
    """Along a cable, in either direction."""
    box = near if near != HOST else far
    inner = place(box, "eth0", 2)
    outer = place(HOST, CABLES[box][1], CABLES[box][0])
    ends = (inner, outer) if near == box else (outer, inner)
    return Step(
        place=ends[0],
        detail=Crossed(from_=ends[0], to=ends[1], destination=MACS[TWO if not is_reply else ONE]),
        action=Action.FORWARDED,
        packet=packet,
        is_reply=is_reply,
        expected=tuple(on(end.cookie, end.ifindex or 0, outgoing=end is ends[0]) for end in ends),
    )


def simple(where: Place, detail: Detail, packet: Packet = SYN, *, drop: Drop | None = None) -> Step:
    is_reply = packet is ANSWER
    expected: tuple[Expected, ...] = ()
    action = Action.FORWARDED if drop is None else Action.DROPPED
    return Step(
        place=where,
        detail=detail,
        action=action,
        packet=packet,
        is_reply=is_reply,
        expected=expected,
        drop=drop,
    )


def steps_there() -> list[Step]:
    route = Route(destination=ip_network("172.17.0.0/16"), oif=Ifindex(2))
    return [
        simple(place(ONE), RouteChosen(route=route, oif=Ifindex(2), oifname="eth0")),
        simple(
            place(ONE, "eth0", 2),
            NeighbourFound(
                address=ADDRESSES[TWO],
                mac=MACS[TWO],
                is_asked=True,
                heard_by=("nginx-2", "host"),
                heard_count=2,
                answered_by=("nginx-2",),
                state=NeighbourState.REACHABLE,
            ),
        ),
        crossing(ONE, HOST, SYN),
        simple(place(HOST, "veth9c02e56", 11), PortEntered(bridge="gb0", port=1, learns=MACS[ONE])),
        simple(
            place(HOST, "gb0", 10),
            Switched(bridge="gb0", mac=MACS[TWO], to=place(HOST, "vethb4963f3", 12), port=2),
        ),
    ]


def steps_in() -> list[Step]:
    listener = ListeningSocket(
        protocol=SocketProtocol.TCP, address=ip_address("0.0.0.0"), port=80, process="nginx"
    )
    return [
        crossing(HOST, TWO, SYN),
        simple(place(TWO, "eth0", 2), Received(address=ADDRESSES[TWO])),
        simple(place(TWO), SocketFound(socket=listener)),
        crossing(TWO, HOST, ANSWER, is_reply=True),
        crossing(HOST, ONE, ANSWER, is_reply=True),
        simple(place(ONE), SocketFound(socket=None), ANSWER),
    ]


RULE = RuleRef(
    family="inet",
    table="fw",
    chain="f",
    handle=5,
    text="ip saddr 172.17.0.2 drop",
    comment="between neighbours: drop",
)
CAUSE = "a rule for routed traffic also sees the bridge's frames, and refuses them"


def delivered() -> TraceReport:
    steps = [*steps_there(), *steps_in()]
    hops = tuple(
        Hop(n=n, step=step, seen=Seen.AGREES, us=9.0 * n) for n, step in enumerate(steps, start=1)
    )
    return TraceReport(
        trace_id="4f1c09a2" * 4,
        verdict=Verdict.DELIVERED,
        wish=FlowWish(source="nginx-1", destination="nginx-2", transport=Transport.TCP, port=80),
        source=place(ONE),
        destination=place(TWO),
        title="nginx-1 172.17.0.2 -> nginx-2 172.17.0.3:80/tcp",
        hops=hops,
        agrees=True,
        witnesses=(
            Witness(name=WitnessName.LOOKUPS, spoke=True),
            Witness(name=WitnessName.TAPS, spoke=True),
        ),
        round_trip_us=81.0,
        observation=observation(),
    )


def dropped() -> TraceReport:
    """The same, but for a rule that refuses it on the bridge."""
    drop = Drop(cause=Cause.BRIDGE_NETFILTER, sentence=CAUSE, rule=RULE)
    refused = simple(
        place(HOST),
        HookPassed(
            family="ip", hook="forward", verdict="drop", decided_by=RULE, through_bridge=True
        ),
        drop=drop,
    )
    steps = [*steps_there(), refused]
    seen = observation()
    return replace(
        delivered(),
        verdict=Verdict.DROPPED,
        hops=tuple(
            Hop(n=n, step=step, seen=Seen.AGREES, us=9.0 * n)
            for n, step in enumerate(steps, start=1)
        ),
        cause=Explanation(
            code=Cause.BRIDGE_NETFILTER,
            hop=len(steps),
            where=place(HOST),
            sentence=CAUSE,
            evidence=(Fact(what="sysctl net.bridge.bridge-nf-call-iptables", says="1"),),
            fix=("nft delete rule inet fw f handle 5",),
            rule=RULE,
            reason="NETFILTER_DROP",
            function="nft_do_chain",
        ),
        observation=replace(
            seen,
            sightings=tuple(s for s in seen.sightings if s.seen is not ANSWER and not _beyond(s)),
        ),
        round_trip_us=None,
    )


def _beyond(sighting: Sighting) -> bool:
    """Past the rule, where only ARP came."""
    return sighting.seen is SYN and (sighting.cookie == TWO or sighting.ifindex == CABLES[TWO][0])


# -- frames


def ethernet(source: Mac, destination: Mac, kind: int, body: bytes) -> bytes:
    return mac_octets(destination) + mac_octets(source) + pack(">H", kind) + body


def arp(source: Mac, sender: IPv4Address, target: IPv4Address, *, is_reply: bool) -> bytes:
    to = MACS[ONE] if is_reply else Mac("ff:ff:ff:ff:ff:ff")
    body = pack(">HHBBH", 1, 0x0800, 6, 4, 2 if is_reply else 1)
    body += mac_octets(source) + sender.packed
    body += (mac_octets(to) if is_reply else bytes(6)) + target.packed
    return ethernet(source, to, 0x0806, body)


def tcp(packet: Packet, *, sequence: int, acknowledged: int, flags: int) -> bytes:
    segment = pack(
        ">HHIIBBHHH",
        packet.source_port,
        packet.destination_port,
        sequence,
        acknowledged,
        5 << 4,
        flags,
        64240,
        0,
        0,
    )
    header = pack(">BBHHHBBH", 0x45, 0, 40, 7, 0x4000, 64, 6, 0)
    header += packet.source.packed + packet.destination.packed
    forth = packet is SYN
    source, destination = (MACS[ONE], MACS[TWO]) if forth else (MACS[TWO], MACS[ONE])
    return ethernet(source, destination, 0x0800, header + segment)


def sighting(
    us: int, where: OnLink, frame: bytes, seen: Packet | NeighbourMessage, to: str = ""
) -> Sighting:
    return Sighting(
        at_ns=AT + us * 1000,
        cookie=where.cookie,
        ifindex=where.ifindex,
        outgoing=where.outgoing,
        to=to or ("outgoing" if where.outgoing else "host"),
        length=len(frame),
        frame=frame,
        seen=seen,
        is_reply=seen is ANSWER,
    )


def observation() -> Observation:
    asked = NeighbourMessage(
        is_reply=False, sender=ADDRESSES[ONE], sender_mac=MACS[ONE], target=ADDRESSES[TWO]
    )
    told = NeighbourMessage(
        is_reply=True, sender=ADDRESSES[TWO], sender_mac=MACS[TWO], target=ADDRESSES[ONE]
    )
    who_has = arp(MACS[ONE], ADDRESSES[ONE], ADDRESSES[TWO], is_reply=False)
    is_at = arp(MACS[TWO], ADDRESSES[TWO], ADDRESSES[ONE], is_reply=True)
    syn = tcp(SYN, sequence=1000, acknowledged=0, flags=2)
    answer = tcp(ANSWER, sequence=5000, acknowledged=1001, flags=0x12)
    out, port1 = on(ONE, 2, outgoing=True), on(HOST, 11, outgoing=False)
    port2, inside = on(HOST, 12, outgoing=True), on(TWO, 2, outgoing=False)
    back = [on(w.cookie, w.ifindex, outgoing=not w.outgoing) for w in (inside, port2, port1, out)]
    return Observation(
        packet=SYN,
        sightings=(
            sighting(0, out, who_has, asked),
            sighting(4, port1, who_has, asked, "broadcast"),
            sighting(6, inside, who_has, asked, "broadcast"),
            *(sighting(12 + i, w, is_at, told) for i, w in enumerate(back)),
            sighting(22, out, syn, SYN),
            sighting(25, port1, syn, SYN, "otherhost"),
            sighting(30, port2, syn, SYN),
            sighting(33, inside, syn, SYN),
            *(sighting(60 + 4 * i, w, answer, ANSWER) for i, w in enumerate(back)),
        ),
    )


# -- a longer walk: out of one network, through NAT, to the outside


GATEWAY, OUTSIDE = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.7")
UPLINK = IPv4Address("192.0.2.2")
FORWARD = RuleRef(
    family="inet", table="glassbridge", chain="forward", handle=14, owner=Origin.GLASSBRIDGE
)


def hook(name: str, packet: Packet, rule: RuleRef | None = None, *, back: bool = False) -> Step:
    passed = HookPassed(family="ip", hook=name, verdict="accept", decided_by=rule, connection="new")
    return Step(
        place=place(HOST), detail=passed, action=Action.FORWARDED, packet=packet, is_reply=back
    )


def outwards() -> list[Step]:
    """From nginx-1 to somewhere on the internet."""
    sent = replace(SYN, destination=OUTSIDE, destination_port=443)
    hidden = replace(sent, source=UPLINK)
    default = Route(destination=ip_network("0.0.0.0/0"), gateway=IPv4Address("172.17.0.1"))
    onward = replace(default, gateway=GATEWAY, oif=Ifindex(2))
    chosen = RouteChosen(route=default, gateway=default.gateway, oifname="eth0")
    routed = RouteChosen(route=onward, gateway=GATEWAY, oifname="eth0", is_forwarding=True)
    masquerade = Translated(kind="masquerade", before=sent, after=hidden)
    known = NeighbourFound(
        address=GATEWAY, mac=Mac("02:00:00:00:00:99"), state=NeighbourState.REACHABLE
    )
    own = Switched(bridge="gb0", mac=Mac("02:42:d8:e4:df:c1"), is_own=True)
    return [
        simple(place(ONE), chosen, sent),
        simple(place(ONE, "eth0", 2), steps_there()[1].detail, sent),
        crossing(ONE, HOST, sent),
        simple(place(HOST, "veth9c02e56", 11), PortEntered(bridge="gb0", port=1), sent),
        simple(place(HOST, "gb0", 10), own, sent),
        hook("prerouting", sent),
        simple(place(HOST), routed, sent),
        hook("forward", sent, FORWARD),
        hook("postrouting", sent),
        simple(place(HOST, "eth0", 3), masquerade, hidden),
        simple(place(HOST, "eth0", 3), known, hidden),
        simple(place(HOST, "eth0", 3), Left(gateway=GATEWAY), hidden),
    ]


def inwards() -> list[Step]:
    """The answer."""
    came = replace(
        ANSWER, source=OUTSIDE, source_port=443, destination=UPLINK, destination_port=40000
    )
    back = replace(came, destination=ADDRESSES[ONE])
    to_box = Route(destination=ip_network("172.17.0.0/16"), oif=BRIDGE)
    routed = RouteChosen(route=to_box, oifname="gb0", is_forwarding=True)
    port = Switched(bridge="gb0", mac=MACS[ONE], to=place(HOST, "veth9c02e56", 11), port=1)
    steps = [
        simple(place(HOST, "eth0", 3), Entered(address=OUTSIDE), came),
        hook("prerouting", came),
        simple(place(HOST), Translated(kind="connection", before=came, after=back), back),
        simple(place(HOST), routed, back),
        hook("forward", back, FORWARD),
        hook("postrouting", back),
        simple(
            place(HOST, "gb0", 10),
            NeighbourFound(address=ADDRESSES[ONE], mac=MACS[ONE], state=NeighbourState.REACHABLE),
            back,
        ),
        simple(place(HOST, "gb0", 10), port, back),
        crossing(HOST, ONE, back),
        simple(place(ONE, "eth0", 2), Received(address=ADDRESSES[ONE]), back),
        simple(place(ONE), SocketFound(socket=None), back),
    ]
    return [replace(step, is_reply=True) for step in steps]


def to_the_outside() -> TraceReport:
    """Seen in part, with one step that went otherwise."""
    seen = {3: Seen.DIFFERS, 6: Seen.UNWITNESSED, 11: Seen.UNPREDICTED}
    hops = tuple(
        Hop(
            n=n,
            step=step,
            seen=seen.get(n, Seen.AGREES),
            us=None if n in seen else 13.4 * n,
            at_ns=AT + 13400 * n,
            differs="it left by eth1" if n == 3 else "",
        )
        for n, step in enumerate([*outwards(), *inwards()], start=1)
    )
    return replace(
        delivered(),
        verdict=Verdict.DISAGREE,
        agrees=False,
        title="nginx-1 172.17.0.2 -> example.org 198.51.100.7:443/tcp",
        destination=None,
        hops=hops,
        assumptions=("what lies beyond 192.0.2.1 lets it pass",),
        notes=("the connection was not tracked before",),
        observation=None,
    )
