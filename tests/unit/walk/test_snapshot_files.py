"""A snapshot in a file: the same value comes back, and what is no snapshot is told apart."""

from __future__ import annotations

import gzip
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.walk.any_value import any_value
from tests.unit.walk.topologies import two_networks

from glassbridge.engine.snapshot_files import describe_snapshot, read_snapshot, write_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.errors import InvalidRequest, NotFound, Unsupported
from glassbridge.model.address import from_json, to_json
from glassbridge.model.ruleset import Ruleset
from glassbridge.model.snapshot import Connection, Published, Snapshot

WORLD = two_networks().snapshot(taken=1795000000.0, kernel="6.18.44", unreadable=("web: gone",))


@pytest.mark.parametrize("name", ["state.json", "state.json.gz"])
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_snapshot(WORLD, str(path))
    assert read_snapshot(str(path)) == WORLD
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [name], "nothing half-written is left beside it"


@given(any_value(Ruleset), st.lists(any_value(Connection), max_size=3), any_value(Published))
def test_any_rules_connections_and_ports_survive(
    ruleset: Ruleset, connections: list[Connection], published: Published
) -> None:
    cookie, namespace = next(iter(WORLD.namespaces.items()))
    changed = replace(namespace, ruleset=ruleset, connections=tuple(connections))
    snapshot = replace(WORLD, namespaces={cookie: changed}, published=(published,))
    assert from_json(to_json(snapshot), Snapshot) == snapshot


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("x" * 10_000_000)
    write_snapshot(WORLD, str(path))
    assert read_snapshot(str(path)) == WORLD


def test_a_device_is_written_to_not_replaced() -> None:
    write_snapshot(WORLD, "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_stdout_is_a_dash(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_snapshot(WORLD, "-")
    assert from_json(capfdbinary.readouterr().out, Snapshot) == WORLD


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"write snapshot .*No such file or directory"):
        write_snapshot(WORLD, str(tmp_path / "absent" / "state.json"))


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (b"", InvalidRequest, "is no snapshot of glassbridge: Input data was truncated"),
        (b"PNG", InvalidRequest, "is no snapshot of glassbridge"),
        (b"[]", InvalidRequest, "is no snapshot of glassbridge"),
        (b"{}", InvalidRequest, "it names no schema"),
        (b'{"schema": "walk/1"}', InvalidRequest, "its schema is 'walk/1'"),
        (b'{"schema": "snapshot/2"}', Unsupported, "it is of schema snapshot/2"),
        (b'{"schema": "snapshot/1"}', InvalidRequest, "missing required field `home`"),
        (to_json(WORLD)[:-100], InvalidRequest, "truncated"),
        (gzip.compress(to_json(WORLD))[:-100], InvalidRequest, "it is cut off or damaged"),
        (b"\x1f\x8bnonsense", InvalidRequest, "read snapshot"),
        (to_json(WORLD).replace(b"172.17.0.2/16", b"172.17.0.2/99"), InvalidRequest, "no snapshot"),
        (b"\xff\xfe\x00", InvalidRequest, "no snapshot"),
    ],
)
def test_what_is_no_snapshot_is_told(
    tmp_path: Path, body: bytes, error: type[Exception], told: str
) -> None:
    path = tmp_path / "state"
    path.write_bytes(body)
    with pytest.raises(error, match=told):
        read_snapshot(str(path))


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_snapshot(str(tmp_path / "absent"))
    with pytest.raises(InvalidRequest, match="Is a directory"):
        read_snapshot(str(tmp_path))


def test_it_says_where_it_is_from() -> None:
    told = describe_snapshot(WORLD, "sick.json")
    assert told.startswith("sick.json, taken 2026-11-1")
    assert told.endswith(" on kernel 6.18.44")


def test_keys_are_the_published_ones() -> None:
    told = json.loads(to_json(WORLD))
    assert told["schema"] == "snapshot/1"
    assert {"home", "namespaces", "names", "networks", "published", "taken"} <= told.keys()


def test_a_file_is_looked_at_without_the_kernel(tmp_path: Path) -> None:
    """As on a system that is not Linux: no module that needs it is even imported."""
    path = tmp_path / "state.json"
    write_snapshot(WORLD, str(path))
    program = f"""
import sys
from glassbridge.engine.snapshot_files import read_snapshot
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.engine.stacks import look_at_bridges, look_at_stack
survey = StoredSurvey(read_snapshot({str(path)!r}))
look_at_stack("nginx-1", survey)
look_at_bridges("", survey)
print(sorted(m for m in sys.modules if m.startswith("glassbridge.kernel.")))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert told.stderr == ""
    assert told.stdout == "[]\n"


def test_reading_more_of_a_file_changes_nothing() -> None:
    survey = StoredSurvey(WORLD)
    survey.read([99])
    survey.read_all()
    assert survey.snapshot == WORLD
