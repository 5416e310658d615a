"""Commands that mend: in the owner's language, in the right namespace, quoted for a shell."""

from __future__ import annotations

import shlex
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.walk.topologies import HOST, World, two_networks

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import (
    Backend,
    Compare,
    Decide,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedSet,
    ListedTable,
    LookUp,
    MapElement,
    NamedMap,
    NamedSet,
    Origin,
    Plain,
    Prefix,
    RuleRef,
    Ruleset,
    Together,
    Unevaluated,
    Verdict,
)
from glassbridge.model.snapshot import Name, NamedNetwork, Snapshot
from glassbridge.model.step_details import HookPassed, Place, RouteChosen
from glassbridge.model.topology import Netns
from glassbridge.model.walk import Action, Disposition, Drop, Step, Walk
from glassbridge.walk.fixes.by_cause import mend
from glassbridge.walk.fixes.mending import Case, Mending, NoDoor, command

CLIENT, SERVER = ip_address("172.17.0.2"), ip_address("172.18.0.2")
PACKET = Packet(
    transport=Transport.TCP, source=CLIENT, destination=SERVER, destination_port=5432, length=60
)
FORWARD = ListedHook(type="filter", hook="forward", priority=0, policy=Verdict.DROP)


def opened(snapshot: Snapshot, name: str, *paths: str, pids: tuple[int, ...] = ()) -> Snapshot:
    """The same, with doors into a namespace."""
    cookie = next(n.cookie for n in snapshot.names if n.name == name)
    there = snapshot.namespaces[cookie]
    netns = Netns(cookie=cookie, inode=1, paths=paths, pids=pids)
    there = replace(there, stack=replace(there.stack, netns=netns))
    return replace(snapshot, namespaces={**snapshot.namespaces, cookie: there})


def snapshot_of(world: World, *tables: ListedTable) -> Snapshot:
    world.boxes[HOST].ruleset = Ruleset(tables=tables)
    made = world.snapshot()
    for name in ("nginx-1", "nginx-2", "db"):
        made = opened(made, name, f"/run/netns/{name}")
    return made


def case(drop: Drop, snapshot: Snapshot | None = None, **step: Any) -> Case:
    """A packet of nginx-1 to db that the host's forward hook has ended."""
    snapshot = snapshot or snapshot_of(two_networks())
    host = snapshot.namespaces[snapshot.home].stack
    bridges = {str(k.ifname): k for k in host.links if k.bridge}
    sender = Place(cookie=2, name="nginx-1", ifname="eth0", ifindex=host.links[1].ifindex)
    here = Place(cookie=1, name="host", ifname="gb0", ifindex=bridges["gb0"].ifindex)
    routed = RouteChosen(route=None, oif=bridges["gb1"].ifindex, oifname="gb1", is_forwarding=True)
    given = {
        "place": here,
        "detail": HookPassed(family="ip", hook="forward", verdict="drop"),
        "action": Action.DROPPED,
        "packet": PACKET,
        "drop": drop,
        **step,
    }
    first = Step(
        place=sender, detail=RouteChosen(route=None), action=Action.FORWARDED, packet=PACKET
    )
    second = Step(place=here, detail=routed, action=Action.FORWARDED, packet=PACKET)
    last = Step(**given)
    walk = Walk(steps=(first, second, last), disposition=Disposition.DROPPED)
    return Case(drop=drop, step=last, walk=walk, snapshot=snapshot)


def a_drop(cause: Cause, **attributes: Any) -> Drop:
    return Drop(cause=cause, sentence="it ends here", **attributes)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_fix_or_a_note(cause: Cause) -> None:
    mended = mend(case(a_drop(cause, subject="gb0")))
    assert mended.commands or mended.note
    for one in mended.commands:
        assert shlex.split(one)
        assert "None" not in one


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        ({"proxy_arp": True}, "ip link set dev veth-db type bridge_slave proxy_arp off"),
        ({"proxy_arp_wifi": True}, "ip link set dev veth-db type bridge_slave proxy_arp_wifi off"),
        (
            {"proxy_arp_wifi": True, "broadcast_flood": False},
            "bridge link set dev veth-db bcast_flood on",
        ),
        (
            {"proxy_arp_wifi": True, "neigh_suppress": True},
            "bridge link set dev veth-db neigh_suppress off",
        ),
    ],
)
def test_a_port_floods_again_by_the_switch_that_kept_it_from_that(
    flags: dict[str, bool], command: str
) -> None:
    world = two_networks()
    world.boxes[HOST].change("veth-db", **flags)
    drop = a_drop(Cause.FLOOD_OFF, subject="veth-db")
    assert mend(case(drop, snapshot_of(world))).commands == (command,)


