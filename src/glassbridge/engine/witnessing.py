"""Have a packet on its walk witnessed on the live host, by all that can see it."""

from collections.abc import Sequence

from glassbridge.engine.observation_request import NEIGHBOUR_TIMEOUT, ObservationRequest
from glassbridge.engine.observing import observe_times
from glassbridge.engine.survey import Survey
from glassbridge.engine.trace_options import USUAL_TIMEOUT, TraceOptions
from glassbridge.kernel.nftrace import NftTrace
from glassbridge.kernel.rule_counters import RuleCounters
from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.kernel.witness import PacketWitness
from glassbridge.model.observation import Observation
from glassbridge.model.packet import Question
from glassbridge.model.ruleset import Backend
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.walk import Walk


def witness(
    survey: Survey, question: Question, walk: Walk, options: TraceOptions
) -> Sequence[Observation]:
    """Observe as often as asked for; raises GlassbridgeError where nothing can be sent or heard."""
    request = ObservationRequest(
        walk=walk,
        question=question,
        open_netns=survey.open,
        timeout=options.timeout,
        # whoever asks for haste does not wait for three questions
        neighbour_timeout=NEIGHBOUR_TIMEOUT if options.timeout >= USUAL_TIMEOUT else 0.0,
        is_live=options.live,
        is_whole=options.full,
        say=options.say,
    )
    every: list[PacketWitness] = [NftTrace(), Tracepoints()]
    if _has_legacy_rules(survey.snapshot):
        every.append(RuleCounters())
    return list(observe_times(request, every, options.count))


def _has_legacy_rules(snapshot: Snapshot) -> bool:
    return any(
        table.backend is Backend.IPTABLES_LEGACY
        for namespace in snapshot.namespaces.values()
        for table in namespace.ruleset.tables
    )
