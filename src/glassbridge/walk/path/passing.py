"""Netfilter hooks on the way: who is asked, and what becomes of the answer."""

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.ruleset import Backend, RuleRef
from glassbridge.model.step_details import HookPassed
from glassbridge.model.topology import Link
from glassbridge.model.walk import Action, AtRule, Drop, Expected, Fact
from glassbridge.walk.firewall.engine_causes import rule_cause
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict
from glassbridge.walk.firewall.own_causes import SENTENCES
from glassbridge.walk.path.link_filters import pass_filters
from glassbridge.walk.path.traveller import Ground, Traveller
from glassbridge.walk.path.versions import V4


def pass_ip_hook(
    ground: Ground,
    traveller: Traveller,
    hook: str,
    *,
    iif: Link | None = None,
    oif: Link | None = None,
    ports: tuple[Link | None, Link | None] = (None, None),
) -> Traveller:
    """The chains of ip or ip6; `ports` are the bridge ports of a frame that br_netfilter shows."""
    call = HookCall(
        family="ip" if traveller.packet.version == V4 else "ip6",
        hook=hook,
        packet=traveller.packet,
        iif=iif,
        oif=oif,
        physical_in=ports[0],
        physical_out=ports[1],
        source_mac=traveller.macs.source if iif is not None else None,
        destination_mac=traveller.macs.destination if iif is not None else None,
        is_reply=traveller.is_reply,
    )
    return _pass(ground, traveller, call)


def pass_bridge_hook(
    ground: Ground,
    traveller: Traveller,
    hook: str,
    *,
    iif: Link | None = None,
    oif: Link | None = None,
) -> Traveller:
    """The chains of family bridge: their links are ports."""
    call = HookCall(
        family="bridge",
        hook=hook,
        packet=traveller.packet,
        iif=iif,
        oif=oif,
        source_mac=traveller.macs.source,
        destination_mac=traveller.macs.destination,
        is_reply=traveller.is_reply,
    )
    return _pass(ground, traveller, call)


def pass_link_hook(ground: Ground, traveller: Traveller, hook: str, link: Link) -> Traveller:
    """What a link itself asks: ingress after the taps (XDP before), egress before them."""
    if hook == "ingress":
        traveller = pass_filters(ground, traveller, hook, link)
    if not traveller.has_ended:
        traveller = _pass_chains(ground, traveller, hook, link)
    if hook == "egress" and not traveller.has_ended:
        traveller = pass_filters(ground, traveller, hook, link)
    return traveller


def _pass_chains(ground: Ground, traveller: Traveller, hook: str, link: Link) -> Traveller:
    """The netdev chains: tc's filters stand before them at ingress, and after them at egress."""
    call = HookCall(
        family="netdev",
        hook=hook,
        packet=traveller.packet,
        iif=link if hook == "ingress" else None,
        oif=link if hook == "egress" else None,
        source_mac=traveller.macs.source,
        destination_mac=traveller.macs.destination,
        is_reply=traveller.is_reply,
    )
    return _pass(ground, traveller, call)


def _pass(ground: Ground, traveller: Traveller, call: HookCall) -> Traveller:
    namespace = ground.namespace(traveller.cookie)
    result = ground.pass_hook(namespace, call, traveller.tracking.get(traveller.cookie))
    after = traveller.with_packet(result.packet)
    if call.family in {"ip", "ip6"}:  # conntrack counts a connection from its last hook of IP
        after = after.remembering(result.tracking)
    return _tell(ground, after, call, result)


def _tell(ground: Ground, traveller: Traveller, call: HookCall, result: HookResult) -> Traveller:
    """Steps only for what said something: an empty hook is no news."""
    spoke = result.decided_by is not None or result.matched
    if spoke or result.verdict is not HookVerdict.ACCEPT:
        traveller = _tell_verdict(ground, traveller, call, result)
    if result.translated is not None and not traveller.has_ended:
        traveller = traveller.then(
            ground.place(traveller.cookie, _link_of(call)),
            result.translated,
            action=Action.TRANSLATED,
            expected=_at(traveller.cookie, result.translated.rule),
        )
    return traveller


def _tell_verdict(
    ground: Ground, traveller: Traveller, call: HookCall, result: HookResult
) -> Traveller:
    passed = HookPassed(
        family=call.family,
        hook=call.hook,
        verdict=result.verdict.value,
        decided_by=result.decided_by,
        matched=result.matched,
        connection=result.connection,
        through_bridge=call.physical_in is not None or call.physical_out is not None,
    )
    is_lost = result.verdict in {HookVerdict.DROP, HookVerdict.REJECT}
    action = Action.UNKNOWN if result.verdict is HookVerdict.UNKNOWN else Action.FORWARDED
    # the packet of a drop is the one that came: what NAT made of it never went anywhere
    shown = traveller.with_packet(call.packet) if is_lost else traveller
    return shown.then(
        ground.place(traveller.cookie, _link_of(call)),
        passed,
        action=action,
        expected=_at(traveller.cookie, result.decided_by),
        assumptions=result.assumptions,
        drop=drop_of(ground, traveller, call, result) if is_lost else None,
    )


