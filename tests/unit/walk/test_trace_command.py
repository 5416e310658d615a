"""The command `trace`: what it asks the engine, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit import walk_story
from tests.unit.walk import reports

from glassbridge.app.cli.main import run_command_line
from glassbridge.engine import tracing
from glassbridge.engine.trace_options import TraceOptions
from glassbridge.errors import NotFound
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.report import TraceReport
from glassbridge.model.snapshot import Snapshot


class Tracer:
    """Stands where the engine is: keeps the question, and answers with a report made by hand."""

    def __init__(self) -> None:
        self.answer: TraceReport | BaseException = reports.delivered()
        self.asked: list[tuple[FlowWish, TraceOptions]] = []

    def trace(self, _survey: object, wish: FlowWish, options: TraceOptions) -> TraceReport:
        self.asked.append((wish, options))
        if isinstance(self.answer, TraceReport):
            return self.answer
        raise self.answer


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tracer:
    tracer = Tracer()
    nothing = Snapshot(home=1, namespaces={}, taken=1.0, kernel="6.18")
    host = SimpleNamespace(snapshot=nothing)
    monkeypatch.setenv("GLASSBRIDGE_RUN_DIR", str(tmp_path))  # where no daemon is
    monkeypatch.setattr(tracing, "trace", tracer.trace)
    monkeypatch.setattr("glassbridge.app.cli.trace.survey_of", lambda *_: host)
    return tracer


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (reports.delivered, 0),
        (reports.dropped_by_us, 1),
        (reports.reply_lost, 1),
        (reports.disagreeing, 2),
        (reports.insufficient, 3),
    ],
)
def test_the_exit_code_is_the_verdict(
    made: Any, code: int, tracer: Tracer, capsys: pytest.CaptureFixture[str]
) -> None:
    tracer.answer = made()
    for flags in ([], ["--tree"], ["--json"]):
        assert run_command_line(["trace", "nginx-1", "nginx-2:80", *flags]) == code
        shown = capsys.readouterr()
        assert shown.err == ""
        assert shown.out


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotFound("no such container: ghost", hint="glassbridge ps"), "no such container: ghost"),
        (RuntimeError("a fault of ours"), "RuntimeError: a fault of ours"),
    ],
)
def test_an_error_is_no_verdict(
    error: Exception, words: str, tracer: Tracer, capsys: pytest.CaptureFixture[str]
) -> None:
    tracer.answer = error
    assert run_command_line(["trace", "ghost", "nginx-2"]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err


def test_an_interrupt_keeps_its_code(tracer: Tracer) -> None:
    tracer.answer = KeyboardInterrupt()
    assert run_command_line(["trace", "nginx-1", "nginx-2", "--live"]) == 130


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "missing argument 'SRC'"),
        ("a", "missing argument 'DST[:PORT]'"),
        ("a b c", "unexpected extra argument"),
        ("a b --frob", "no such option"),
        ("a b:x", "'x' is not a port number"),
        ("a b --proto sctp", "'sctp'"),
        ("a b --ttl 0", "0 is not in the range"),
        ("a b --count 0", "0 is not in the range"),
        ("a b -4 -6", "-4 cannot be combined with -6"),
        ("a b --tree --json", "--tree cannot be combined with --json"),
        ("a b --live --no-probe", "--live cannot be combined with --no-probe"),
        ("a b --state f --pcap g", "--pcap cannot be combined with --state"),
        ("a b --no-probe --count 2", "--count cannot be combined with --no-probe"),
        ("a b --full", "--full is about --pcap"),
        ("a ::1 -4", "::1 is an IPv6 address, not IPv4"),
    ],
)
def test_bad_usage_is_no_verdict(
    arguments: str, words: str, tracer: Tracer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["trace", *arguments.split()]) == 4
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert words in shown.err
    assert not tracer.asked


def test_every_flag_arrives(tracer: Tracer) -> None:
    line = (
        "trace web [fd00::3]:53 --proto UDP -6 -I fd00::2 --source-port 7 --size 900 --ttl 3 "
        "--count 3 --timeout 2.5"
    )
    assert run_command_line(line.split()) == 0
    [(wish, options)] = tracer.asked
    assert (wish.transport, wish.port, wish.version) == (Transport.UDP, 53, 6)
    assert str(wish.source_address) == "fd00::2"
    assert (wish.source_port, wish.size, wish.ttl) == (7, 900, 3)
    assert (options.probe, options.live, options.count, options.timeout) == (True, False, 3, 2.5)
    assert not options.recorded


@pytest.mark.parametrize(
    ("flags", "probe", "live", "timeout"),
    [("", True, False, 1), ("--no-probe", False, False, 1), ("--live", False, True, 60),
     ("--state sick.snapshot", False, False, 1)],
)  # fmt: skip
def test_what_is_sent(flags: str, probe: bool, live: bool, timeout: float, tracer: Tracer) -> None:
    assert run_command_line(["trace", "web", "db", *flags.split()]) == 0
    options = tracer.asked[0][1]
    assert (options.probe, options.live, options.timeout) == (probe, live, timeout)
    assert ("sick.snapshot" in options.recorded) == ("--state" in flags)


def test_json_is_alone_on_stdout(
    tracer: Tracer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "walk.svg"
    assert run_command_line(["trace", "web", "db", "--json", "--svg", str(picture)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["verdict"] == "DELIVERED"
    assert shown.err == f"written: {picture}\n"
    assert picture.read_text().lstrip().startswith("<")


def test_a_file_that_cannot_be_written_is_told_after_the_walk(
    tracer: Tracer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["trace", "web", "db", "--svg", "/nowhere/at/all.svg"]) == 4
    shown = capsys.readouterr()
    assert "DELIVERED" in shown.out
    assert "/nowhere/at/all.svg cannot be written" in shown.err


def test_help_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["trace", "--help"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "0    delivered",
        "1    dropped",
        "2    prediction",
        "3    insuff",
        "4    no answer",
    ):
        assert words in shown


def test_no_file_is_called_dash(tracer: Tracer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["trace", "a", "b", "--pcap", "-"]) == 4
    assert "- is no file" in capsys.readouterr().err
    assert not tracer.asked


def test_a_capture_is_for_its_owner_alone(tracer: Tracer, tmp_path: Path) -> None:
    tracer.answer = replace(walk_story.delivered(), snapshot=walk_story.snapshot())
    path = tmp_path / "walk.pcapng"
    assert run_command_line(["trace", "a", "b", "--pcap", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
