"""Whose a rule is, by the names that each tool gives its tables, chains, links and comments."""

import re
from typing import Final

from glassbridge.model.kernel_names import LINK_GROUP, NFT_TABLE
from glassbridge.model.ruleset import (
    Backend,
    Decide,
    ListedChain,
    ListedRule,
    ListedTable,
    Origin,
    Refuse,
    RuleRef,
    Verdict,
)
from glassbridge.walk.firewall.rule_text import rule_text

_TABLES: Final = (
    (re.compile(rf"{NFT_TABLE}$"), Origin.GLASSBRIDGE),
    (re.compile(r"docker"), Origin.DOCKER),
    (re.compile(r"netavark"), Origin.PODMAN),
    (re.compile(r"firewalld"), Origin.FIREWALLD),
    (re.compile(r"libvirt"), Origin.LIBVIRT),
    (re.compile(r"kube-proxy|calico|cilium"), Origin.KUBERNETES),
    (re.compile(r"cni"), Origin.CNI),
    (re.compile(r"ufw"), Origin.UFW),
)
_CHAINS: Final = (
    (re.compile(r"DOCKER"), Origin.DOCKER),
    (re.compile(r"NETAVARK"), Origin.PODMAN),
    (re.compile(r"CNI-"), Origin.CNI),
    (re.compile(r"LIBVIRT_"), Origin.LIBVIRT),
    (re.compile(r"ufw6?-"), Origin.UFW),
    (re.compile(r"KUBE-|cali-|CILIUM_"), Origin.KUBERNETES),
    (
        # zones of firewalld with its iptables backend
        re.compile(r"(IN|FWD|FWDI|FWDO|POST|PRE|INPUT|FORWARD|PREROUTING|POSTROUTING|OUTPUT)_"),
        Origin.FIREWALLD,
    ),
)
_COMMENTS: Final = (
    (re.compile(rf"{NFT_TABLE}\b"), Origin.GLASSBRIDGE),
    (re.compile(r"netavark"), Origin.PODMAN),
    (re.compile(r"cali:|kubernetes|kube-"), Origin.KUBERNETES),
    (re.compile(r'(name: "|CNI |dnat name: )'), Origin.CNI),
    (re.compile(r"!fw3|firewalld"), Origin.FIREWALLD),
)
_LINKS: Final = (
    (re.compile(r"docker\d|docker_gwbridge$|br-[0-9a-f]{12}$"), Origin.DOCKER),
    (re.compile(r"podman\d|cni-podman\d"), Origin.PODMAN),
    (re.compile(r"virbr\d"), Origin.LIBVIRT),
    (re.compile(r"cni\d"), Origin.CNI),
)
# what engines themselves drop in chains of everybody: Docker's icc=false and direct routing,
# and libvirt before it had chains of its own; a drop of any other form is a person's
_DROPS: Final = {
    Origin.DOCKER: re.compile(
        r"(?<!! )-i (\S+) -o \1 -j (DROP|REJECT)\b|-d \S+ ! -i \S+ .*-j DROP"
    ),
    Origin.LIBVIRT: re.compile(r"-A FORWARD -[io] \S+ -j REJECT\b"),
}
_WORD: Final = re.compile(r"[\w.-]+")
_OUR_GROUP: Final = {str(LINK_GROUP), f"{LINK_GROUP:#x}", f"{LINK_GROUP:#010x}"}


def owner_of(table: ListedTable, chain: ListedChain, rule: ListedRule | None = None) -> Origin:
    """Whose a rule is, or a chain where none is given; UNKNOWN where no name tells.

    In a chain that everybody writes into, by where the rule jumps, its comment and its links.
    """
    if table.owner is not Origin.UNKNOWN:
        return table.owner
    named = _first(_CHAINS, chain.name)
    if named is Origin.UNKNOWN and (chain.backend or table.backend) is Backend.NFT:
        named = _first(_TABLES, table.name)
    if named is not Origin.UNKNOWN or rule is None:
        return named
    return _rule_owner(rule)


def rule_ref(table: ListedTable, chain: ListedChain, rule: ListedRule) -> RuleRef:
    """A rule by name, so that a person finds it."""
    return RuleRef(
        family=table.family,
        table=table.name,
        chain=chain.name,
        handle=rule.handle,
        number=rule.number,
        text=rule_text(rule),
        comment=rule.comment,
        owner=owner_of(table, chain, rule),
        backend=chain.backend or table.backend,
    )


def policy_ref(table: ListedTable, chain: ListedChain) -> RuleRef:
    """A base chain's policy by name."""
    policy = "accept" if chain.hook is None else chain.hook.policy.value
    return RuleRef(
        family=table.family,
        table=table.name,
        chain=chain.name,
        is_policy=True,
        text=f"policy {policy}",
        owner=owner_of(table, chain),
        backend=chain.backend or table.backend,
    )


def _rule_owner(rule: ListedRule) -> Origin:
    targets = (s.chain for s in rule.statements if isinstance(s, Decide) and s.chain)
    for target in targets:
        by_target = _first(_CHAINS, target)
        if by_target is not Origin.UNKNOWN:
            return by_target
    by_comment = _first(_COMMENTS, rule.comment)
    if by_comment is not Origin.UNKNOWN:
        return by_comment
    return _owner_by_links(rule)


def _owner_by_links(rule: ListedRule) -> Origin:
    """An engine's link in a rule; whoever closes that link names it, too."""
    text = rule_text(rule)
    words = _WORD.findall(text)
    by_links = (_first(_LINKS, word) for word in words)
    origin = next((o for o in by_links if o is not Origin.UNKNOWN), Origin.UNKNOWN)
    if any(isinstance(s, Refuse) or s == Decide(Verdict.DROP) for s in rule.statements):
        form = _DROPS.get(origin)
        return origin if form is not None and form.search(text) else Origin.UNKNOWN
    return Origin.GLASSBRIDGE if _OUR_GROUP.intersection(words) else origin


def _first(names: tuple[tuple[re.Pattern[str], Origin], ...], text: str) -> Origin:
    return next((origin for pattern, origin in names if pattern.match(text)), Origin.UNKNOWN)
