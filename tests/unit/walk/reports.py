"""Reports made by hand: what `trace` would answer, one for each kind of ending."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from msgspec.structs import replace

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.cause import Cause
from glassbridge.model.observation import (
    Answer,
    AnswerKind,
    EventKind,
    KernelEvent,
    NeighbourMessage,
    Observation,
    RouteLookup,
    RuleHit,
    Sighting,
    Witness,
    WitnessName,
)
from glassbridge.model.packet import FlowWish, Packet, Transport
from glassbridge.model.report import Explanation, Hop, Seen, TraceReport, Verdict
from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.model.step_details import (
    Crossed,
    Detail,
    HookPassed,
    NeighbourFound,
    Place,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
    Translated,
)
from glassbridge.model.tables import (
    Ifindex,
    ListeningSocket,
    Neighbour,
    NeighbourState,
    Route,
    RoutingRule,
    SocketProtocol,
)
from glassbridge.model.walk import Action, Answered, AtRule, Drop, Expected, Fact, OnLink, Step

START_NS = 1_795_435_200_000_000_000
TRACE_ID = "5f3c9a1e" * 4
MAC1, MAC2 = Mac("02:42:ac:11:00:02"), Mac("02:42:ac:11:00:03")
A1, A2 = ip_address("172.17.0.2"), ip_address("172.17.0.3")
V1, V2 = "veth9c02e56", "vethb4963f3"

TIMES = (0.0, 22.0, 33.0, 34.0, 36.0, 38.0, 50.0, 52.0, 60.0, 66.0, 70.0, 74.0, 78.0, 81.0)

ALL_SPOKE = tuple(
    Witness(name=name, spoke=True)
    for name in (
        WitnessName.LOOKUPS,
        WitnessName.TAPS,
        WitnessName.NFTRACE,
        WitnessName.TRACEPOINTS,
    )
)
BETWEEN = RuleRef(
    family="inet",
    table="glassbridge",
    chain="forward",
    handle=14,
    text="iifname @bridges oifname @bridges drop",
    comment="between networks: drop",
    owner=Origin.GLASSBRIDGE,
)
BRIDGED = RuleRef(
    family="inet",
    table="glassbridge",
    chain="forward",
    handle=9,
    text="iifname . oifname @same_bridge accept",
    comment="within a network",
    owner=Origin.GLASSBRIDGE,
)


def place(name: str, ifname: str = "", ifindex: int | None = None) -> Place:
    """A namespace whose cookie is made of its name."""
    cookie = sum(name.encode())
    return Place(
        cookie=cookie,
        inode=4026530000 + cookie,
        name=name,
        ifname=ifname,
        ifindex=None if ifindex is None else Ifindex(ifindex),
    )


def tcp(source: IPAddress = A1, destination: IPAddress = A2, port: int = 80) -> Packet:
    """A SYN."""
    return Packet(
        transport=Transport.TCP,
        source=source,
        destination=destination,
        source_port=40000,
        destination_port=port,
        length=60,
        tcp_flags="S",
    )


def step(
    where: Place,
    detail: Detail,
    *,
    packet: Packet | None = None,
    action: Action = Action.FORWARDED,
    drop: Drop | None = None,
    is_reply: bool = False,
    expected: tuple[Expected, ...] = (),
) -> Step:
    """One step; a drop makes its action."""
    return Step(
        place=where,
        detail=detail,
        action=Action.DROPPED if drop else action,
        packet=packet or tcp(),
        is_reply=is_reply,
        expected=expected,
        drop=drop,
    )


def on_link(where: Place, *, outgoing: bool) -> OnLink:
    """The packet at the link of a place."""
    assert where.ifindex is not None
    return OnLink(cookie=where.cookie, ifindex=where.ifindex, outgoing=outgoing)


def cable(near: Place, far: Place, mac: Mac, packet: Packet, *, is_reply: bool = False) -> Step:
    """Across a veth pair, seen at both ends."""
    expected = (on_link(near, outgoing=True), on_link(far, outgoing=False))
    detail = Crossed(from_=near, to=far, destination=mac)
    return step(near, detail, packet=packet, is_reply=is_reply, expected=expected)


def bridge_walk(
    one: str = "nginx-1",
    two: str = "nginx-2",
    a1: IPAddress = A1,
    a2: IPAddress = A2,
    heard: tuple[tuple[str, ...], int] = (("nginx-2", "host"), 2),
) -> tuple[Step, ...]:
    """Two containers on one bridge, cold neighbours, there and back."""
    version = a1.version
    prefix = ip_network(f"{a1}/{16 if version == 4 else 64}", strict=False)
    eth1, eth2 = place(one, "eth0", 2), place(two, "eth0", 2)
    port1, port2 = place("host", V1, 11), place("host", V2, 13)
    there, back = tcp(a1, a2), replace(tcp(a2, a1), source_port=80, destination_port=40000)
    listener = ListeningSocket(
        protocol=SocketProtocol.TCP,
        address=ip_address("0.0.0.0" if version == 4 else "::"),
        port=80,
        process="nginx",
        pid=8122,
    )
    route = Route(destination=prefix, oif=Ifindex(2), protocol=2, scope="link")
    known = Neighbour(
        ifindex=Ifindex(2),
        address=a1,
        mac=MAC1,
        state=NeighbourState.REACHABLE,
        confirmed_seconds=4,
        updated_seconds=12,
    )
    passed = HookPassed(
        family="ip",
        hook="forward",
        verdict="accept",
        decided_by=BRIDGED,
        matched=(BRIDGED,),
        connection="new",
        through_bridge=True,
    )
    request = (
        step(
            place(one),
            RouteChosen(
                route=route,
                rule=RoutingRule(family=version, priority=32766, table=254),
                oif=Ifindex(2),
                oifname="eth0",
                source=a1,
            ),
            packet=there,
        ),
        step(
            eth1,
            NeighbourFound(
                address=a2,
                mac=MAC2,
                is_asked=True,
                heard_by=heard[0],
                heard_count=heard[1],
                answered_by=(two,),
            ),
            packet=there,
        ),
        cable(eth1, port1, MAC2, there),
        step(port1, PortEntered(bridge="gb0", port=1, learns=MAC1), packet=there),
        step(place("host", "gb0", 3), HookPassed(family="ip", hook="prerouting", verdict="accept")),
        step(
            place("host", "gb0", 3),
            Switched(bridge="gb0", mac=MAC2, to=port2, port=2, age_seconds=3.0),
            packet=there,
        ),
        step(
            place("host", "gb0", 3),
            passed,
            packet=there,
            expected=(AtRule(cookie=place("host").cookie, rule=BRIDGED),),
        ),
        cable(port2, eth2, MAC2, there),
        step(eth2, Received(address=a2), packet=there),
        step(place(two), SocketFound(socket=listener), packet=there, action=Action.DELIVERED),
    )
    reply = (
        step(
            place(two),
            NeighbourFound(address=a1, mac=MAC1, entry=known, state=NeighbourState.REACHABLE),
            packet=back,
            is_reply=True,
        ),
        cable(eth2, port2, MAC1, back, is_reply=True),
        cable(port1, eth1, MAC1, back, is_reply=True),
        step(
            place(one),
            SocketFound(socket=None),
            packet=back,
            is_reply=True,
            action=Action.DELIVERED,
            expected=(Answered(),),
        ),
    )
    return request + reply


def seen(steps: tuple[Step, ...]) -> tuple[Hop, ...]:
    """Every step as predicted, with its time."""
    return tuple(
        Hop(
            n=n,
            step=one,
            seen=Seen.AGREES,
            us=TIMES[min(n, len(TIMES)) - 1],
            at_ns=START_NS + int(TIMES[min(n, len(TIMES)) - 1] * 1000),
            by=(WitnessName.TAPS, WitnessName.TRACEPOINTS),
        )
        for n, one in enumerate(steps, start=1)
    )


def unseen(steps: tuple[Step, ...]) -> tuple[Hop, ...]:
    """Every step as predicted, and nothing sent."""
    return tuple(Hop(n=n, step=one) for n, one in enumerate(steps, start=1))


def observation() -> Observation:
    """What the taps and the others saw of the first cable and the ARP answer."""
    packet = tcp()
    eth0, port1 = place("nginx-1", "eth0", 2), place("host", V1, 11)
    at_eth0 = Sighting(
        at_ns=START_NS + 33_000,
        cookie=eth0.cookie,
        ifindex=Ifindex(2),
        outgoing=True,
        to="outgoing",
        length=74,
        frame=b"",
        seen=packet,
        source_mac=MAC1,
        destination_mac=MAC2,
    )
    at_port = replace(
        at_eth0, cookie=port1.cookie, ifindex=Ifindex(11), outgoing=False, to="otherhost"
    )
    answer = replace(
        at_eth0,
        at_ns=START_NS + 31_000,
        outgoing=False,
        to="host",
        length=42,
        seen=NeighbourMessage(is_reply=True, sender=A2, sender_mac=MAC2, target=A1),
        is_reply=True,
    )
    return Observation(
        packet=packet,
        sent_ns=START_NS,
        answer=Answer(kind=AnswerKind.ACCEPTED, after_us=81.0),
        sightings=(answer, at_eth0, at_port),
        rule_hits=(
            RuleHit(
                at_ns=START_NS + 37_000,
                cookie=place("host").cookie,
                trace_id=1,
                family="inet",
                table="glassbridge",
                chain="forward",
                handle=9,
                verdict="accept",
                packet=packet,
            ),
        ),
        events=(
            KernelEvent(
                at_ns=START_NS + 33_000,
                kind=EventKind.RECEIVED,
                inode=port1.inode,
                ifindex=Ifindex(11),
                skb=0xFFFF8881,
                packet=packet,
            ),
        ),
        lookups=(
            RouteLookup(
                cookie=eth0.cookie,
                destination=A2,
                route=Route(destination=ip_network("172.17.0.0/16"), oif=Ifindex(2)),
            ),
        ),
        witnesses=ALL_SPOKE,
    )


def delivered() -> TraceReport:
    """The story's own walk."""
    return TraceReport(
        trace_id=TRACE_ID,
        verdict=Verdict.DELIVERED,
        wish=FlowWish(source="nginx-1", destination="nginx-2", transport=Transport.TCP, port=80),
        source=place("nginx-1"),
        destination=place("nginx-2"),
        title="nginx-1 172.17.0.2 -> nginx-2 172.17.0.3:80/tcp",
        hops=seen(bridge_walk()),
        agrees=True,
        witnesses=ALL_SPOKE,
        answer=Answer(kind=AnswerKind.ACCEPTED, after_us=81.0),
        round_trip_us=81.0,
        observation=observation(),
    )


