"""The witness of legacy iptables, which no trace shows: whose counters rise while a packet passes.

Looking creates nothing: the tool, which would load tables, is only run where one is listed.
"""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glassbridge.errors import GlassbridgeError, Unavailable
from glassbridge.kernel.netns import inside
from glassbridge.kernel.witness import Testimony, Watch
from glassbridge.model.observation import CounterChange, WitnessName
from glassbridge.model.ruleset import Backend
from glassbridge.walk.firewall.listing.iptables_save import parse_save

_SECONDS = 5


class _Variant(NamedTuple):
    family: str
    tool: str
    tables: str
    """The file in which the kernel lists a namespace's legacy tables."""


_VARIANTS = {
    4: _Variant("ip", "iptables-legacy-save", "ip_tables_names"),
    6: _Variant("ip6", "ip6tables-legacy-save", "ip6_tables_names"),
}


class _Counter(NamedTuple):
    table: str
    chain: str
    number: int
    """0: the policy."""


class RuleCounters:
    """Rules and policies that counted a packet since the last call; others' packets count too."""

    name = WitnessName.COUNTERS

    def __init__(self) -> None:
        self._variant = _VARIANTS[4]
        self._before: dict[int, dict[_Counter, int]] = {}
        self._namespaces: dict[int, int] = {}
        self._why_not = ""

    @property
    def why_not(self) -> str:
        return self._why_not

    @property
    def lost(self) -> int:
        return 0

    def open(self, watch: Watch) -> None:
        self.close()
        self._why_not = ""
        self._variant = _VARIANTS[watch.version]
        for cookie, netns in watch.namespaces.items():
            try:
                if _has_tables(netns, self._variant):
                    self._before[cookie] = _read(netns, self._variant)
                    self._namespaces[cookie] = netns
            except GlassbridgeError as error:
                self._why_not = error.message
        if not self._namespaces:
            self._why_not = self._why_not or "no legacy iptables on the way"

    def collect(self) -> Testimony:
        changes = [c for cookie in list(self._namespaces) for c in self._changes(cookie)]
        return Testimony(counters=tuple(changes))

    def close(self) -> None:
        self._namespaces.clear()
        self._before.clear()

    def _changes(self, cookie: int) -> Iterator[CounterChange]:
        before = self._before[cookie]
        try:
            after = _read(self._namespaces[cookie], self._variant)
        except GlassbridgeError as error:
            self._why_not = error.message
            return
        self._before[cookie] = after
        for counter, packets in after.items():
            if packets > before.get(counter, packets):
                yield CounterChange(
                    cookie=cookie,
                    family=self._variant.family,
                    table=counter.table,
                    chain=counter.chain,
                    number=counter.number,
                    packets=packets - before[counter],
                )


def _has_tables(netns: int, variant: _Variant) -> bool:
    """No such file: the kernel has no legacy iptables, or we may not look."""
    with inside(netns), suppress(OSError):
        return bool(Path("/proc/thread-self/net", variant.tables).read_bytes().strip())
    return False


def _read(netns: int, variant: _Variant) -> dict[_Counter, int]:
    return {
        _Counter(table.name, chain.name, number): packets
        for table in parse_save(_save(netns, variant.tool), variant.family, Backend.IPTABLES_LEGACY)
        for chain in table.chains
        for number, packets in (
            (0, chain.packets),
            *((rule.number, rule.packets) for rule in chain.rules),
        )
        if packets is not None and number is not None
    }


def _save(netns: int, tool: str) -> str:
    try:
        with inside(netns):
            # a process begins in the namespace of the thread that starts it
            process = subprocess.Popen(
                [tool, "-c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
    except OSError as error:
        raise Unavailable(f"{tool}: {error.strerror}", hint="apt install iptables") from error
    with process:
        try:
            output, complaint = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Unavailable(f"{tool} did not answer within {_SECONDS} s") from error
    if process.returncode:
        raise Unavailable(f"{tool}: {complaint.strip()}")
    return output
