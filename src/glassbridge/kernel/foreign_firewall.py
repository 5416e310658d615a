"""Chains of others that drop our packets: find them, open them with their owner's tool, close them.

Nothing is created by looking: `iptables -S` makes tables where there are none, so a tool is only
run once the kernel says that its table exists. Native nft rules in a table of iptables would break
`iptables-save`, hence the tool.
"""

import errno
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from glassbridge.errors import KernelRefused, Unavailable, Unsupported
from glassbridge.kernel.nft import Nft
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.network import Ifname
from glassbridge.plan.foreign_firewall import (
    Backend,
    ForeignChain,
    Hook,
    SavedTable,
    accepts,
    chain_to_open,
    knows_us,
    opened_chains,
    parse_save,
    position,
    why_dropping,
    why_native_dropping,
    words_of_others,
)

_PREFIX = {4: "iptables", 6: "ip6tables"}
_FAMILY = {4: "ip", 6: "ip6"}
_LEGACY_TABLES = {4: "ip_tables_names", 6: "ip6_tables_names"}
_LOCK_WAIT = ("-w", "5")
_EXIT_NOT_FOUND = 1


def find_dropping_chains(hook: Hook = Hook.FORWARD) -> tuple[ForeignChain, ...]:
    """Chains of others that drop what they do not know, in the caller's network namespace."""
    chains = _nft_chains()
    found = [
        ForeignChain(backend, version, "filter", _place(saved, hook), hook, reason)
        for backend, version, saved in _saved_tables(chains)
        if (reason := why_dropping(saved, hook))
    ]
    return (*found, *_native_chains(chains, hook))


def find_opened_chains() -> tuple[ForeignChain, ...]:
    """Chains that hold our accepts, dropping or not: what `down` has to close."""
    return tuple(
        ForeignChain(backend, version, "filter", chain, Hook.FORWARD, "opened by us")
        for backend, version, saved in _saved_tables(_nft_chains())
        for chain in opened_chains(saved)
    )


def find_closed_chains(bridges: Iterable[Ifname]) -> tuple[ForeignChain, ...]:
    """Dropping chains that we do not open, and in which nobody has thought of these bridges.

    INPUT guards the host itself, and a native nft table is somebody's configuration.
    """
    ours = tuple(bridges)
    chains = _nft_chains()
    found = [
        ForeignChain(backend, version, "filter", Hook.INPUT, Hook.INPUT, reason)
        for backend, version, saved in _saved_tables(chains)
        if (reason := why_dropping(saved, Hook.INPUT))
        and not knows_us(words_of_others(saved), ours)
    ]
    native = (chain for hook in Hook for chain in _native_chains(chains, hook))
    return (*found, *(c for c in native if not knows_us(_words_of_table(c.table), ours)))


def open_path(chain: ForeignChain) -> None:
    """Put our two accepts in; those that stand already stay as they are.

    Raises Unsupported for a native nft table and for INPUT, which are the administrator's to open.
    """
    if chain.backend is Backend.NFT or chain.hook is not Hook.FORWARD:
        raise Unsupported(
            f"open {chain}: glassbridge changes only FORWARD, by iptables",
            hint="accept forwarded packets from and to our bridges there, or change its policy",
        )
    for rule in accepts():
        if not _stands(chain, rule):
            place = position(_save(chain.backend, chain.version), chain.chain)
            _run(chain, "-I", chain.chain, str(place), *rule)


def close_path(chain: ForeignChain) -> None:
    """Take our accepts out; already gone, with the chain or without, is success."""
    if chain.backend is Backend.NFT or not _exists(chain):
        return
    for rule in accepts():
        while _stands(chain, rule):
            _run(chain, "-D", chain.chain, *rule)


def _place(saved: SavedTable, hook: Hook) -> str:
    return chain_to_open(saved) if hook is Hook.FORWARD else hook


def _saved_tables(chains: list[dict[str, Any]]) -> Iterator[tuple[Backend, int, SavedTable]]:
    for version in (4, 6):
        for backend, exists in (
            (Backend.IPTABLES_NFT, _has_nft_table(chains, version)),
            (Backend.IPTABLES_LEGACY, _has_legacy_table(version)),
        ):
            if exists and _tool(backend, version):
                yield backend, version, _save(backend, version)