def predicted() -> TraceReport:
    """The same, without a packet, from a file."""
    return replace(
        delivered(),
        hops=unseen(bridge_walk()),
        agrees=None,
        witnesses=(),
        answer=None,
        round_trip_us=None,
        observation=None,
        recorded="story.snapshot, taken 2026-11-23 20:05 UTC",
    )


def dropped_by_us() -> TraceReport:
    """Two networks, which do not talk to each other."""
    db, gateway = ip_address("172.18.0.5"), ip_address("172.17.0.1")
    packet = tcp(A1, db, 5432)
    eth0, port = place("nginx-1", "eth0", 2), place("host", V1, 11)
    other = "gb-4f1c09a2"
    drop = Drop(
        cause=Cause.NETWORKS_APART,
        sentence="two networks, and networks do not talk to each other unless you join them",
        rule=BETWEEN,
    )
    steps = (
        step(
            place("nginx-1"),
            RouteChosen(
                route=Route(destination=ip_network("0.0.0.0/0"), gateway=gateway, oif=Ifindex(2)),
                gateway=gateway,
                oifname="eth0",
            ),
            packet=packet,
        ),
        step(
            eth0,
            NeighbourFound(
                address=gateway,
                mac=Mac("02:42:d8:e4:df:c1"),
                state=NeighbourState.STALE,
            ),
            packet=packet,
        ),
        cable(eth0, port, Mac("02:42:d8:e4:df:c1"), packet),
        step(port, PortEntered(bridge="gb0", port=1), packet=packet),
        step(
            place("host", "gb0", 3),
            Switched(bridge="gb0", mac=Mac("02:42:d8:e4:df:c1"), is_own=True),
            packet=packet,
        ),
        step(
            place("host"),
            RouteChosen(
                route=Route(destination=ip_network("172.18.0.0/16"), oif=Ifindex(4)),
                oifname=other,
                is_forwarding=True,
            ),
            packet=packet,
        ),
        step(
            place("host", "gb0", 3),
            HookPassed(
                family="ip",
                hook="forward",
                verdict="drop",
                decided_by=BETWEEN,
                matched=(BETWEEN,),
                connection="new",
            ),
            packet=packet,
            drop=drop,
        ),
    )
    return replace(
        delivered(),
        verdict=Verdict.DROPPED,
        wish=FlowWish(source="nginx-1", destination="db", transport=Transport.TCP, port=5432),
        destination=place("db"),
        title="nginx-1 172.17.0.2 -> db 172.18.0.5:5432/tcp",
        hops=seen(steps),
        cause=Explanation(
            code=Cause.NETWORKS_APART,
            hop=7,
            where=place("host", "gb0"),
            sentence=drop.sentence,
            evidence=(Fact(what="nftrace", says="verdict drop"),),
            fix=("glassbridge network connect backend nginx-1",),
            fix_note="nginx-1 becomes a member of backend as well",
            rule=BETWEEN,
            reason="NETFILTER_DROP",
            function="nft_do_chain",
        ),
        answer=Answer(kind=AnswerKind.NOTHING),
        round_trip_us=None,
        observation=None,
    )


