"""How a rule is mended in the language of whoever wrote it."""

import shlex

from glassbridge.model.cause import Cause
from glassbridge.model.ruleset import Backend, Decide, Origin, RuleRef
from glassbridge.model.step_details import Entered, HookPassed, NeighbourFound, RouteChosen
from glassbridge.walk.fixes.flow_words import iptables_flow, iptables_service, nft_flow, nft_service
from glassbridge.walk.fixes.listed import listed_rule, table_of, takes_answers
from glassbridge.walk.fixes.mending import Case, Mending, command
from glassbridge.walk.fixes.networks import connect
from glassbridge.walk.fixes.set_elements import is_by_list, take_out

_STATELESS = ("bridge", "arp", "netdev")
"""Families whose rules see no connection."""
_DOCKER_USER = "DOCKER-USER"
_IP_WORDS = {4: "ip", 6: "ip6"}
_NFT_ASKING = {
    4: ("meta protocol arp accept",),
    6: ("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",),
}
_IPTABLES_ASKING = tuple(
    f"-p ipv6-icmp --icmpv6-type {kind} -j ACCEPT"
    for kind in ("neighbour-solicitation", "neighbour-advertisement")
)


def mend_rule(case: Case) -> Mending:
    """The rule's owner is asked first; what nobody owns is changed by its own tool."""
    rule = case.drop.rule
    if rule is None:
        return Mending(note=f"find the rule: {case.at('nft', 'list', 'ruleset')}")
    match rule.owner:
        case Origin.FIREWALLD:
            return _firewalld(case)
        case Origin.UFW:
            return _ufw(case)
        case Origin.DOCKER | Origin.PODMAN:
            return connect(case) or _publish(case, rule)
        case Origin.KUBERNETES:
            return Mending(note="a NetworkPolicy or the network plugin wrote it: change it there")
        case _:
            return _by_tool(case, rule)


def _publish(case: Case, rule: RuleRef) -> Mending:
    if _docker_user(case, rule):
        return _by_tool(case, rule)
    return Mending(
        note=f"it is {rule.owner.value}'s rule: publish the port with -p when the container is "
        "made, and ask the host's address"
    )


def ways(case: Case) -> tuple[str, str]:
    """By which links the packet would have come and gone: names, empty where there is none."""
    steps = case.walk.steps
    here = next((n for n, s in enumerate(steps) if s is case.step), len(steps))
    at = case.step.place
    asked_by = (
        at.cookie,
        at.ifindex,
    )  # a question is lost at a switch, and its step is at who asks
    link = next(
        (
            k
            for k in case.stack.links
            if (
                k.ifname == at.ifname
                if at.cookie == case.cookie
                else case.snapshot.far_end(case.cookie, k) == asked_by
            )
        ),
        None,
    )
    came = at.ifname if link is None else link.ifname
    master = case.stack.link(link.master) if link and link.master else None
    came = master.ifname if master else came
    routed = [
        s.detail.oifname
        for s in steps[:here]
        if isinstance(s.detail, RouteChosen)
        and s.detail.is_forwarding
        and s.place.cookie == case.step.place.cookie
        and s.is_reply == case.step.is_reply
    ]
    return came, routed[-1] if routed else ""


def _hook(case: Case) -> str:
    return case.step.detail.hook if isinstance(case.step.detail, HookPassed) else ""


def _firewalld(case: Case) -> Mending:
    came, _ = ways(case)
    trust = ("--zone=trusted", f"--add-interface={came}")
    return Mending(
        commands=(
            case.at("firewall-cmd", "--permanent", *trust),
            case.at("firewall-cmd", "--reload"),
        ),
        note=f"firewalld then takes all that comes in by {came}",
    )


def _ufw(case: Case) -> Mending:
    came, goes = ways(case)
    if _hook(case) == "forward" and goes:
        words = ["ufw", "route", "allow", "in", "on", came, "out", "on", goes]
        return Mending(commands=(case.at(*words),), note=f"ufw then forwards from {came} to {goes}")
    packet = case.packet
    words = ["ufw", "allow", "in", "on", came]
    if packet.destination_port:
        words += ["to", "any", "port", str(packet.destination_port)]
        words += ["proto", packet.transport.value]
    return Mending(commands=(case.at(*words),), note=f"ufw then takes it from {came}")


def _by_tool(case: Case, rule: RuleRef) -> Mending:
    is_question = isinstance(case.step.detail, NeighbourFound) and case.is_for_all
    is_bridged = case.drop.cause is Cause.BRIDGE_NETFILTER
    if is_bridged and (is_question or _hook(case) == "forward"):
        return _within_bridge(case, rule)
    listed = listed_rule(case, rule)
    if listed is not None and is_by_list(listed):
        return take_out(case, rule) or _past(case, rule)
    if not rule.is_policy and (listed is None or listed.matches):
        return Mending(commands=(delete_rule(case, rule),), note=f"takes the rule out: {rule.text}")
    what = "the chain's policy" if rule.is_policy else "the rule that drops everything"
    note = f"lets this traffic pass before {what} is reached"
    network = case.network_of(case.packet.destination)
    if _docker_user(case, rule) and network is not None and network.origin is Origin.DOCKER:
        note += "; Docker's own way is to publish the port (-p) when the container is made"
    return Mending(commands=_accepts(case, rule), note=note)


