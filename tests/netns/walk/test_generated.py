"""Random hosts: delivered is what a real packet is, and prediction never differs from observation.

GENERATED=N tries N of them, at random, instead of the same few every time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, settings
from tests.netns.walk.generated_host import HOST, Flow, Plan, generated_host, plans
from tests.netns.walk.matrix_stage import told

from glassbridge.engine.survey import Survey
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.engine.tracing import trace
from glassbridge.model.packet import FlowWish
from glassbridge.model.report import TraceReport, Verdict

EXAMPLES = int(os.environ.get("GENERATED", "0"))


@settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # each try takes a second or two
    phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
)
@given(plan=plans())
def test_delivered_is_what_arrives(plan: Plan) -> None:
    with generated_host(plan) as host:
        if plan.has_talked:
            for flow in plan.flows:
                host.arrives(flow)
        for line in plan.changes:
            host.change(line)
        for flow in plan.flows:
            report = ask(flow)
            arrives = host.arrives(flow)
            expected = Verdict.DELIVERED if arrives else Verdict.DROPPED
            assert report.verdict is expected, f"{flow}\n{plan}\n{told(report)}"
            assert report.agrees is not False, f"{flow}\n{plan}\n{told(report)}"


def ask(flow: Flow) -> TraceReport:
    survey = Survey()
    source = HOST if flow.source == HOST else f"netns:/run/netns/{flow.source}"
    try:
        return trace(
            survey,
            FlowWish(
                source=source,
                destination=flow.to,
                transport=flow.transport,
                port=flow.port or None,
                size=flow.size or None,
                ttl=flow.ttl,
            ),
            TraceOptions(timeout=0.4),
        )
    finally:
        survey.close()