def dropped_by_foreign() -> TraceReport:
    """A policy that somebody else set, in a table that iptables made."""
    report = dropped_by_us()
    policy = RuleRef(
        family="ip",
        table="filter",
        chain="FORWARD",
        is_policy=True,
        owner=Origin.DOCKER,
        text="-P FORWARD DROP",
    )
    *first, last = report.hops
    passed = HookPassed(family="ip", hook="forward", verdict="drop", decided_by=policy)
    assert last.step.drop is not None
    drop = replace(
        last.step.drop,
        cause=Cause.FIREWALL_POLICY,
        sentence="no rule of Docker's firewall lets it through, and what is not allowed is dropped",
        rule=policy,
    )
    hop = replace(last, step=replace(last.step, detail=passed, drop=drop))
    assert report.cause is not None
    cause = replace(
        report.cause,
        code=Cause.FIREWALL_POLICY,
        sentence=drop.sentence,
        rule=policy,
        fix=("iptables -I DOCKER-USER -i gb0 -o gb-4f1c09a2 -j ACCEPT",),
        fix_note="",
        is_certain=False,
    )
    return replace(report, hops=(*first, hop), cause=cause)


def without_listener() -> TraceReport:
    """It arrives, and nothing takes it: 8080 is what nginx listens on."""
    report = delivered()
    elsewhere = ListeningSocket(
        protocol=SocketProtocol.TCP, address=ip_address("0.0.0.0"), port=8080, process="nginx"
    )
    drop = Drop(cause=Cause.NO_LISTENER, sentence="nothing in nginx-2 listens on 80/tcp")
    last = step(place("nginx-2"), SocketFound(socket=None, others=(elsewhere,)), drop=drop)
    steps = (*(hop.step for hop in report.hops[:9]), last)
    return replace(
        report,
        verdict=Verdict.DROPPED,
        hops=seen(steps),
        cause=Explanation(
            code=Cause.NO_LISTENER,
            hop=10,
            where=place("nginx-2"),
            sentence=drop.sentence,
            evidence=(
                Fact(what="sockets of nginx-2", says="tcp 0.0.0.0:8080 nginx"),
                Fact(what="the sender", says="connection refused after 74 us"),
            ),
            fix_note="trace nginx-1 nginx-2:8080, or have nginx listen on 80",
            reason="NO_SOCKET",
            function="tcp_v4_rcv",
        ),
        answer=Answer(kind=AnswerKind.REFUSED, errno="ECONNREFUSED", after_us=74.0),
    )


