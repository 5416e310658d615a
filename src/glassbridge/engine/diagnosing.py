"""What `doctor` does: read everything, look at the state, and predict walks that should arrive."""

from glassbridge.engine.targets import Surveyed
from glassbridge.errors import NotFound
from glassbridge.model.finding import Diagnosis
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.doctor.diagnosis import examine
from glassbridge.walk.doctor.surroundings import bridges


def diagnose(survey: Surveyed, name: str = "", recorded: str = "") -> Diagnosis:
    """Look at the whole host, or at what concerns one container, network or bridge.

    Raises NotFound when there is nothing of that name, and what Surveyed.resolve does.
    """
    survey.read_all()
    called = _called(survey, name) if name else ""
    found = examine(survey.snapshot, called)
    counts = (
        (found.switches, "bridge"),
        (found.stacks, "namespace"),
        (len(found.ways), "path"),
    )
    return Diagnosis(
        findings=found.findings,
        looked_at=", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts),
        unexamined=found.unexamined,
        recorded=recorded,
    )


def _called(survey: Surveyed, name: str) -> str:
    """As findings call it."""
    snapshot = survey.snapshot
    if name in _names_of_switches(snapshot):
        return name
    target = survey.resolve(name)
    if target.cookie is None:
        raise NotFound(f"{name} is not on this host", hint="glassbridge topology shows every name")
    return snapshot.call(target.cookie)


def _names_of_switches(snapshot: Snapshot) -> set[str]:
    networks = (word for n in snapshot.networks for word in (n.name, n.bridge))
    return {*networks, *(bridge.link.ifname for bridge in bridges(snapshot))}
