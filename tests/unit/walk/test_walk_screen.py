"""The walk as people read it: to the letter for known reports, within bounds for any."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.walk.any_value import any_report
from tests.unit.walk.reports import (
    ALL_SPOKE,
    EVERY,
    delivered,
    disagreeing,
    dropped_by_us,
    insufficient,
    predicted,
    published,
    reply_lost,
    unanswered,
)

from glassbridge.app.cli import columns, table
from glassbridge.app.cli.columns import SCREEN, cut, fit, fold, shorten
from glassbridge.app.cli.shell_lines import shell_lines
from glassbridge.app.cli.walk_rows import DROPPED, Row, walk_rows
from glassbridge.app.cli.walk_screen import _table, walk_screen
from glassbridge.app.cli.walk_tree import walk_tree
from glassbridge.app.cli.words import elapsed
from glassbridge.model.report import Seen, TraceReport
from glassbridge.model.step_details import HookPassed
from glassbridge.model.walk import Fact

GOLDEN = Path(__file__).parents[2] / "golden" / "walk"
SLOW = settings(
    max_examples=50, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.filter_too_much],
)  # fmt: skip


def check_golden(name: str, text: str) -> None:
    """Compare with the file, or write it anew: GOLDEN=write pytest ..., then read the diff."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{text}\n")
    assert text + "\n" == file.read_text()


@pytest.mark.parametrize("name", EVERY)
def test_a_known_report_reads_as_it_should(name: str) -> None:
    check_golden(name, walk_screen(EVERY[name]()))


@pytest.mark.parametrize("name", ["delivered", "dropped_by_us", "disagreeing"])
def test_a_known_tree_reads_as_it_should(name: str) -> None:
    check_golden(f"{name}.tree", walk_tree(EVERY[name]()))


@SLOW
@given(any_report())
def test_any_report_fits_the_screen(report: TraceReport) -> None:
    for text in (walk_screen(report), walk_tree(report)):
        for line in text.split("\n"):
            assert columns.columns(line) <= SCREEN
            assert all(map(str.isprintable, line))


@SLOW
@given(any_report())
def test_any_report_is_ascii_where_the_terminal_is(report: TraceReport) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "is_unicode", lambda: False)
        for text in (walk_screen(report), walk_tree(report)):
            assert text.isascii()
            assert all(len(line) <= SCREEN for line in text.split("\n"))


@SLOW
@given(any_report())
def test_every_hop_is_in_one_row(report: TraceReport) -> None:
    """Unless the reply was not even begun."""
    hops = [replace(hop, n=n) for n, hop in enumerate(report.hops, start=1)]
    there = [hop.n for hop in hops if not hop.step.is_reply]
    back = [hop.n for hop in hops if hop.step.is_reply]
    ordered = [hops[n - 1] for n in (*there, *back)]
    numbered = replace(report, hops=tuple(replace(h, n=n) for n, h in enumerate(ordered, 1)))
    told: list[int] = []
    for row in walk_rows(numbered):
        first, _, last = row.number.partition("-")
        told += range(int(first), int(last or first) + 1) if first else []
    unreached = all(h.seen is Seen.NOT_REACHED for h in numbered.hops[len(there) :])
    expected = range(1, len(there if unreached else hops) + 1)
    assert told == list(expected)


def rows_of(report: TraceReport) -> list[Row]:
    return list(walk_rows(report))


def test_only_the_dropped_hop_is_marked_as_such() -> None:
    assert [row.mark for row in rows_of(dropped_by_us())] == ["="] * 6 + ["X"]


def test_the_rule_that_drops_is_told_with_its_place() -> None:
    shown = walk_screen(dropped_by_us())
    assert 'inet glassbridge forward, handle 14: "between networks: drop" (glassbridge)' in shown


def test_a_prediction_claims_no_sighting() -> None:
    report = predicted()
    assert {row.mark for row in rows_of(report)} == {""}
    shown = walk_screen(report)
    assert "predicted only" in shown
    assert "observed" not in shown
    assert "story.snapshot" in shown


def test_a_legend_stands_only_where_there_is_something_to_explain() -> None:
    assert "predicted and seen" not in walk_screen(delivered())
    assert "! seen otherwise than predicted  + seen, but not predicted" in walk_screen(
        disagreeing()
    )