def unanswered() -> TraceReport:
    """Nobody has that address."""
    report = delivered()
    ghost = ip_address("172.17.0.9")
    packet = tcp(A1, ghost)
    drop = Drop(cause=Cause.NEIGHBOUR_UNANSWERED, sentence="nobody on gb0 has 172.17.0.9")
    found = NeighbourFound(
        address=ghost, mac=None, is_asked=True, heard_by=("nginx-2", "host"), heard_count=2
    )
    steps = (
        report.hops[0].step,
        step(place("nginx-1", "eth0", 2), found, packet=packet, drop=drop),
    )
    return replace(
        report,
        verdict=Verdict.DROPPED,
        title="nginx-1 172.17.0.2 -> 172.17.0.9:80/tcp",
        wish=replace(report.wish, destination="172.17.0.9"),
        destination=None,
        hops=seen(steps),
        cause=Explanation(
            code=Cause.NEIGHBOUR_UNANSWERED,
            hop=2,
            where=place("nginx-1", "eth0"),
            sentence=drop.sentence,
            evidence=(
                Fact(what="ARP", says="asked 3 times, heard by nginx-2 and host, no answer"),
            ),
            fix_note="glassbridge ps shows which address a container has",
            reason="NEIGH_FAILED",
            function="neigh_invalidate",
        ),
        witnesses=(
            *ALL_SPOKE[:2],
            Witness(name=WitnessName.NFTRACE, spoke=False, why_not="no table could be made"),
            Witness(
                name=WitnessName.TRACEPOINTS,
                spoke=False,
                why_not="not permitted in a user namespace",
            ),
        ),
        lost_events=1,
        round_trip_us=None,
        observation=None,
    )


