"""The published schema is that of the answers, and answers keep to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from jsonschema import Draft202012Validator
from tests.unit.test_wiring import hosts

from glassbridge.model.address import to_json
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.wiring import wiring_of

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "docs" / "topology.schema.json").read_text())


def test_the_published_schema_is_that_of_the_types() -> None:
    script = ROOT / "scripts" / "topology_schema.py"
    checked = subprocess.run([sys.executable, script, "--check"], check=False)
    assert checked.returncode == 0, "run: python scripts/topology_schema.py"


@given(hosts(most=12))
def test_every_answer_keeps_to_it(snapshot: Snapshot) -> None:
    answer = json.loads(to_json(wiring_of(snapshot)))
    Draft202012Validator(SCHEMA).validate(answer)
    assert answer["schema"] == "topology/1"


def test_what_is_no_answer_is_refused() -> None:
    assert not Draft202012Validator(SCHEMA).is_valid({"schema": "topology/1", "roots": [{}]})
