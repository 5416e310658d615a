"""Paths walked by prediction: which of them end, why, and whether somebody meant them to."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.finding import Severity
from glassbridge.model.packet import Question, Transport
from glassbridge.model.report import Explanation
from glassbridge.model.ruleset import Backend, Origin, Translate
from glassbridge.model.snapshot import Published, Snapshot
from glassbridge.model.step_details import Place, Translated
from glassbridge.model.walk import Disposition, Step, Walk
from glassbridge.walk.causes.explaining import explain
from glassbridge.walk.doctor.paths import Path
from glassbridge.walk.evidence.merge import merge
from glassbridge.walk.firewall.owners import owner_of
from glassbridge.walk.fixes.by_cause import mend
from glassbridge.walk.fixes.firewall import delete_rule
from glassbridge.walk.fixes.mending import Case
from glassbridge.walk.predict import predict

_OF_THE_PROGRAM = frozenset(
    (
        Cause.NO_LISTENER,
        Cause.LOOPBACK_LISTENER,
        Cause.OTHER_ADDRESS_LISTENER,
        Cause.LISTEN_QUEUE_FULL,
    )
)
"""The network did its part: whether something listens is not its business."""

_MEANT = frozenset(
    (
        Cause.ICC_OFF,
        Cause.INTERNAL_NETWORK,
        Cause.NETWORKS_APART,
        Cause.DIRECT_ROUTING,
        Cause.SENDER_FIREWALL,
    )
)
"""Closed on purpose by an engine's option, or by rules about what a sender may send."""

_OF_FIREWALLS = frozenset(
    (
        Cause.FIREWALL_DROP,
        Cause.FIREWALL_REJECT,
        Cause.FIREWALL_POLICY,
        Cause.BRIDGE_NETFILTER,
    )
)
_OF_ENGINES = (Origin.DOCKER, Origin.PODMAN, Origin.KUBERNETES, Origin.GLASSBRIDGE)
_ANY_PORT = 443


WRITES_ANEW = {
    Origin.GLASSBRIDGE: ("glassbridge up", "the daemon loads its rules when it starts"),
    Origin.DOCKER: ("systemctl restart docker", "dockerd writes its rules when it starts"),
    Origin.PODMAN: ("podman network reload --all", "writes the rules of all containers anew"),
}
"""What has an engine write its rules once more."""


class Broken(Struct, frozen=True, kw_only=True):
    """A path that ends on the way."""

    path: Path
    explanation: Explanation
    where: Place
    """Where it is to be mended."""
    severity: Severity = Severity.PROBLEM
    takes_out: bool = False
    """The fix is to delete the rule that ends it."""


class Unpredicted(Struct, frozen=True, kw_only=True):
    """A path of which nobody can know."""

    path: Path
    why: str


class Strayed(Struct, frozen=True, kw_only=True):
    """A path that arrives, and at somebody else's."""

    path: Path
    walk: Walk
    end: Step
    """Where it arrives; of a port that is led away, the translation that does it."""


Fate = Broken | Unpredicted | Strayed


def walked(unacquainted: Snapshot, acquainted: Snapshot, ways: Sequence[Path]) -> Iterator[Fate]:
    """Every path that does not arrive where it should."""
    for path in ways:
        snapshot = unacquainted if path.is_first else acquainted
        fate = _walk(snapshot, path)
        if isinstance(fate, Broken) and _is_about_ping(fate, snapshot):
            continue
        if fate is not None:
            yield fate


def _walk(snapshot: Snapshot, path: Path) -> Fate | None:
    walk = predict(snapshot, path.question)
    assert isinstance(walk, Walk)  # nothing is missing from what is whole
    if walk.disposition is Disposition.INSUFFICIENT_INFO:
        return Unpredicted(path=path, why=walk.unknown)
    away = _led_away(walk, path.published) if path.published is not None else None
    if away is not None:
        return Strayed(path=path, walk=walk, end=away)
    if _is_beyond(walk, path):
        return None
    end = walk.request[-1] if walk.request else None
    is_astray = end is not None and path.target not in {None, end.place.cookie}
    arrives = walk.dropped is None and walk.disposition is Disposition.ACCEPTED
    explanation = None if arrives else explain(walk, merge(walk, None, snapshot), None, snapshot)
    if explanation is None or explanation.code in _OF_THE_PROGRAM:
        return Strayed(path=path, walk=walk, end=end) if is_astray and end is not None else None
    broken = Broken(
        path=path,
        explanation=explanation,
        where=_where(walk, explanation),
        severity=Severity.PROBLEM if explanation.is_certain else Severity.WARNING,
    )
    return None if _is_meant(snapshot, broken) else _mended_for_all(walk, broken, snapshot)