def disagreeing() -> TraceReport:
    """Predicted as delivered; the packet ended at the bridge, and turned up elsewhere."""
    report = delivered()
    hops = list(report.hops)
    hops[6] = replace(
        hops[6],
        seen=Seen.DIFFERS,
        differs="dropped: NETFILTER_DROP in nft_do_chain",
        by=(WitnessName.TRACEPOINTS,),
    )
    hops[7:] = [replace(h, seen=Seen.NOT_REACHED, us=None, at_ns=None, by=()) for h in hops[7:]]
    stray = Hop(
        n=15,
        step=step(place("nginx-9", "eth0", 2), Sighted(outgoing=False)),
        is_predicted=False,
        seen=Seen.UNPREDICTED,
        us=41.0,
        by=(WitnessName.TAPS,),
    )
    return replace(
        report,
        verdict=Verdict.DISAGREE,
        hops=(*hops, stray),
        agrees=False,
        round_trip_us=None,
    )


def insufficient() -> TraceReport:
    """A program on the way whose verdict cannot be read."""
    report = predicted()
    steps = bridge_walk()[:4]
    unknown = replace(
        steps[3], action=Action.UNKNOWN, assumptions=("the program at vethb4963f3 lets it pass",)
    )
    return replace(
        report,
        verdict=Verdict.INSUFFICIENT_INFO,
        hops=unseen((*steps[:3], unknown)),
        why_unknown=f"an XDP program is attached to {V1}, and what it does cannot be read",
        assumptions=("the state did not change while it was read",),
        notes=("the ruleset of netns 4026532999 could not be listed: not permitted",),
        recorded="",
    )