def _nft_chains() -> list[dict[str, Any]]:
    """Chains without their rules: nft cannot read those that iptables made."""
    return [o["chain"] for o in _list_json("chains") if "chain" in o]


def _has_nft_table(chains: list[dict[str, Any]], version: int) -> bool:
    """A `filter` table with a chain by the name that only iptables gives."""
    return any(
        c["family"] == _FAMILY[version] and c["table"] == "filter" and c["name"] in set(Hook)
        for c in chains
    )


def _has_legacy_table(version: int) -> bool:
    """The kernel lists the legacy tables of this namespace; no file: it has no legacy iptables."""
    listed = Path("/proc/thread-self/net", _LEGACY_TABLES[version])
    return listed.exists() and "filter" in listed.read_text().split()


def _native_chains(chains: list[dict[str, Any]], hook: Hook) -> Iterator[ForeignChain]:
    """Those of nft itself, and those of an iptables that is not installed."""
    for chain in chains:
        version = 6 if chain["family"] == "ip6" else 4
        by_iptables = chain["table"] == "filter" and chain["name"] in set(Hook)
        if (
            chain.get("hook") == hook.lower()
            and chain["table"] != NFT_TABLE
            and not (by_iptables and _tool(Backend.IPTABLES_NFT, version))
            and (reason := why_native_dropping(chain.get("policy", "accept"), _native_rules(chain)))
        ):
            table = f"{chain['family']} {chain['table']}"
            yield ForeignChain(Backend.NFT, version, table, chain["name"], hook, reason)


def _native_rules(chain: dict[str, Any]) -> list[list[dict[str, Any]]]:
    try:
        listed = _list_json(f"chain {chain['family']} {chain['table']} {chain['name']}")
    except KernelRefused:  # it went since the chains were listed
        return []
    return [o["rule"]["expr"] for o in listed if "rule" in o]


def _words_of_table(table: str) -> set[str]:
    return set(re.findall(r"[\w.*-]+", json.dumps(_list_json(f"table {table}"))))


def _list_json(what: str) -> list[dict[str, Any]]:
    nft = Nft()
    try:
        listed: list[dict[str, Any]] = nft.list_json(what)
        return listed
    finally:
        nft.close()


def _exists(chain: ForeignChain) -> bool:
    return any(
        (backend, version) == (chain.backend, chain.version) and chain.chain in saved.policies
        for backend, version, saved in _saved_tables(_nft_chains())
    )


def _save(backend: Backend, version: int) -> SavedTable:
    tool = f"{_tool(backend, version)}-save"
    done = subprocess.run([tool, "-t", "filter"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise KernelRefused(f"read chains with {tool}", errno.EIO, done.stderr.strip())
    return parse_save(done.stdout)


def _stands(chain: ForeignChain, rule: tuple[str, ...]) -> bool:
    command = [_needed_tool(chain), *_LOCK_WAIT, "-C", chain.chain, *rule]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, _EXIT_NOT_FOUND):
        raise _refused(chain, done)
    return done.returncode == 0


def _run(chain: ForeignChain, *arguments: str) -> None:
    command = [_needed_tool(chain), *_LOCK_WAIT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _refused(chain, done)


def _refused(chain: ForeignChain, done: subprocess.CompletedProcess[str]) -> KernelRefused:
    return KernelRefused(f"change {chain}", errno.EIO, done.stderr.strip())


def _needed_tool(chain: ForeignChain) -> str:
    tool = _tool(chain.backend, chain.version)
    if not tool:
        raise Unavailable(
            f"change {chain}: no {_PREFIX[chain.version]} that works on {chain.backend} tables",
            hint="apt install iptables",
        )
    return tool


@cache
def _tool(backend: Backend, version: int) -> str:
    """The program for a back end, by its own name or by what plain `iptables` says that it is."""
    prefix = _PREFIX[version]
    suffix = "nft" if backend is Backend.IPTABLES_NFT else "legacy"
    for name in (f"{prefix}-{suffix}", prefix):
        try:
            done = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        if f"({backend})" in done.stdout:
            return name
    return ""
