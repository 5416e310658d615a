"""iptables chains of others that would drop our packets, and the two rules that open them.

The rules know our bridges by their link group, so they need no change when networks come and go.
They let our bridges and those of others meet as far as that chain is concerned: what keeps these
apart is our own `forward` chain, which no accept elsewhere can overrule.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import pairwise

from msgspec import Struct

from glassbridge.model.kernel_names import LINK_GROUP
from glassbridge.model.network import Ifname

COMMENT = "glassbridge"
"""On every rule of ours in a chain of others: that is how it is found again."""

DOCKER_USER = "DOCKER-USER"
_DROPPING = ("DROP", "REJECT")
_FINAL = ("ACCEPT", "RETURN", *_DROPPING)
_FIREWALLD = "inet firewalld"
_SILENT_STATEMENTS = {"counter", "log"}
"""What may stand before a verdict of nft without making it conditional."""


class Hook(StrEnum):
    """The built-in chains that matter: what is routed through, and what is for the host itself."""

    FORWARD = "FORWARD"
    INPUT = "INPUT"


class Backend(StrEnum):
    """Whose chain it is: only its own tool may change it."""

    IPTABLES_NFT = "nf_tables"
    IPTABLES_LEGACY = "legacy"
    NFT = "nft"
    """A native nftables table: reported only, it is somebody's configuration."""


class ForeignChain(Struct, frozen=True):
    """A chain of others that drops what it does not know."""

    backend: Backend
    version: int
    """4 or 6; of a native `inet` table, 4."""
    table: str
    """`filter`; of a native one `FAMILY NAME`."""
    chain: str
    """Where our accepts belong: DOCKER-USER if there is one."""
    hook: Hook
    reason: str
    """`policy DROP`, or the rule at its end."""

    def __str__(self) -> str:
        if self.backend is Backend.NFT:
            return f"nft, table {self.table}, chain {self.chain}: {self.reason}"
        tool = f"iptables ({self.backend})"
        return f"{tool}, IPv{self.version}, table {self.table}, chain {self.hook}: {self.reason}"


class SavedTable(Struct, frozen=True):
    """What iptables-save says of one table."""

    policies: dict[str, str]
    """By chain; `-` for a chain of a user's own."""
    rules: dict[str, tuple[str, ...]]
    """By chain, without the leading `-A CHAIN`."""


def parse_save(text: str) -> SavedTable:
    """Read the output of `iptables-save -t filter`."""
    policies: dict[str, str] = {}
    rules: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            policies[chain] = policy
        elif line.startswith("-A "):
            _, chain, specification = line.split(" ", 2)
            rules.setdefault(chain, []).append(specification)
    return SavedTable(policies, {chain: tuple(found) for chain, found in rules.items()})


def why_dropping(saved: SavedTable, hook: Hook) -> str:
    """Why a packet that no rule knows ends there; empty when it passes."""
    for rule in saved.rules.get(hook, ()):
        target = _unconditional(rule)
        if target in _DROPPING:
            return f"rule {rule}"
        if target in _FINAL:
            return ""
    return "policy DROP" if saved.policies.get(hook) == "DROP" else ""


def why_native_dropping(policy: str, rules: Iterable[Iterable[Mapping[str, object]]]) -> str:
    """The same of a chain of nft: its policy, and the statements of each of its rules."""
    for statements in rules:
        words = {word for statement in statements for word in statement} - _SILENT_STATEMENTS
        match sorted(words):
            case ["drop" | "reject" as verdict]:
                return f"rule {verdict}"
            case ["accept" | "return" | "goto" as verdict]:
                return "policy drop" if verdict == "return" and policy == "drop" else ""
            case _:
                continue
    return "policy drop" if policy == "drop" else ""


def knows_us(words: Collection[str], bridges: Iterable[Ifname]) -> bool:
    """Whether rules name our link group, or each of our bridges: somebody has thought of us.

    Names may end in a wildcard, `+` of iptables or `*` of nft.
    """
    if {f"{LINK_GROUP:#x}", str(LINK_GROUP)} & set(words):
        return True
    patterns = [w[:-1] + "*" if w.endswith("+") else w for w in words if w.strip("+*")]
    return all(any(fnmatchcase(bridge, pattern) for pattern in patterns) for bridge in bridges)


def how_to_open(chain: ForeignChain, bridges: Iterable[Ifname]) -> str:
    """The command with which whoever owns a chain lets our bridges pass it."""
    group = f"{LINK_GROUP:#x}"
    if chain.table == _FIREWALLD:
        return " && ".join(f"firewall-cmd --zone=trusted --add-interface={b}" for b in bridges)
    if chain.backend is Backend.NFT:
        keys = ("iifgroup", "oifgroup") if chain.hook is Hook.FORWARD else ("iifgroup",)
        place = f"{chain.table} {chain.chain}"
        return f"nft '{'; '.join(f'insert rule {place} {key} {group} accept' for key in keys)}'"
    tool = "iptables" if chain.version == 4 else "ip6tables"  # noqa: PLR2004 - IPv4
    suffix = "nft" if chain.backend is Backend.IPTABLES_NFT else "legacy"
    return f"{tool}-{suffix} -I {chain.chain} -m devgroup --src-group {group} -j ACCEPT"


def chain_to_open(saved: SavedTable) -> str:
    """Where the administrator's own rules go on a host with Docker, else FORWARD itself."""
    jumps = (_unconditional(rule) for rule in saved.rules.get(Hook.FORWARD, ()))
    return DOCKER_USER if DOCKER_USER in jumps else Hook.FORWARD


def position(saved: SavedTable, chain: str) -> int:
    """The place for our accepts, counted from 1: behind every rule that may refuse a packet.

    Docker ends DOCKER-USER with a RETURN, behind which nothing is reached.
    """
    found = saved.rules.get(chain, ())
    for place, rule in enumerate(found, start=1):
        if _unconditional(rule) in _FINAL:
            return place
    return len(found) + 1


def accepts() -> tuple[tuple[str, ...], ...]:
    """What lets our packets through: one rule for each direction."""
    group = f"{LINK_GROUP:#x}"
    mark = ("-m", "comment", "--comment", COMMENT, "-j", "ACCEPT")
    return (
        ("-m", "devgroup", "--src-group", group, *mark),
        ("-m", "devgroup", "--dst-group", group, *mark),
    )


def opened_chains(saved: SavedTable) -> tuple[str, ...]:
    """Chains that hold rules of ours."""
    return tuple(
        chain for chain, rules in saved.rules.items() if any(_has_comment(rule) for rule in rules)
    )


def words_of_others(saved: SavedTable) -> set[str]:
    """Every word of the rules that are not ours."""
    every = (rule for rules in saved.rules.values() for rule in rules)
    return {word for rule in every if not _has_comment(rule) for word in rule.split()}


def _has_comment(rule: str) -> bool:
    words = rule.split()
    marks = ("--comment", COMMENT), ("--comment", f'"{COMMENT}"')
    return any(pair in marks for pair in pairwise(words))


def _unconditional(rule: str) -> str:
    """The target of a rule that every packet matches, else nothing."""
    words = rule.split()
    return words[1] if words[0] in ("-j", "-g") and len(words) > 1 else ""