def _where(walk: Walk, explanation: Explanation) -> Place:
    """The drop's own place, unless something else was found behind it."""
    drop = walk.dropped.drop if walk.dropped is not None else None
    is_same = drop is not None and drop.cause is explanation.code
    return (drop.place if drop is not None and is_same else None) or explanation.where


def _led_away(walk: Walk, port: Published) -> Step | None:
    """The first translation, if it leads elsewhere than the engine believes."""
    for step in walk.request:
        if isinstance(step.detail, Translated) and step.detail.kind in {"dnat", "redirect"}:
            after = step.detail.after
            expected = (port.container_address, port.container_port)
            is_right = (after.destination, after.destination_port) == expected
            return None if is_right else step
    return None


def _is_beyond(walk: Walk, path: Path) -> bool:
    """It left this host, and what ends it there is another's."""
    dropped = walk.dropped
    is_outwards = path.target is None or path.question.source is None
    if dropped is None or not is_outwards:
        return False
    return dropped.place.cookie not in {path.question.source, path.router, path.target}


def _is_meant(snapshot: Snapshot, broken: Broken) -> bool:
    path, explanation = broken.path, broken.explanation
    origin = path.network.rules_of if path.network is not None else Origin.UNKNOWN
    code = explanation.code
    if code in _MEANT:
        return True
    if code is Cause.PORT_ISOLATED:
        # ours says so by icc; who isolates ports of another bridge does it by hand
        return origin is not Origin.GLASSBRIDGE
    if code is Cause.NO_MASQUERADE and not explanation.is_certain:
        return origin in _OF_ENGINES and _masquerades(snapshot, origin)
    if code not in _OF_FIREWALLS:
        return False
    ends = {path.question.source, path.target} - {path.router, None}
    rule = explanation.rule
    is_own = rule is not None and not rule.is_policy and rule.owner is origin
    return broken.where.cookie in ends or (is_own and origin in _OF_ENGINES)


def _masquerades(snapshot: Snapshot, origin: Origin) -> bool:
    """The engine's rules are there: a network that they leave out was made so."""
    return any(
        isinstance(statement, Translate)
        and statement.kind in {"masquerade", "snat"}
        and owner_of(table, chain, rule) is origin
        for table in snapshot.namespaces[snapshot.home].ruleset.tables
        for chain in table.chains
        for rule in chain.rules
        for statement in rule.statements
    )


def _mended_for_all(walk: Walk, broken: Broken, snapshot: Snapshot) -> Broken:
    """With the fix for whatever takes that way, where the packet's own would be too narrow."""
    explanation, step = broken.explanation, walk.dropped
    if explanation.rule is None or step is None or step.drop is None:
        return broken
    if step.drop.cause is not explanation.code:
        return broken
    case = Case(drop=step.drop, step=step, walk=walk, snapshot=snapshot, is_for_all=True)
    mending = mend(case)
    note = _of_engine(broken) or mending.note
    general = replace(explanation, fix=mending.commands, fix_note=note)
    takes_out = bool(mending.commands) and mending.commands == (
        delete_rule(case, explanation.rule),
    )
    return replace(broken, explanation=general, takes_out=takes_out)


def _of_engine(broken: Broken) -> str:
    """An engine lets its networks pass a chain of iptables: where it does not, its rules went."""
    network, rule = broken.path.network, broken.explanation.rule
    if network is None or rule is None or not rule.is_policy or rule.backend is Backend.NFT:
        return ""
    if network.rules_of is Origin.GLASSBRIDGE or network.rules_of not in WRITES_ANEW:
        return ""
    command, _ = WRITES_ANEW[network.rules_of]
    return (
        f"{network.rules_of}'s own rules for it are not there: {command} writes them anew; until "
        "then this lets it pass"
    )


def _is_about_ping(fate: Broken, snapshot: Snapshot) -> bool:
    """Firewalls and settings may refuse ping and nothing else."""
    asked = fate.path.question
    might_be = fate.explanation.code in {*_OF_FIREWALLS, Cause.NO_ANSWER}
    if asked.transport is not Transport.ICMP or not might_be:
        return False
    tcp = replace(fate.path, question=_by_tcp(snapshot, fate.path))
    return not isinstance(_walk(snapshot, tcp), Broken)


def _by_tcp(snapshot: Snapshot, path: Path) -> Question:
    ports = (
        [s.port for s in snapshot.namespaces[path.target].stack.sockets if s.protocol == "tcp"]
        if path.target is not None
        else []
    )
    port = ports[0] if ports else _ANY_PORT
    return replace(path.question, transport=Transport.TCP, destination_port=port)