# -- where


def test_a_command_for_the_host_is_plain() -> None:
    snapshot = snapshot_of(two_networks())
    assert command(snapshot, snapshot.home, "ip", "link", "set", "dev", "gb0", "up") == (
        "ip link set dev gb0 up"
    )


@pytest.mark.parametrize(
    ("paths", "pids", "words", "expected"),
    [
        (("/run/netns/db",), (7,), ("ip", "link"), "ip -n db link"),
        (("/run/netns/db",), (7,), ("sysctl", "-w"), "ip netns exec db sysctl -w"),
        (("/run/docker/netns/a",), (7,), ("ip", "a"), "nsenter --net=/run/docker/netns/a ip a"),
        ((), (7, 8), ("ip", "a"), "nsenter --net=/proc/7/ns/net ip a"),
        (("/run/my netns",), (), ("ip", "a"), "nsenter '--net=/run/my netns' ip a"),
    ],
)
def test_a_command_enters_its_namespace(
    paths: tuple[str, ...], pids: tuple[int, ...], words: tuple[str, ...], expected: str
) -> None:
    snapshot = opened(two_networks().snapshot(), "db", *paths, pids=pids)
    assert command(snapshot, 4, *words) == expected


def test_a_namespace_that_nothing_opens_gets_no_command() -> None:
    snapshot = two_networks().snapshot()
    with pytest.raises(NoDoor):
        command(snapshot, 4, "ip", "link")
    down = a_drop(Cause.WRONG_NEIGHBOUR, place=Place(cookie=4, name="db", ifname="eth0"))
    mended = mend(case(down, snapshot))
    assert mended.commands == ()
    assert "db" in mended.note


# -- whose rule


def ref(**attributes: Any) -> RuleRef:
    given = {"family": "ip", "table": "filter", "chain": "FORWARD", "handle": 5, "number": 3}
    return RuleRef(**{**given, **attributes})


def by_rule(rule: RuleRef, *tables: ListedTable, cause: Cause = Cause.FIREWALL_DROP) -> Mending:
    return mend(case(a_drop(cause, rule=rule), snapshot_of(two_networks(), *tables)))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ref(family="inet", table="fw", chain="x"), "nft delete rule inet fw x handle 5"),
        (ref(backend=Backend.IPTABLES_NFT), "iptables-nft -t filter -D FORWARD 3"),
        (ref(backend=Backend.IPTABLES_LEGACY), "iptables-legacy -t filter -D FORWARD 3"),
        (
            ref(family="ip6", backend=Backend.IPTABLES_LEGACY),
            "ip6tables-legacy -t filter -D FORWARD 3",
        ),
        (ref(owner=Origin.UFW), "ufw route allow in on gb0 out on gb1"),
    ],
)
def test_a_rule_is_taken_out_with_its_own_tool(rule: RuleRef, expected: str) -> None:
    assert by_rule(rule).commands == (expected,)


def test_firewalld_is_told_to_trust_the_bridge() -> None:
    assert by_rule(ref(owner=Origin.FIREWALLD)).commands == (
        "firewall-cmd --permanent --zone=trusted --add-interface=gb0",
        "firewall-cmd --reload",
    )


def chain_of(backend: Backend, *rules: ListedRule, family: str = "ip") -> ListedTable:
    forward = ListedChain(name="FORWARD", hook=FORWARD, rules=rules)
    return ListedTable(family=family, name="filter", backend=backend, chains=(forward,))


POLICY = {"is_policy": True, "handle": 0, "number": 0}


