"""Packets that a rule let go: which rule, and what it is there for."""

from glassbridge.model.cause import Cause
from glassbridge.model.observation import CounterChange, RuleHit
from glassbridge.model.ruleset import ListedChain, ListedTable, Refuse, RuleRef
from glassbridge.model.step_details import HookPassed
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.causes.scene import Scene
from glassbridge.walk.firewall.engine_causes import rule_cause
from glassbridge.walk.firewall.guarded import own_addresses, own_macs, port_of
from glassbridge.walk.firewall.owners import policy_ref, rule_ref
from glassbridge.walk.path.passing import firewall_of


def dropped_by_rule(scene: Scene) -> Drop | None:
    """The rule that nftrace or a counter names; without either, only the hook is known."""
    found = scene.ending.found
    rule, refuses = None, False
    if isinstance(found, RuleHit | CounterChange):
        rule, refuses = _named(scene, found)
    cause = _cause(scene, rule, refuses=refuses)
    detail = scene.step.detail
    hook = detail.hook if isinstance(detail, HookPassed) else "netfilter"
    what = f"{rule.text or rule.chain} ({rule.family} {rule.table} {rule.chain})" if rule else hook
    packet = scene.packet
    port = f"{packet.destination_port}/" if packet.destination_port else ""
    return Drop(
        cause=cause,
        sentence=f"{firewall_of(scene.name)} {'refuses' if refuses else 'drops'} it: {what}",
        evidence=(Fact(what="rule", says=what),) if rule else (),
        rule=rule,
        place=scene.place(),
        subject=f"{port}{packet.transport.value}",
    )


def source_guard(scene: Scene) -> Drop | None:
    """Our guard also drops questions for neighbours, asked under a MAC or address of another."""
    asker = scene.step.place
    stack = scene.stack_of(asker.cookie)
    link = stack.link(asker.ifindex or 0)
    if link is None:
        return None
    port = port_of(scene.snapshot, asker, link)
    source = scene.packet.source
    macs, addresses = own_macs(scene.snapshot, port), own_addresses(scene.snapshot, port)
    if macs and str(link.mac) not in macs:
        what, own = str(link.mac), macs
    elif addresses and source.version == 4 and str(source) not in addresses:  # noqa: PLR2004 - the IP version
        what, own = str(source), addresses
    else:
        return None
    return scene.drop(
        Cause.SOURCE_GUARD,
        f"{asker.name} sends as {what}, which is not its own",
        Fact(what=f"source guard of port {port}", says=", ".join(sorted(own))),
        Fact(what=f"{link.ifname} of {asker.name}", says=what),
        cookie=scene.snapshot.home,
        subject=port,
    )


def _cause(scene: Scene, rule: RuleRef | None, *, refuses: bool) -> Cause:
    first = scene.walk.steps[0].place
    if rule is not None:
        bridges = {n.bridge for n in scene.snapshot.networks}
        meant = rule_cause(rule, from_network=scene.step.place.ifname in bridges)
        if meant is not None:
            return meant
    detail = scene.step.detail
    if scene.cookie == first.cookie and not scene.step.is_reply and _is_output(detail):
        return Cause.SENDER_FIREWALL
    if isinstance(detail, HookPassed) and detail.through_bridge and detail.hook == "forward":
        return Cause.BRIDGE_NETFILTER
    if refuses:
        return Cause.FIREWALL_REJECT
    return Cause.FIREWALL_POLICY if rule is not None and rule.is_policy else Cause.FIREWALL_DROP


def _is_output(detail: object) -> bool:
    return not isinstance(detail, HookPassed) or detail.hook in {"output", "postrouting"}


def _named(scene: Scene, found: RuleHit | CounterChange) -> tuple[RuleRef | None, bool]:
    namespace = scene.snapshot.namespaces.get(found.cookie)
    for table in namespace.ruleset.tables if namespace else ():
        if (table.family, table.name) == (found.family, found.table):
            for chain in table.chains:
                if chain.name == found.chain:
                    return _in_chain(table, chain, found)
    return None, False


def _in_chain(
    table: ListedTable, chain: ListedChain, found: RuleHit | CounterChange
) -> tuple[RuleRef | None, bool]:
    is_policy = found.is_policy if isinstance(found, RuleHit) else not found.number
    if is_policy:
        return policy_ref(table, chain), False
    for rule in chain.rules:
        is_it = (
            rule.handle == found.handle
            if isinstance(found, RuleHit)
            else rule.number == found.number
        )
        if is_it:
            return rule_ref(table, chain, rule), any(isinstance(s, Refuse) for s in rule.statements)
    return None, False
