"""All firewall rules of a namespace, whoever made them, as model.ruleset.

Nothing is changed by looking: no program of iptables runs where its tables do not exist yet, for
it would make them, and with them start conntrack in a namespace that had none.
"""

from pathlib import Path

from msgspec.structs import replace

from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.kernel.netns import inside
from glassbridge.kernel.nft import Nft
from glassbridge.model.ruleset import Backend, ListedChain, ListedTable, Ruleset
from glassbridge.walk.firewall.listing.nft_json import parse_ruleset
from glassbridge.walk.firewall.listing.nft_text import (
    parse_devices,
    parse_texts,
    with_devices,
    with_texts,
)
from glassbridge.walk.firewall.rendered import OwnTables, listed_tables, with_handles

_LEGACY = {
    "ip": "/proc/thread-self/net/ip_tables_names",
    "ip6": "/proc/thread-self/net/ip6_tables_names",
}
_ATTEMPTS = 3


def read_ruleset(netns_fd: int, own: OwnTables | None = None) -> Ruleset:
    """Everything that nft and iptables know of a namespace.

    With `own` our tables are taken from there, and only their handles are read: their thousands of
    elements stay in the kernel. Where the kernel's rules are not those, they are listed after all.
    """
    with inside(netns_fd):  # also while nft lists: it calls links by the names that it finds there
        legacy = [family for family, names in _LEGACY.items() if _read(names).strip()]
        tables, complaints = _read_nft(own)
    tables, more = _with_iptables(netns_fd, tables, legacy)
    return Ruleset(tables=tables, complaints=(*complaints, *more))


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


# -- nft


def _read_nft(own: OwnTables | None) -> tuple[tuple[ListedTable, ...], list[str]]:
    nft = Nft()
    try:
        return _list_at_rest(nft, own)
    except GlassbridgeError as error:
        return (), [f"nft: {error}"]
    finally:
        nft.close()


def _list_at_rest(nft: Nft, own: OwnTables | None) -> tuple[tuple[ListedTable, ...], list[str]]:
    """All tables of one moment: read again where somebody changed them meanwhile."""
    for _ in range(_ATTEMPTS):
        before = nft.generation()
        listed = _list_nft(nft, own)
        if nft.generation() == before:
            return listed
    tables, complaints = listed
    return tables, [*complaints, "rules change all the time: what was read may be of two moments"]


def _list_nft(nft: Nft, own: OwnTables | None) -> tuple[tuple[ListedTable, ...], list[str]]:
    """First all rules, without elements; then the elements of those tables that need them.

    `nft list table` reads a table's elements even where it does not print them, and `nft list
    tables` reads all: only the terse ruleset does not.
    """
    listed = parse_ruleset(nft.list_json("ruleset", terse=True))
    if not listed:
        return (), _missing(own, listed)
    rendered = {} if own is None else {(t.family, t.name): t for t in listed_tables(own)}
    text = nft.list_text("ruleset")
    texts, devices = parse_texts(text), parse_devices(text)
    complaints = _missing(own, listed)
    tables: list[ListedTable] = []
    for table in listed:
        ours = rendered.get((table.family, table.name))
        joined = None if ours is None else with_handles(ours, table)
        if ours is not None and joined is None:
            complaints.append(f"table {table.family} {table.name}: somebody has changed its rules")
        known = with_texts(joined or _with_elements(nft, table), texts)
        tables.append(with_devices(known, devices))
    return tuple(tables), complaints


def _missing(own: OwnTables | None, listed: tuple[ListedTable, ...]) -> list[str]:
    names = {(t.family, t.name) for t in listed}
    ours = () if own is None else own.tables
    return [
        f"table {t.family} {t.name} is not there"
        for t in ours
        if (t.family.value, t.name) not in names
    ]


def _with_elements(nft: Nft, table: ListedTable) -> ListedTable:
    if not table.sets:
        return table
    try:
        found = parse_ruleset(nft.list_json(f"table {table.family} {table.name}"))
    except KernelRefused:  # it went since the rules were listed
        return table
    return found[0] if found else table


# -- iptables


def _with_iptables(
    netns_fd: int, tables: tuple[ListedTable, ...], legacy: list[str]
) -> tuple[tuple[ListedTable, ...], list[str]]:
    if not legacy and not any(t.family in _LEGACY for t in tables):
        return tables, []
    from glassbridge.kernel.iptables_saves import is_of_iptables, read_saves  # noqa: PLC0415 - few hosts of ours need it

    asked = [(family, Backend.IPTABLES_LEGACY) for family in legacy]
    families = sorted({t.family for t in tables if is_of_iptables(t)})
    asked += [(family, Backend.IPTABLES_NFT) for family in families]
    complaints = []
    for saved, complaint in read_saves(netns_fd, asked):
        tables = _merge(tables, saved)
        complaints += [complaint] if complaint else []
    return tables, complaints


def _merge(
    tables: tuple[ListedTable, ...], saved: tuple[ListedTable, ...]
) -> tuple[ListedTable, ...]:
    """Tables as iptables lists them, in the place of what nft says of the same; else added."""
    by_name = {(t.family, t.name): t for t in saved if t.backend is Backend.IPTABLES_NFT}
    merged = tuple(_saved_instead(t, by_name.get((t.family, t.name))) for t in tables)
    return merged + tuple(t for t in saved if t.backend is Backend.IPTABLES_LEGACY)


def _saved_instead(listed: ListedTable, saved: ListedTable | None) -> ListedTable:
    """With nft's handles, rule by rule; chains that iptables only pretends to have are left out.

    The others, which are nft's own, stay as nft lists them.
    """
    from glassbridge.kernel.iptables_saves import is_chain_of_iptables, is_of_iptables  # noqa: PLC0415 - as above

    if saved is None or listed.backend is not Backend.NFT or not is_of_iptables(listed):
        return listed
    theirs = {chain.name: chain for chain in saved.chains}
    chains = tuple(
        _handled(theirs[c.name], c)
        if c.name in theirs and is_chain_of_iptables(listed, c)
        else replace(c, backend=Backend.NFT)
        for c in listed.chains
    )
    return replace(listed, backend=saved.backend, chains=chains)


def _handled(saved: ListedChain, native: ListedChain) -> ListedChain:
    if len(saved.rules) != len(native.rules):
        return saved
    pairs = zip(saved.rules, native.rules, strict=True)
    return replace(saved, rules=tuple(replace(s, handle=n.handle) for s, n in pairs))
