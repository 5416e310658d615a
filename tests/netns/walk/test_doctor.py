"""What doctor finds on real hosts: each breakage, its fix run as printed, and silence after."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.netns.walk.breakages import chain
from tests.netns.walk.prediction_stage import A, B, C, PORT, Stage

from glassbridge.engine.diagnosing import diagnose
from glassbridge.engine.snapshot_files import read_snapshot, write_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.engine.survey import Survey
from glassbridge.model.finding import Diagnosis, Finding, FindingCode, Severity
from glassbridge.model.walk import Cause


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    yield made
    made.close()


def examine(name: str = "") -> Diagnosis:
    return diagnose(Survey(), name)


def told(diagnosis: Diagnosis) -> str:
    return "\n".join(
        f"{f.severity} {f.code} {f.cause} {f.where.name} {f.where.ifname}: {f.sentence}\n"
        f"   {[(e.what, e.says) for e in f.evidence]}\n   {f.fix} {f.fix_note}\n   {f.breaks}"
        for f in diagnosis.findings
    )


def test_a_healthy_host_gives_nothing(stage: Stage) -> None:
    found = examine()
    assert not found.findings, told(found)
    assert found.looked_at == "2 bridges, 4 namespaces, 13 paths"
