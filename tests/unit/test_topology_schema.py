"""What `topology --json` answers keeps to its published schema."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from jsonschema import Draft202012Validator
from tests.unit.test_wiring import hosts

from glassbridge.model.address import to_json
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.wiring import wiring_of

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "docs" / "topology.schema.json").read_text())


@given(hosts(most=12))
def test_every_answer_keeps_to_it(snapshot: Snapshot) -> None:
    answer = json.loads(to_json(wiring_of(snapshot)))
    Draft202012Validator(SCHEMA).validate(answer)
    assert answer["schema"] == "topology/1"


def test_what_is_no_answer_is_refused() -> None:
    assert not Draft202012Validator(SCHEMA).is_valid({"schema": "topology/1", "roots": [{}]})