def _past(case: Case, rule: RuleRef) -> Mending:
    """Before a rule that drops more than this: it stays for the others."""
    commands = _accepts(case, rule, is_two_way=False)
    if not commands:
        return Mending(commands=(delete_rule(case, rule),), note=f"takes the rule out: {rule.text}")
    note = f"lets this traffic pass before the rule is reached: {rule.text}"
    return Mending(commands=commands, note=note)


def delete_rule(case: Case, rule: RuleRef) -> str:
    """With the tool that wrote it."""
    if rule.backend is Backend.NFT:
        where = (rule.family, rule.table, rule.chain)
        return case.at("nft", "delete", "rule", *where, "handle", rule.handle)
    return case.at(tool_of(rule), "-t", rule.table, "-D", rule.chain, rule.number)


def tool_of(rule: RuleRef) -> str:
    """`iptables-nft`, `ip6tables-legacy`: whose chain it is, only that tool may change it."""
    tool = "ip6tables" if rule.family == "ip6" else "iptables"
    return f"{tool}-{'legacy' if rule.backend is Backend.IPTABLES_LEGACY else 'nft'}"


def _within_bridge(case: Case, rule: RuleRef) -> Mending:
    """Frames from port to port come with the bridge as both links: only they are let through."""
    bridge, _ = ways(case)
    note = (
        f"lets frames from port to port of {bridge} pass, which br_netfilter sends through "
        "the chain for routed traffic"
    )
    if rule.backend is Backend.NFT:
        words = f'iifname "{bridge}" oifname "{bridge}" accept'
        return Mending(commands=(_nft(case, rule, words),), note=note)
    words = f"-i {bridge} -o {bridge} -j ACCEPT"
    return Mending(commands=(_iptables(case, rule, words),), note=note)


def _accepts(case: Case, rule: RuleRef, *, is_two_way: bool = True) -> tuple[str, ...]:
    """What this packet needs, and in two ways its answers, where no rule lets them through."""
    is_nft = rule.backend is Backend.NFT
    flow = nft_flow if is_nft else iptables_flow
    add = _nft if is_nft else _iptables
    if isinstance(case.step.detail, NeighbourFound):
        talk = _NFT_ASKING[case.packet.version] if is_nft else _IPTABLES_ASKING
        return tuple(add(case, rule, words) for words in talk)
    if rule.family in _STATELESS:
        there, back = flow(case.packet), flow(case.packet, is_back=True)
        return add(case, rule, f"{there} accept"), add(case, rule, f"{back} accept")
    answers = (
        "ct state established,related accept"
        if is_nft
        else "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    )
    verdict = "accept" if is_nft else "-j ACCEPT"
    there = _in_general(case, is_nft=is_nft) or flow(case.packet)
    commands = [] if case.step.is_reply else [add(case, rule, f"{there} {verdict}")]
    if (is_two_way or case.step.is_reply) and not takes_answers(case, rule):
        commands.append(add(case, rule, answers))
    return tuple(commands)


def _in_general(case: Case, *, is_nft: bool) -> str:
    """A match of whatever comes that way, by the sender's bridge or to the same port.

    Empty where that is not asked for, or where there is no such thing.
    """
    came, _ = ways(case)
    if case.is_for_all and _hook(case) == "input" and came and case.packet.destination_port:
        return (nft_service if is_nft else iptables_service)(case.packet, came)
    if not case.is_for_all or _hook(case) != "forward":
        return ""
    if isinstance(case.walk.steps[0].detail, Entered):
        return (nft_flow if is_nft else iptables_flow)(case.packet, from_anyone=True)
    if not came:
        return ""
    return f'iifname "{came}"' if is_nft else f"-i {came}"


def _nft(case: Case, rule: RuleRef, words: str) -> str:
    where = f"{rule.family} {rule.table} {rule.chain}"
    # what reached the policy has passed every rule: the end of the chain is early enough
    verb = f"add rule {where}" if rule.is_policy else f"insert rule {where} handle {rule.handle}"
    return case.at("nft", f"{verb} {words}")


def _iptables(case: Case, rule: RuleRef, words: str) -> str:
    chain = _docker_user(case, rule) or rule.chain
    place: tuple[str | int, ...]
    if chain != rule.chain:
        place = ("-I", chain)  # Docker ends it with a RETURN
    elif rule.is_policy:
        place = ("-A", chain)
    else:
        place = ("-I", chain, rule.number)
    return case.at(tool_of(rule), "-t", rule.table, *place, *shlex.split(words))


def _docker_user(case: Case, rule: RuleRef) -> str:
    """Where the administrator's own rules go on a host with Docker."""
    table = table_of(case, rule)
    if table is None or _hook(case) != "forward" or rule.table != "filter":
        return ""
    statements = (s for c in table.chains for r in c.rules for s in r.statements)
    # after iptables -F FORWARD it is still there, and nobody asks it
    is_asked = any(isinstance(s, Decide) and s.chain == _DOCKER_USER for s in statements)
    return _DOCKER_USER if is_asked else ""


def masquerade(case: Case, source: str) -> tuple[str, ...]:
    """A table of its own, so that nobody's rules are touched; `source` is nft's match of it."""
    family = _IP_WORDS[case.packet.version]
    chain = "{ type nat hook postrouting priority 100 ; }"
    lines = (
        f"add table {family} to_outside",
        f"add chain {family} to_outside postrouting {chain}",
        f"add rule {family} to_outside postrouting {family} saddr {source} masquerade",
    )
    return tuple(command(case.snapshot, case.cookie, "nft", line) for line in lines)
