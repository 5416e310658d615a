"""One netfilter hook of a namespace, with every chain at it: what becomes of a packet there.

The order is the kernel's: by priority, conntrack at -200, all chains of type nat together at -100
or 100 whatever their own priority (nf_nat_core.c), and of equal ones the younger first
(nf_hook_entries_grow).
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import ListedChain, ListedHook, ListedTable, RuleRef
from glassbridge.model.snapshot import Namespace
from glassbridge.model.step_details import Translated
from glassbridge.walk.firewall import conntrack
from glassbridge.walk.firewall.chains import run_chain
from glassbridge.walk.firewall.conntrack import FIRST_HOOKS, LAST_HOOKS
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict, Tracking
from glassbridge.walk.firewall.outcomes import Outcome
from glassbridge.walk.firewall.sight import Sight

_NAT_PRIORITY: Final = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
_OF_IP: Final = ("ip", "ip6")
_OF_INET: Final = (*_OF_IP, "netdev")


def pass_hook(namespace: Namespace, call: HookCall, tracking: Tracking | None) -> HookResult:
    """What all chains of a hook do with a packet, and what conntrack then knows of it."""
    return _Passing(namespace, call, tracking).result()


class _Stage(Struct, frozen=True):
    """Something that the kernel calls at a hook."""

    priority: int
    run: Callable[[], bool]
    """False: the packet ended."""


class _Passing:
    """A packet on its way through one hook."""

    def __init__(self, namespace: Namespace, call: HookCall, tracking: Tracking | None) -> None:
        self._namespace, self._call = namespace, call
        self._packet = call.packet
        self._mark: int | None = call.packet.mark
        self._known, self._untracked = tracking, False
        self._tracking = tracking
        self._verdict = HookVerdict.ACCEPT
        self._decided_by: RuleRef | None = None
        self._matched: list[RuleRef] = []
        self._notes: list[str] = []
        self._translated: Translated | None = None
        self._answer = ""
        self._tracks = call.family in _OF_IP and conntrack.tracks(namespace, self._packet.version)
        self._connection = ""
        if self._is_first_sight:  # until conntrack has had its turn
            self._tracking = None
        elif self._tracks:
            self._connection = conntrack.state_of(call, tracking)

    @property
    def _is_first_sight(self) -> bool:
        return self._tracks and self._call.hook in FIRST_HOOKS and not self._is_looped

    @property
    def _is_looped(self) -> bool:
        """A packet that left by lo comes in again as it is, its connection with it."""
        iif = self._call.iif
        return self._known is not None and iif is not None and iif.is_loopback

    def result(self) -> HookResult:
        """Run every stage, in order."""
        for stage in sorted(self._stages(), key=lambda s: s.priority):
            if not stage.run():
                break
        return HookResult(
            verdict=self._verdict,
            packet=replace(self._packet, mark=self._mark or 0),
            tracking=self._settled(),
            connection=self._connection,
            decided_by=self._decided_by,
            matched=tuple(self._matched),
            translated=self._translated,
            assumptions=tuple(dict.fromkeys(self._notes)),
            answer=self._answer,
        )

    def _stages(self) -> Iterator[_Stage]:
        nat: list[tuple[ListedTable, ListedChain]] = []
        if self._is_first_sight:
            yield _Stage(conntrack.PRIORITY, self._track)
        for table, chain in self._base_chains():
            assert chain.hook is not None
            if chain.hook.type == "nat":
                nat.append((table, chain))
            else:
                yield _Stage(chain.hook.priority, partial(self._filter, table, chain))
        priority = _NAT_PRIORITY.get(self._call.hook)
        if self._tracks and priority is not None:
            yield _Stage(priority, lambda: self._translate(nat))

    def _base_chains(self) -> Iterator[tuple[ListedTable, ListedChain]]:
        call = self._call
        families = (call.family, "inet") if call.family in _OF_INET else (call.family,)
        for table in reversed(self._namespace.ruleset.tables):
            if table.family in families:
                for chain in reversed(table.chains):
                    if chain.hook is not None and _is_called(chain.hook, call):
                        yield table, chain

    def _track(self) -> bool:
        call = self._call
        if self._untracked:
            self._connection = conntrack.UNTRACKED
        elif self._known is None:
            self._tracking, self._connection = conntrack.begin(self._namespace, call)
        else:
            self._tracking = self._known
            self._connection = conntrack.state_of(call, self._known)
        return True

    def _filter(self, table: ListedTable, chain: ListedChain) -> bool:
        """One chain of type filter or route."""
        outcome = run_chain(table, chain, self._sight())
        self._take(outcome)
        self._untracked = self._untracked or outcome.state.untracked
        return outcome.verdict not in (HookVerdict.DROP, HookVerdict.REJECT)

    def _translate(self, chains: list[tuple[ListedTable, ListedChain]]) -> bool:
        tracking = self._tracking
        if tracking is None:
            return True
        if tracking.is_confirmed or self._call.is_reply or conntrack.is_error(self._call):
            self._become(conntrack.follow(self._call, self._packet, tracking), "connection", None)
            return True
        for table, chain in sorted(chains, key=lambda c: c[1].hook.priority if c[1].hook else 0):
            outcome = run_chain(table, chain, self._sight())
            self._take(outcome)
            if outcome.verdict in (HookVerdict.DROP, HookVerdict.REJECT):
                return False
            if outcome.nat is not None:
                self._become(outcome.nat.of(self._packet), outcome.nat.kind, outcome.decided_by)
                break
        return True

    def _become(self, packet: Packet, kind: str, rule: RuleRef | None) -> None:
        before, self._packet = self._packet, packet
        if packet != before:
            self._translated = Translated(kind=kind, before=before, after=packet, rule=rule)
        if self._tracking is not None and rule is not None:
            self._tracking = replace(self._tracking, translated=packet)

    def _take(self, outcome: Outcome) -> None:
        """Keep what a chain said; a drop outweighs what is unknown, a rule a policy."""
        self._matched += outcome.matched
        self._notes += outcome.assumptions
        self._mark = outcome.state.mark
        if self._tracking is not None:
            self._tracking = replace(self._tracking, mark=outcome.state.ct_mark)
        match outcome.verdict:
            case HookVerdict.ACCEPT:
                is_rule = not outcome.is_policy and outcome.nat is None
                if self._verdict is HookVerdict.ACCEPT and is_rule:
                    self._decided_by = outcome.decided_by
            case HookVerdict.UNKNOWN:
                if self._verdict is HookVerdict.ACCEPT:
                    self._verdict, self._decided_by = outcome.verdict, outcome.decided_by
            case HookVerdict.DROP | HookVerdict.REJECT:
                self._verdict, self._decided_by = outcome.verdict, outcome.decided_by
                self._answer = outcome.answer

    def _sight(self) -> Sight:
        return Sight(
            namespace=self._namespace,
            call=self._call,
            packet=self._packet,
            mark=self._mark,
            connection=self._connection,
            tracking=self._tracking,
        )

    def _settled(self) -> Tracking | None:
        """What conntrack knows when the hook is passed: a connection counts from its last hook."""
        tracking, call = self._tracking, self._call
        if tracking is None:
            return None
        if call.is_reply and not conntrack.is_error(call):
            tracking = replace(tracking, is_replied=True)
        if call.hook in LAST_HOOKS and self._verdict is not HookVerdict.DROP:
            tracking = replace(tracking, is_confirmed=True)
        return tracking


def _is_called(hook: ListedHook, call: HookCall) -> bool:
    """Chains of ingress and egress are called by their own links alone."""
    link = call.iif or call.oif
    if hook.hook != call.hook or call.family != "netdev" or link is None:
        return hook.hook == call.hook
    return any(fnmatchcase(link.ifname, device) for device in hook.devices)
