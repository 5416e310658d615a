"""From a loss to its cause: what prediction knew, and what the kernel said where it did not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.walk.witnessed import (
    RULE,
    a_drop,
    bridged,
    drop_hit,
    dropped_at,
    dropped_event,
    index_of,
    witness,
)

from glassbridge.model.cause import Cause
from glassbridge.model.observation import Answer, AnswerKind, Observation, WitnessName
from glassbridge.model.packet import Transport
from glassbridge.model.report import Explanation, Verdict
from glassbridge.model.ruleset import (
    Decide,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedTable,
    Ruleset,
)
from glassbridge.model.ruleset import Verdict as RuleVerdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import (
    HookPassed,
    PortEntered,
    RouteChosen,
    SocketFound,
    Switched,
)
from glassbridge.model.topology import PortState
from glassbridge.model.walk import Action, Disposition, Walk
from glassbridge.walk.causes.candidates import BY_FUNCTION, BY_REASON
from glassbridge.walk.causes.explaining import explain
from glassbridge.walk.evidence.merge import merge


def explained(walk: Walk, observation: Observation | None, snapshot: Snapshot) -> Explanation:
    found = explain(walk, merge(walk, observation, snapshot), observation, snapshot)
    assert found is not None
    assert found.sentence
    assert found.evidence
    assert found.fix or found.fix_note
    return found


def changed(snapshot: Snapshot, cookie: int, ifname: str, **attributes: Any) -> Snapshot:
    """The same with another link; attributes of the port that it is are taken too."""
    namespace = snapshot.namespaces[cookie]
    stack = namespace.stack
    links = []
    for link in stack.links:
        if link.ifname == ifname:
            port = link.port
            of_port = {k: v for k, v in attributes.items() if port and hasattr(port, k)}
            of_link = {k: v for k, v in attributes.items() if k not in of_port}
            if port is not None:
                of_link["port"] = replace(port, **of_port)
            links.append(replace(link, **of_link))
        else:
            links.append(link)
    stack = replace(stack, links=tuple(links))
    namespaces = {**snapshot.namespaces, cookie: replace(namespace, stack=stack)}
    return replace(snapshot, namespaces=namespaces)


def lost(
    snapshot: Snapshot,
    walk: Walk,
    until: int,
    cookie: int,
    reason: str,
    function: str,
) -> Observation:
    """Dropped by the kernel after the step `until`, with all witnesses awake."""
    seen = witness(walk, snapshot, until=until)
    return replace(seen, events=(*seen.events, dropped_event(snapshot, cookie, reason, function)))


def test_what_is_delivered_needs_no_explanation() -> None:
    snapshot, walk = bridged()
    observation = witness(walk, snapshot)
    merged = merge(walk, observation, snapshot)
    assert explain(walk, merged, observation, snapshot) is None


def test_a_predicted_cause_gains_the_kernel_s_words() -> None:
    snapshot, whole = bridged()
    n = index_of(whole, HookPassed)
    walk = dropped_at(whole, n, a_drop(Cause.FIREWALL_DROP, rule=RULE))
    observation = replace(
        witness(walk, snapshot, until=n - 1),
        rule_hits=(drop_hit(snapshot.home, RULE),),
        events=(dropped_event(snapshot, snapshot.home, "NETFILTER_DROP", "nft_do_chain"),),
    )
    found = explained(walk, observation, snapshot)
    assert (found.code, found.reason, found.function) == (
        Cause.FIREWALL_DROP,
        "NETFILTER_DROP",
        "nft_do_chain",
    )
    assert found.rule == RULE
    assert found.hop == n + 1
    assert found.is_certain


def test_a_predicted_cause_stands_without_witnesses() -> None:
    snapshot, whole = bridged()
    walk = dropped_at(whole, index_of(whole, HookPassed), a_drop(rule=RULE, subject="80/tcp"))
    merged = merge(walk, None, snapshot)
    found = explain(walk, merged, None, snapshot)
    assert found is not None
    assert found.code is Cause.FIREWALL_DROP


PORT_IN, PORT_OUT = "veth-nginx-1", "veth-nginx-2"


@pytest.mark.parametrize(
    ("ifname", "attributes", "reason", "function", "cause"),
    [
        (PORT_IN, {"locked": True}, "NOT_SPECIFIED", "br_handle_frame_finish", "PORT_LOCKED"),
        (
            PORT_IN,
            {"state": PortState.BLOCKING},
            "BRIDGE_INGRESS_STP_STATE",
            "br_handle_frame",
            "PORT_BLOCKING",
        ),
        (
            PORT_OUT,
            {"state": PortState.BLOCKING},
            "NO_TX_TARGET",
            "br_handle_frame_finish",
            "PORT_BLOCKING",
        ),
        (PORT_OUT, {"flags": 0}, "NO_TX_TARGET", "br_handle_frame_finish", "LINK_DOWN"),
        (PORT_OUT, {"mtu": 30}, "NOT_SPECIFIED", "br_nf_dev_queue_xmit", "MTU_BRIDGE_PORT"),
    ],
)
def test_what_prediction_did_not_see_is_found_in_the_state(
    ifname: str, attributes: dict[str, Any], reason: str, function: str, cause: str
) -> None:
    """As if the state had changed after the prediction, or prediction had missed it."""
    snapshot, walk = bridged()
    large = tuple(replace(s, packet=replace(s.packet, length=60)) for s in walk.steps)
    walk = replace(walk, steps=large)
    now = changed(snapshot, 1, ifname, **attributes)
    n = index_of(walk, PortEntered)
    found = explained(walk, lost(now, walk, n, 1, reason, function), now)
    assert found.code.value == cause
    assert (found.reason, found.function) == (reason, function)


def test_both_ports_isolated() -> None:
    snapshot, walk = bridged()
    now = changed(changed(snapshot, 1, PORT_IN, isolated=True), 1, PORT_OUT, isolated=True)
    until = index_of(walk, PortEntered)
    observation = lost(now, walk, until, 1, "NOT_SPECIFIED", "br_handle_frame_finish")
    assert explained(walk, observation, now).code is Cause.PORT_ISOLATED
    apart = replace(now, networks=tuple(replace(n, icc=False) for n in now.networks))
    assert explained(walk, observation, apart).code is Cause.ICC_OFF


def test_a_rule_that_prediction_did_not_know() -> None:
    """It is named by nftrace, and told by the listing."""
    snapshot, walk = bridged()
    host = snapshot.namespaces[snapshot.home]
    hook = ListedHook(type="filter", hook="forward", priority=0)
    rule = ListedRule(statements=(Decide(RuleVerdict.DROP),), handle=9, number=1, text="drop")
    chain = ListedChain(name="FORWARD", rules=(rule,), hook=hook)
    table = ListedTable(family="ip", name="filter", chains=(chain,))
    now = replace(
        snapshot,
        namespaces={
            **snapshot.namespaces,
            snapshot.home: replace(host, ruleset=Ruleset(tables=(table,))),
        },
    )
    observation = replace(
        witness(walk, now, until=index_of(walk, PortEntered)),
        rule_hits=(drop_hit(snapshot.home, replace(RULE, handle=9)),),
    )
    found = explained(walk, observation, now)
    assert found.code is Cause.FIREWALL_DROP
    assert found.rule is not None
    assert found.rule.handle == 9
    assert found.hop == index_of(walk, HookPassed) + 1


def test_a_listener_that_is_not_there() -> None:
    snapshot, walk = bridged()
    gone = changed_sockets(snapshot)
    n = index_of(walk, SocketFound)
    observation = replace(
        lost(gone, walk, n, 3, "NO_SOCKET", "tcp_v4_rcv"),
        answer=Answer(kind=AnswerKind.REFUSED, errno="ECONNREFUSED"),
    )
    found = explained(walk, observation, gone)
    assert found.code is Cause.NO_LISTENER
    assert found.fix == ()
    assert "80/tcp" in found.fix_note


def changed_sockets(snapshot: Snapshot) -> Snapshot:
    there = snapshot.namespaces[3]
    there = replace(there, stack=replace(there.stack, sockets=()))
    return replace(snapshot, namespaces={**snapshot.namespaces, 3: there})


@pytest.mark.parametrize(
    ("errno", "cause"),
    [
        ("ENETUNREACH", Cause.NO_ROUTE),
        ("EACCES", Cause.ROUTE_PROHIBIT),
        ("EINVAL", Cause.ROUTE_BLACKHOLE),
        ("EMSGSIZE", Cause.MTU_SENDER),
        ("EPERM", Cause.SENDER_FIREWALL),
    ],
)
def test_the_sender_s_errno_tells(errno: str, cause: Cause) -> None:
    snapshot, walk = bridged()
    observation = Observation(
        packet=None,
        answer=Answer(kind=AnswerKind.NOT_SENT, errno=errno),
        witnesses=witness(walk, snapshot).witnesses,
    )
    found = explained(walk, observation, snapshot)
    assert found.code is cause
    assert found.where.name == "nginx-1"


def test_a_router_that_may_not_say_that_it_is_too_large() -> None:
    snapshot, whole = bridged()
    drop = a_drop(Cause.MTU_ROUTED, subject="gb0")
    walk = dropped_at(whole, index_of(whole, Switched), drop)
    silent = witness(walk, snapshot, until=len(walk.steps) - 2)
    assert explained(walk, silent, snapshot).code is Cause.MTU_BLACK_HOLE
    told = replace(silent, answer=Answer(kind=AnswerKind.ICMP_ERROR, icmp_type=3, icmp_code=4))
    assert explained(walk, told, snapshot).code is Cause.MTU_ROUTED


def test_a_lost_answer_is_told_so() -> None:
    snapshot, walk = bridged(Transport.ICMP)
    names = (WitnessName.TAPS, WitnessName.SENDER)
    observation = witness(walk, snapshot, until=index_of(walk, SocketFound), names=names)
    found = explained(walk, observation, snapshot)
    assert found.code is Cause.NO_ANSWER
    assert not found.is_certain


def test_what_nothing_explains_is_not_explained() -> None:
    snapshot, walk = bridged()
    observation = lost(snapshot, walk, index_of(walk, PortEntered), 1, "NOMEM", "somewhere")
    found = explained(walk, observation, snapshot)
    assert found.code is Cause.NOT_EXPLAINED
    assert found.reason == "NOMEM"
    assert not found.is_certain


SEEN = [
    ("NO_SOCKET", "__udp4_lib_rcv"),
    ("NO_SOCKET", "tcp_v4_rcv"),
    ("NETFILTER_DROP", "nft_do_chain"),
    ("NETFILTER_DROP", "nf_hook_slow"),
    ("IP_INADDRERRORS", "ip_error"),
    ("IP_INADDRERRORS", "ip6_forward"),
    ("IP_RPFILTER", "ip_rcv_finish_core"),
    ("IP_INHDR", "ip_forward"),
    ("IP_INHDR", "ip6_forward"),
    ("IP_INNOROUTES", "ip_error"),
    ("IP_INNOROUTES", "ip6_pkt_discard"),
    ("NOT_SPECIFIED", "ip_error"),
    ("NOT_SPECIFIED", "dst_discard_out"),
    ("PKT_TOO_BIG", "ip_forward"),
    ("PKT_TOO_BIG", "ip6_forward"),
    ("NOT_SPECIFIED", "br_nf_dev_queue_xmit"),
    ("NOT_SPECIFIED", "__dev_forward_skb2"),
    ("NOT_SPECIFIED", "br_handle_frame_finish"),
    ("NO_TX_TARGET", "br_handle_frame_finish"),
    ("OTHERHOST", "ip_rcv_core"),
    ("BRIDGE_INGRESS_STP_STATE", "br_handle_frame"),
    ("NEIGH_FAILED", "neigh_invalidate"),
    ("NOT_SPECIFIED", "neigh_invalidate"),
    ("IP_LOCALNET", "ip_rcv_finish_core"),
    ("IP_LOCAL_SOURCE", "ip_rcv_finish_core"),
    ("IPV6DISABLED", "ip6_rcv_core"),
]
"""What a kernel of 6.18 was seen to say, in tests/netns/walk/test_drop_reasons.py."""


@pytest.mark.parametrize(("reason", "function"), SEEN)
def test_there_are_candidates_for_what_the_kernel_says(reason: str, function: str) -> None:
    assert BY_FUNCTION.get(function) or BY_REASON.get(reason)


@pytest.mark.parametrize(("reason", "function"), SEEN)
def test_no_word_of_the_kernel_at_any_step_breaks_the_explanation(
    reason: str, function: str
) -> None:
    for transport in Transport:
        snapshot, walk = bridged(transport)
        for until in range(len(walk.steps) - 1):
            cookie = walk.steps[until].place.cookie
            observation = lost(snapshot, walk, until, cookie, reason, function)
            merged = merge(walk, observation, snapshot)
            found = explain(walk, merged, observation, snapshot)
            if found is not None:
                assert found.fix or found.fix_note


def test_a_queue_that_is_full_is_no_filter_s_work() -> None:
    snapshot, walk = bridged()
    home = snapshot.home
    port = next(k for k in snapshot.namespaces[home].stack.links if k.port is not None)
    snapshot = changed(snapshot, home, port.ifname, qdisc="fq_codel")
    event = dropped_event(snapshot, home, "QDISC_DROP", "fq_codel_enqueue")
    seen = witness(walk, snapshot, until=index_of(walk, Switched))
    event = replace(event, ifindex=port.ifindex)
    found = explained(walk, replace(seen, events=(*seen.events, event)), snapshot)
    assert found.code is Cause.TC_DROP
    assert f"the queueing discipline of {port.ifname} drops it" in found.sentence
    assert [f.says for f in found.evidence if "discipline" in f.what] == ["fq_codel"]
    assert f"tc -s qdisc show dev {port.ifname}" in found.fix_note


def test_the_route_step_is_where_a_router_s_refusal_belongs() -> None:
    _, walk = bridged()
    assert isinstance(walk.steps[index_of(walk, RouteChosen)].detail, RouteChosen)


def test_the_rule_that_was_seen_to_drop_comes_before_a_later_predicted_end() -> None:
    """One hook cannot be told beforehand, and the answer would be lost anyway."""
    snapshot, walk = bridged()
    n = index_of(walk, HookPassed)
    end = index_of(walk, RouteChosen, is_reply=True)
    lost = dropped_at(walk, end, a_drop(Cause.NO_ROUTE))
    open_hook = replace(lost.steps[n], action=Action.UNKNOWN)
    steps = (*lost.steps[:n], open_hook, *lost.steps[n + 1 :])
    walk = replace(lost, steps=steps, disposition=Disposition.INSUFFICIENT_INFO)
    observation = witness(walk, snapshot, until=n)
    observation = replace(observation, rule_hits=(drop_hit(snapshot.home, RULE),))
    found = explain(walk, merge(walk, observation, snapshot), observation, snapshot)
    assert found is not None
    assert found.hop == n + 1
    assert found.code is not Cause.NO_ROUTE


def test_an_answer_that_would_be_lost_is_told_though_the_datagram_arrives() -> None:
    snapshot, walk = bridged(Transport.UDP)
    end = index_of(walk, RouteChosen, is_reply=True)
    lost = dropped_at(walk, end, a_drop(Cause.NO_MASQUERADE))
    arrived = witness(lost, snapshot, until=end, kind=AnswerKind.NOTHING)
    assert merge(lost, arrived, snapshot).verdict is Verdict.DELIVERED
    assert explained(lost, arrived, snapshot).code is Cause.NO_MASQUERADE
    answered = replace(arrived, answer=Answer(kind=AnswerKind.DATA))
    assert explain(lost, merge(lost, answered, snapshot), answered, snapshot) is None


def test_a_flooded_copy_elsewhere_is_no_proof() -> None:
    snapshot, walk = bridged(Transport.ICMP)
    n = index_of(walk, PortEntered)
    lost = dropped_at(walk, n, a_drop(Cause.TTL_EXCEEDED))
    copy = dropped_event(snapshot, 3, "OTHERHOST", "ip_rcv_core")
    observation = replace(witness(lost, snapshot, until=n), events=(replace(copy, inode=77),))
    found = explain(lost, merge(lost, observation, snapshot), observation, snapshot)
    assert found is not None
    assert (found.code, found.reason) == (Cause.TTL_EXCEEDED, "")