def test_a_policy_is_met_by_an_accept_for_this_traffic_and_its_answers() -> None:
    flow = "ip saddr 172.17.0.2 ip daddr 172.18.0.2"
    nft = by_rule(ref(**POLICY), chain_of(Backend.NFT), cause=Cause.FIREWALL_POLICY)
    assert nft.commands == (
        f"nft 'add rule ip filter FORWARD {flow} tcp dport 5432 accept'",
        "nft 'add rule ip filter FORWARD ct state established,related accept'",
    )
    append = "iptables-legacy -t filter -A FORWARD"
    legacy = by_rule(
        ref(**POLICY, backend=Backend.IPTABLES_LEGACY), chain_of(Backend.IPTABLES_LEGACY)
    )
    assert legacy.commands == (
        f"{append} -s 172.17.0.2 -d 172.18.0.2 -p tcp --dport 5432 -j ACCEPT",
        f"{append} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    )


def test_answers_that_pass_already_need_no_second_rule() -> None:
    established = ListedRule(
        matches=(Compare(fields=("ct state",), values=(Plain("established"),), operator="in"),),
        statements=(Decide(Verdict.ACCEPT),),
        number=1,
        handle=4,
    )
    mended = by_rule(ref(**POLICY), chain_of(Backend.NFT, established))
    assert len(mended.commands) == 1


def test_a_rule_that_drops_everything_stays_behind_an_accept() -> None:
    last = ListedRule(statements=(Decide(Verdict.DROP),), number=3, handle=5)
    mended = by_rule(ref(), chain_of(Backend.NFT, last))
    assert mended.commands[0].startswith("nft 'insert rule ip filter FORWARD handle 5 ip saddr")
    some = replace(last, matches=(Compare(fields=("ip saddr",), values=(Plain(str(CLIENT)),)),))
    assert by_rule(ref(), chain_of(Backend.NFT, some)).commands == (
        "nft delete rule ip filter FORWARD handle 5",
    )


BAD = Compare(fields=("ip saddr",), values=NamedSet("bad"))
FLOW = "ip saddr 172.17.0.2 ip daddr 172.18.0.2 tcp dport 5432"
BEFORE = (f"nft 'insert rule ip filter FORWARD handle 5 {FLOW} accept'",)


@pytest.mark.parametrize(
    ("rule", "members", "expected"),
    [
        (
            ListedRule(matches=(BAD,), statements=(Decide(Verdict.DROP),)),
            ListedSet(name="bad", values=(Plain("192.0.2.9"), Plain(str(CLIENT)))),
            ("nft 'delete element ip filter bad { 172.17.0.2 }'",),
        ),
        (
            ListedRule(
                matches=(replace(BAD, fields=("ip daddr", "tcp dport")),),
                statements=(Decide(Verdict.DROP),),
            ),
            ListedSet(name="bad", values=(Together((Plain(str(SERVER)), Plain("5432"))),)),
            ("nft 'delete element ip filter bad { 172.18.0.2 . 5432 }'",),
        ),
        (
            ListedRule(statements=(LookUp(("ip saddr",), NamedMap("bad")),)),
            ListedSet(
                name="bad",
                elements=(MapElement(key=Plain(str(CLIENT)), verdict=Decide(Verdict.DROP)),),
                is_map=True,
            ),
            ("nft 'delete element ip filter bad { 172.17.0.2 }'",),
        ),
        (
            ListedRule(matches=(BAD,), statements=(Decide(Verdict.DROP),)),
            ListedSet(name="bad", values=(Prefix(ip_network("172.17.0.0/24")),)),
            BEFORE,
        ),
        (
            ListedRule(matches=(replace(BAD, operator="!="),), statements=(Decide(Verdict.DROP),)),
            ListedSet(name="bad", values=(Plain("192.0.2.9"),)),
            BEFORE,
        ),
        (
            ListedRule(
                matches=(replace(BAD, values=(Plain("192.0.2.9"), Plain(str(CLIENT)))),),
                statements=(Decide(Verdict.DROP),),
            ),
            ListedSet(name="bad"),
            BEFORE,
        ),
    ],
)
def test_a_rule_that_drops_by_a_list_stays_for_the_others(
    rule: ListedRule, members: ListedSet, expected: tuple[str, ...]
) -> None:
    table = chain_of(Backend.NFT, replace(rule, handle=5, number=3))
    assert by_rule(ref(), replace(table, sets=(members,))).commands == expected


def test_a_list_of_ipset_is_passed_by() -> None:
    text = "-A FORWARD -m set --match-set bad src -j DROP"
    rule = ListedRule(
        matches=(Unevaluated("-m set --match-set bad src"),),
        statements=(Decide(Verdict.DROP),),
        number=3,
        handle=5,
        text=text,
    )
    mended = by_rule(ref(backend=Backend.IPTABLES_NFT), chain_of(Backend.IPTABLES_NFT, rule))
    flow = "-s 172.17.0.2 -d 172.18.0.2 -p tcp --dport 5432"
    assert mended.commands == (f"iptables-nft -t filter -I FORWARD 3 {flow} -j ACCEPT",)


def test_docker_has_a_chain_for_the_administrator() -> None:
    asks = ListedRule(statements=(Decide(verdict=Verdict.JUMP, chain="DOCKER-USER"),))
    for rules, chain in (((asks,), "-I DOCKER-USER"), ((), "-A FORWARD")):
        table = chain_of(Backend.IPTABLES_NFT, *rules)
        table = replace(table, chains=(*table.chains, ListedChain(name="DOCKER-USER")))
        mended = by_rule(ref(**POLICY, backend=Backend.IPTABLES_NFT), table)
        assert all(chain in c for c in mended.commands)


def test_br_netfilter_needs_only_the_bridge_itself() -> None:
    rule = ref(backend=Backend.IPTABLES_NFT)
    mended = by_rule(rule, cause=Cause.BRIDGE_NETFILTER)
    assert mended.commands == ("iptables-nft -t filter -I FORWARD 3 -i gb0 -o gb0 -j ACCEPT",)


# -- networks


def networks(origin: Origin, sender: Origin) -> Snapshot:
    snapshot = snapshot_of(two_networks())
    back = NamedNetwork(
        name="back", origin=origin, bridge="gb1", subnets=(ip_network("172.18.0.0/16"),)
    )
    names = tuple(replace(n, origin=sender) for n in snapshot.names)
    return replace(snapshot, networks=(back,), names=names)


@pytest.mark.parametrize(
    ("origin", "tool"),
    [(Origin.GLASSBRIDGE, "glassbridge"), (Origin.DOCKER, "docker"), (Origin.PODMAN, "podman")],
)
def test_the_owner_of_both_networks_joins_them(origin: Origin, tool: str) -> None:
    mended = mend(case(a_drop(Cause.NETWORKS_APART), networks(origin, origin)))
    assert mended.commands == (f"{tool} network connect back nginx-1",)
    assert origin.value in mended.note


def test_networks_of_two_owners_meet_only_by_published_ports() -> None:
    mended = mend(case(a_drop(Cause.NETWORKS_APART), networks(Origin.DOCKER, Origin.GLASSBRIDGE)))
    assert mended.commands == ()
    assert "-p 5432:5432" in mended.note


def test_a_drop_on_purpose_says_whose_purpose() -> None:
    """And nobody's guard is taken away."""
    for cause in (
        Cause.NETWORKS_APART,
        Cause.INTERNAL_NETWORK,
        Cause.ICC_OFF,
        Cause.DIRECT_ROUTING,
        Cause.PORT_NOT_PUBLISHED,
        Cause.SOURCE_GUARD,
        Cause.ROUTER_GUARD,
        Cause.LOOPBACK_GUARD,
    ):
        mended = mend(case(a_drop(cause)))
        assert mended.note, cause
        assert not any("delete rule" in c or " -D " in c for c in mended.commands), cause


# -- the rest


def test_a_setting_of_a_link_with_a_dot_is_written_with_slashes() -> None:
    world = two_networks()
    world.boxes[HOST].link("eth0.7")
    where = Place(cookie=1, name="host", ifname="eth0.7")
    drop = a_drop(Cause.IP_FORWARD_OFF, subject="net.ipv4.conf.eth0.7.forwarding", place=where)
    assert mend(case(drop, snapshot_of(world))).commands == (
        "sysctl -w net/ipv4/conf/eth0.7/forwarding=1",
    )


def test_a_name_is_quoted() -> None:
    snapshot = networks(Origin.GLASSBRIDGE, Origin.GLASSBRIDGE)
    odd = tuple(
        Name(name="a;b", origin=n.origin, cookie=n.cookie) if n.cookie == 2 else n
        for n in snapshot.names
    )
    mended = mend(case(a_drop(Cause.NETWORKS_APART), replace(snapshot, names=odd)))
    assert mended.commands == ("glassbridge network connect back 'a;b'",)