def test_the_answer_has_its_own_time() -> None:
    row = rows_of(delivered())[2]
    assert row.what == "answered 02:42:ac:11:00:03"
    assert row.us == pytest.approx(31)


def test_hooks_that_pass_a_packet_share_a_row() -> None:
    report = delivered()
    hook = report.hops[6]
    assert isinstance(hook.step.detail, HookPassed)
    post = replace(hook.step, detail=replace(hook.step.detail, hook="postrouting"))
    hops = [*report.hops[:7], replace(hook, n=8, step=post)]
    hops += [replace(hop, n=hop.n + 1) for hop in report.hops[7:]]
    told = [row for row in rows_of(replace(report, hops=tuple(hops))) if row.number == "7-8"]
    assert [row.what for row in told] == [
        "firewall: 2 hooks passed, last rule inet glassbridge forward #9"
    ]


def test_a_hook_that_was_seen_otherwise_hides_in_no_row() -> None:
    report = delivered()
    hops = list(report.hops)
    hops[4] = replace(hops[4], seen=Seen.DIFFERS, differs="verdict drop")
    told = rows_of(replace(report, hops=tuple(hops)))
    assert [(row.number, row.mark) for row in told[5:7]] == [("5", "!"), ("", "")]
    assert told[6].what == "seen: verdict drop"


def test_the_reply_is_one_row_only_when_nothing_happened() -> None:
    assert rows_of(delivered())[-1].what == "reply came back the same way"
    assert rows_of(published())[-1].what == "reply came back the same way, translated back"
    lost = rows_of(reply_lost())
    assert [row.mark for row in lost[-4:]] == ["", "=", "=", "X"]
    assert lost[-4].what == "the reply, nginx-2 -> nginx-1:"
    assert "REPLY DROPPED at 13" in walk_screen(reply_lost())


def test_a_reply_by_another_way_is_told_step_by_step() -> None:
    report = delivered()
    hops = tuple(hop for hop in report.hops if hop.n != 12)
    assert "the same way" not in walk_screen(replace(report, hops=hops))


def test_who_was_silent_says_why() -> None:
    shown = walk_screen(unanswered())
    assert "silent: tracepoints (not permitted in a user namespace)" in shown
    assert "1 event lost" in shown
    assert "silent" not in walk_screen(replace(delivered(), witnesses=ALL_SPOKE))


def test_colour_only_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, made in EVERY.items():
        bare = walk_screen(made())
        with monkeypatch.context() as patch:
            patch.setattr(table, "is_styled", lambda: True)
            patch.setattr("glassbridge.app.cli.blocks.is_styled", lambda: True)
            styled = walk_screen(made())
        assert "\033[" not in bare
        assert "\033[1;" in styled
        assert re.sub(r"\033\[[\d;]*m", "", styled) == bare, name


def test_names_from_outside_cannot_command_the_terminal() -> None:
    report = dropped_by_us()
    assert report.cause is not None
    evil = replace(report.cause, sentence="\033[2J\nall\tis well\r", fix=("rm\x1b[A x",))
    shown = walk_screen(replace(report, cause=evil, title="a\033]0;x\007 -> b"))
    assert all(c.isprintable() or c == "\n" for c in shown)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0 us"), (81.4, "81 us"), (9999, "9999 us"), (12345, "12.3 ms"), (3_100_000, "3.1 s"),
     (600_000_000, "600 s")],
)  # fmt: skip
def test_a_time_is_said_in_its_unit(microseconds: float, text: str) -> None:
    assert elapsed(microseconds) == text


# -- text in columns


@given(st.text(), st.integers(1, 60))
def test_text_is_cut_to_its_width(text: str, width: int) -> None:
    for short in (cut(text, width), fit(text, width), shorten(text, width)):
        assert columns.columns(short) <= width
        if columns.columns(text) <= width:
            assert short == text


