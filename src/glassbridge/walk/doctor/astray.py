"""Paths that arrive at the wrong place: shadowed ports, missing rules, addresses of two owners."""

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Published, Snapshot
from glassbridge.model.step_details import Left, SocketFound, Translated
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.doctor.surroundings import mended, place
from glassbridge.walk.doctor.walking import WRITES_ANEW, Strayed
from glassbridge.walk.fixes.firewall import delete_rule
from glassbridge.walk.fixes.mending import ENGINES, Case, NoDoor


def astray(snapshot: Snapshot, fate: Strayed) -> Finding | None:
    """One path; None where a proxy of the engine's serves in the container's stead."""
    port = fate.path.published
    if port is None:
        return _elsewhere(snapshot, fate)
    if isinstance(fate.end.detail, Translated):
        return _shadowed(snapshot, fate, port, fate.end.detail)
    return _not_led(fate, port)


def _shadowed(snapshot: Snapshot, fate: Strayed, port: Published, by: Translated) -> Finding:
    after, rule = by.after, by.rule
    owner = f" of {rule.owner}" if rule is not None and rule.owner else ""
    facts = [Fact(what="published", says=f"{port.container_address}:{port.container_port}")]
    fix: tuple[str, ...] = ()
    note = "unpublish one of the two, or give one another host port"
    if rule is not None:
        where = f"{rule.family} {rule.table} {rule.chain}"
        facts.insert(0, Fact(what="rule", says=f"{where}: {rule.text}"))
    if rule is not None and rule.owner not in ENGINES:
        drop = Drop(cause=Cause.PORT_NOT_PUBLISHED, sentence="", rule=rule, place=fate.end.place)
        case = Case(drop=drop, step=fate.end, walk=fate.walk, snapshot=snapshot)
        try:
            fix, note = (delete_rule(case, rule),), f"takes the rule out; or {note}"
        except NoDoor:
            note = f"take the rule out; or {note}"
    return Finding(
        code=FindingCode.PORT_SHADOWED,
        severity=Severity.PROBLEM,
        where=fate.end.place,
        sentence=f"{fate.path.what} goes to {after.destination}:{after.destination_port}: "
        f"a rule{owner} takes it first",
        evidence=tuple(facts),
        fix=fix,
        fix_note=note,
        breaks=(fate.path.what,),
        concerns=fate.path.concerns,
    )


def _not_led(fate: Strayed, port: Published) -> Finding | None:
    """The host takes it for itself."""
    detail = fate.end.detail
    is_served = isinstance(detail, SocketFound) and detail.socket is not None
    if is_served and port.origin is not Origin.GLASSBRIDGE:
        return None
    command, note = WRITES_ANEW.get(port.origin, ("", f"{port.origin or 'whoever'} published it"))
    leads = f"{port.host_address}:{port.host_port} -> {port.container_address}"
    return Finding(
        code=FindingCode.RULES_MISSING,
        severity=Severity.PROBLEM,
        where=fate.end.place,
        sentence=f"{fate.path.what}: no rule leads it there, {fate.end.place.name} takes it",
        evidence=(
            Fact(what="published", says=f"{leads}:{port.container_port}"),
            Fact(what="rules that translate it", says="none"),
        ),
        fix=(command,) if command else (),
        fix_note=note,
        breaks=(fate.path.what,),
        concerns=fate.path.concerns,
    )


def _elsewhere(snapshot: Snapshot, fate: Strayed) -> Finding:
    end, address = fate.end, fate.path.question.destination
    facts = [Fact(what="destination", says=str(address))]
    if isinstance(end.detail, Left):
        facts.append(Fact(what="it leaves by", says=f"{end.place.ifname} of {end.place.name}"))
        return Finding(
            code=FindingCode.PATH_BROKEN,
            severity=Severity.PROBLEM,
            where=end.place,
            sentence=f"{fate.path.what}: it leaves {end.place.name} by {end.place.ifname} instead",
            evidence=tuple(facts),
            fix_note=f"find the route: ip route get {address}",
            breaks=(fate.path.what,),
            concerns=fate.path.concerns,
        )
    namespace = snapshot.namespaces[end.place.cookie]
    own = next((a for a in namespace.stack.addresses if a.interface.ip == address), None)
    link = namespace.stack.link(own.ifindex) if own is not None else None
    finding = Finding(
        code=FindingCode.DUPLICATE_ADDRESS,
        severity=Severity.PROBLEM,
        where=place(snapshot, namespace, link),
        sentence=f"{fate.path.what}: {end.place.name} takes it, for it has {address} as well",
        evidence=tuple(facts),
        fix_note=f"{end.place.name} gives the address up",
        breaks=(fate.path.what,),
        concerns=fate.path.concerns,
    )
    if own is None or link is None:
        return finding
    fact = Fact(what=f"addresses of {link.ifname}", says=str(own.interface))
    words = ("ip", "address", "del", str(own.interface), "dev", link.ifname)
    finding = replace(finding, evidence=(*facts, fact))
    return mended(snapshot, finding, (end.place.cookie, words))