def _link_of(call: HookCall) -> Link | None:
    if call.hook in {"postrouting", "output"}:
        return call.physical_out or call.oif
    return call.physical_in or call.iif or call.oif


def _at(cookie: int, rule: RuleRef | None) -> tuple[Expected, ...]:
    """Legacy iptables does not speak by nftrace."""
    if rule is None or rule.backend is Backend.IPTABLES_LEGACY:
        return ()
    return (AtRule(cookie=cookie, rule=rule),)


def drop_of(ground: Ground, traveller: Traveller, call: HookCall, result: HookResult) -> Drop:
    """Why a hook lets the traveller's packet end in its namespace."""
    rule = result.decided_by
    name = ground.snapshot.call(traveller.cookie)
    cause = _cause(ground, traveller, call, result)
    verb = "refuses" if result.verdict is HookVerdict.REJECT else "drops"
    what = _words(rule) or f"the {call.hook} hook"
    facts = [Fact(what="rule", says=what)]
    if result.answer:
        facts.append(Fact(what="answer", says=result.answer))
    if cause is Cause.BRIDGE_NETFILTER:
        facts.append(Fact(what="br_netfilter", says="bridged frames pass the hooks of IP"))
    return Drop(
        cause=cause,
        sentence=f"{firewall_of(name)} {verb} it: {_why(cause, rule, call)}",
        evidence=tuple(facts),
        rule=rule,
        place=ground.place(traveller.cookie),
        subject=_subject(traveller),
    )


def _why(cause: Cause, rule: RuleRef | None, call: HookCall) -> str:
    """The meaning where the rule is ours; else which chain it was, for its text is evidence."""
    if cause in SENTENCES:
        return SENTENCES[cause]
    if rule is None:
        return f"the {call.hook} hook"
    where = f"{rule.family} {rule.table} {rule.chain}"
    whose = f", {rule.owner.value}'s" if rule.owner.value else ""
    if cause is Cause.BRIDGE_NETFILTER:
        return f"{where} is for routed traffic, and br_netfilter shows it bridged frames"
    if rule.is_policy:
        return f"no rule of {where}{whose} accepts it, and its policy is to drop"
    which = f"the rule of handle {rule.handle}" if rule.handle else f"rule {rule.number}"
    return f"{which} of {where}{whose}"


def _cause(ground: Ground, traveller: Traveller, call: HookCall, result: HookResult) -> Cause:
    rule = result.decided_by
    snapshot = ground.snapshot
    if rule is not None:
        from_network = call.iif is not None and any(
            n.bridge == call.iif.ifname for n in snapshot.networks
        )
        meant = rule_cause(rule, from_network=from_network)
        if meant is not None:
            return meant
    is_sender = traveller.cookie == ground.question.source and not traveller.is_reply
    if is_sender and call.hook in {"output", "postrouting", "egress"} and call.iif is None:
        return Cause.SENDER_FIREWALL
    if call.family != "bridge" and call.physical_in is not None and call.hook != "prerouting":
        return Cause.BRIDGE_NETFILTER
    if result.verdict is HookVerdict.REJECT:
        return Cause.FIREWALL_REJECT
    if rule is not None and rule.is_policy:
        return Cause.FIREWALL_POLICY
    return Cause.FIREWALL_DROP


def _subject(traveller: Traveller) -> str:
    packet = traveller.packet
    if packet.destination_port:
        return f"{packet.destination_port}/{packet.transport.value}"
    return packet.transport.value


def _words(rule: RuleRef | None) -> str:
    """A rule as a person finds it again."""
    if rule is None:
        return ""
    where = f"{rule.family} {rule.table} {rule.chain}"
    if rule.is_policy:
        return f"the policy of chain {where}"
    return f"{rule.text} ({where}{f', {rule.comment}' if rule.comment else ''})"


def without_mark(traveller: Traveller) -> Traveller:
    """A mark does not leave its namespace (skb_scrub_packet)."""
    return traveller.with_packet(replace(traveller.packet, mark=0))


def firewall_of(name: str) -> str:
    """`the host's firewall`."""
    return f"{'the host' if name == 'host' else name}'s firewall"