@given(st.text(), st.integers(2, 60))
def test_folding_loses_nothing(text: str, width: int) -> None:
    lines = list(fold(text, width))
    assert all(columns.columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_names_give_way_before_addresses() -> None:
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    name = "customer-portal-production-frontend"
    assert fit(f"{name} {address}", 60) == f"customer-p…n-frontend {address}"
    assert fit(f"{name} {address}", 30) == "custo…ntend 2001:db8:…555:6666"


def test_a_mac_and_an_ipv4_address_are_never_shortened() -> None:
    text = "FDB 02:42:ac:11:00:03 -> port 2 172.17.0.3/16"
    assert fit(text, 30) == "FDB 02:42:ac:11:00:03 -> port…"


# -- commands to be copied


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("sysctl -w net.ipv4.ip_forward=1", ["sysctl -w net.ipv4.ip_forward=1"]),
        ("nft delete rule inet filter forward handle 14",
         ["nft delete rule inet \\", "    filter forward handle \\", "    14"]),
        ("echo 'a long text that stays in one' x",
         ["echo \\", "    'a long text that stays in one' \\", "    x"]),
        ("it's 'not closed", ["it's 'not closed"]),
    ],
)  # fmt: skip
def test_a_command_is_broken_as_a_shell_reads_it(command: str, lines: list[str]) -> None:
    width = 60 if command.startswith("sysctl") else 28
    assert list(shell_lines(command, width)) == lines


# -- what a trace of real containers taught


def test_a_dropping_hook_is_told_although_silent_ones_precede_it() -> None:
    report = dropped_by_us()
    last = report.hops[-1]
    silent = replace(last, step=replace(delivered().hops[4].step, place=last.step.place))
    assert isinstance(silent.step.detail, HookPassed)
    hops = (*report.hops[:-1], silent, replace(last, n=8))
    row = rows_of(replace(report, hops=hops))[-1]
    assert (row.number, row.mark) == ("7-8", "X")
    assert row.what == "firewall: dropped by inet glassbridge forward #14"


def test_without_a_packet_nothing_is_called_observed() -> None:
    report = delivered()
    assert report.observation is not None
    only_asked = replace(report.observation, packet=None, sightings=(), answer=None)
    report = replace(report, observation=only_asked, witnesses=ALL_SPOKE[:1], round_trip_us=None)
    shown = walk_screen(report)
    assert "predicted; kernel look-ups agree" in shown
    assert shown.endswith("predicted; seen by kernel look-ups; no packet was sent")
    assert "reply comes back the same way" in shown


def test_the_rule_stands_in_the_report_once() -> None:
    report = dropped_by_us()
    assert report.cause is not None
    rule = Fact(what="rule", says="iifname @bridges oifname @bridges drop")
    cause = replace(report.cause, evidence=(rule, *report.cause.evidence))
    assert walk_screen(replace(report, cause=cause)) == walk_screen(report)


def test_a_head_that_nearly_fits_stays_on_one_line() -> None:
    report = replace(delivered(), title="x" * 50, agrees=False)
    assert len(walk_screen(report).split("\n")[0]) <= SCREEN
    assert "DELIVERED" in walk_screen(report).split("\n")[0]


def test_a_packet_that_was_seen_is_not_called_predicted_only() -> None:
    """What cannot be predicted leaves nothing to compare; it was sent all the same."""
    sent = replace(insufficient(), observation=delivered().observation, witnesses=ALL_SPOKE)
    shown = walk_screen(sent)
    assert "predicted only" not in shown
    assert "no packet was sent" not in shown
    assert "predicted only" in walk_screen(insufficient())


def test_no_word_is_cut_of_the_row_at_which_it_ended() -> None:
    rows = list(_table([Row("7", "host", "word " * 30 + "end", DROPPED), Row("8", "b", "x" * 200)]))
    assert sum(line.count("word") for line in rows) == 30
    assert any(line.split()[-1] == "end" for line in rows if line)
    assert max(map(len, rows)) <= 100


def test_a_rule_in_one_word_that_is_too_wide_is_told_without_its_quotes() -> None:
    rule = "add rule inet fw input ip saddr 172.18.0.2 ip daddr 172.18.0.1 meta l4proto icmp accept"
    lines = list(shell_lines(f"nft '{rule}'", 92))
    assert max(map(len, lines)) <= 92
    assert " ".join(line.rstrip("\\").strip() for line in lines) == f"nft {rule}"
    assert list(shell_lines(f"sh -c '{rule}'", 92))[-1].endswith(f"'{rule}'"), "one word of sh"