def published() -> TraceReport:
    """From the host to a published port: translated there, and back."""
    report = delivered()
    uplink = ip_address("192.0.2.2")
    before = tcp(uplink, uplink, 8080)
    after = tcp(uplink, A1, 80)
    dnat = step(
        place("host"),
        Translated(kind="dnat", before=before, after=after, rule=BRIDGED),
        packet=after,
        action=Action.TRANSLATED,
    )
    masquerade = step(
        place("host", "gb0"),
        Translated(
            kind="masquerade",
            before=after,
            after=replace(after, source=ip_address("172.17.0.1")),
        ),
        packet=after,
        action=Action.TRANSLATED,
    )
    undone = step(
        place("host"),
        Translated(kind="connection", before=after, after=before),
        packet=before,
        action=Action.TRANSLATED,
        is_reply=True,
    )
    steps = [hop.step for hop in report.hops]
    return replace(
        report,
        title="host -> nginx-1 172.17.0.2:80/tcp (192.0.2.2:8080)",
        hops=seen((steps[0], dnat, masquerade, *steps[1:], undone)),
        notes=("3 of 3 delivered, 81/95/120 us",),
    )


def long_ipv6() -> TraceReport:
    """Addresses of 39 characters everywhere."""
    a1 = ip_address("2001:db8:1111:2222:3333:4444:5555:6666")
    a2 = ip_address("2001:db8:1111:2222:3333:4444:5555:7777")
    report = delivered()
    steps = list(bridge_walk(a1=a1, a2=a2))
    before, after = tcp(a1, ip_address("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), 8080), tcp(a1, a2)
    steps.insert(4, step(place("host"), Translated(kind="dnat", before=before, after=after)))
    return replace(
        report,
        title=f"nginx-1 {a1} -> nginx-2 [{a2}]:80/tcp",
        hops=seen(tuple(steps)),
    )


def crowded() -> TraceReport:
    """A thousand heard the question."""
    names = ("nginx-2", "web-0001", "web-0002", "web-0003")
    return replace(delivered(), hops=seen(bridge_walk(heard=(names, 1000))))


def long_names() -> TraceReport:
    """Container names of 60 characters."""
    one = "customer-portal-production-frontend-nginx-reverse-proxy-0001"
    two = "customer-portal-production-database-postgres-primary-node-02"
    report = delivered()
    return replace(
        report,
        source=place(one),
        destination=place(two),
        title=f"{one} 172.17.0.2 -> {two} 172.17.0.3:80/tcp",
        hops=seen(bridge_walk(one, two, heard=((two, "host"), 2))),
    )


def reply_lost() -> TraceReport:
    """The request arrives, the answer is dropped in the host."""
    report = delivered()
    steps = bridge_walk()
    drop = Drop(
        cause=Cause.NO_ANSWER,
        sentence="the request arrived, and the answer was dropped by the firewall of the host",
        rule=BETWEEN,
    )
    hook = HookPassed(family="ip", hook="forward", verdict="drop", decided_by=BETWEEN)
    lost = step(place("host", V2, 13), hook, packet=steps[-1].packet, is_reply=True, drop=drop)
    return replace(
        report,
        verdict=Verdict.DROPPED,
        hops=seen((*steps[:12], lost)),
        cause=Explanation(
            code=Cause.NO_ANSWER,
            hop=13,
            where=place("host", V2),
            sentence=drop.sentence,
            rule=BETWEEN,
        ),
        round_trip_us=None,
    )


EVERY = {
    made.__name__: made
    for made in (
        delivered,
        predicted,
        dropped_by_us,
        dropped_by_foreign,
        without_listener,
        unanswered,
        disagreeing,
        insufficient,
        published,
        long_ipv6,
        crowded,
        long_names,
        reply_lost,
    )
}
"""By the name of their golden file."""
