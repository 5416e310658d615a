"""`trace --json`: every report is valid by the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.unit.walk.any_value import any_report
from tests.unit.walk.reports import EVERY, disagreeing, dropped_by_us, insufficient, predicted
from tests.unit.walk.test_walk_screen import SLOW

from glassbridge.app.walk_json import walk_json
from glassbridge.model.report import TraceReport

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "walk.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def told(report: TraceReport) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(walk_json(report))
    return decoded


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", EVERY)
def test_a_known_report_is_valid(name: str) -> None:
    VALIDATOR.validate(told(EVERY[name]()))


@SLOW
@given(any_report())
def test_any_report_is_valid(report: TraceReport) -> None:
    VALIDATOR.validate(told(report))


def test_the_schema_refuses_what_is_no_report() -> None:
    """So that the tests above can fail."""
    report = told(dropped_by_us())
    for wrong in (
        {**report, "verdict": "MAYBE"},
        {**report, "cause": {**report["cause"], "fix": "reboot"}},
        {key: value for key, value in report.items() if key != "hops"},
    ):
        assert not VALIDATOR.is_valid(wrong)


def test_the_promised_keys_are_there() -> None:
    report = told(dropped_by_us())
    assert report["schema"] == "walk/1"
    assert report["verdict"] == "DROPPED"
    cause = report["cause"]
    assert cause["code"] == "NETWORKS_APART"
    assert cause["fix"] == ["glassbridge network connect backend nginx-1"]
    assert cause["evidence"] == [{"what": "nftrace", "says": "verdict drop"}]
    assert cause["confidence"] == "certain"
    hop = report["hops"][cause["hop"] - 1]
    assert hop["n"] == cause["hop"]
    assert hop["kind"] == "firewall"
    assert hop["netns"] == {"cookie": 446, "inode": 4026530446, "name": "host"}
    assert hop["container"] is None
    assert hop["predicted"]["action"] == "DROPPED"
    assert hop["predicted"]["by"]["decided_by"]["handle"] == 14
    assert hop["observed"]["by"] == ["taps", "tracepoints"]
    assert hop["agree"] is True
    assert report["hops"][0]["container"] == {"name": "nginx-1"}


def test_what_nobody_saw_is_null() -> None:
    for hop in told(predicted())["hops"]:
        assert hop["observed"] is None
        assert hop["agree"] is None
    assert told(insufficient())["agree"] is None


def test_both_sides_of_a_disagreement_are_told() -> None:
    report = told(disagreeing())
    assert report["agree"] is False
    differs = next(hop for hop in report["hops"] if hop["seen"] == "differs")
    assert differs["agree"] is False
    assert differs["observed"]["action"] is None
    assert differs["observed"]["instead"].startswith("dropped: NETFILTER_DROP")
    stray = report["hops"][-1]
    assert stray["predicted"] is None
    assert stray["observed"]["us"] == 41.0
