"""What a trace reports of what it has witnessed."""

from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.walk.witnessed import bridged

from glassbridge.engine import tracing
from glassbridge.engine.questions import Asked
from glassbridge.engine.targets import Target
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.model.observation import Observation
from glassbridge.model.packet import FlowWish, Question, Transport
from glassbridge.model.report import Verdict


def test_live_without_a_packet_is_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, walk = bridged()
    asked = Asked(
        question=Question(
            source=2,
            transport=Transport.TCP,
            destination=ip_address("172.17.0.3"),
            destination_port=80,
        ),
        source=Target(name="nginx-1", cookie=2),
        destination=Target(name="nginx-2", cookie=3),
    )
    nobody = Observation(packet=None, is_live=True)
    monkeypatch.setattr(tracing, "ask", lambda *_: asked)
    monkeypatch.setattr(tracing, "foresee", lambda *_: walk)
    monkeypatch.setattr(tracing, "_witness", lambda *_: [nobody])
    survey: Any = SimpleNamespace(snapshot=snapshot, name_owners=lambda _: None)
    wish = FlowWish(source="nginx-1", destination="nginx-2", transport=Transport.TCP, port=80)
    report = tracing.trace(survey, wish, TraceOptions(live=True, timeout=1.0))
    assert report.verdict is Verdict.INSUFFICIENT_INFO
    assert report.why_unknown == "no packet of this flow came in 1 s"
    assert report.cause is None
