"""The figures for people, and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import BurstRow, Check, CommandRow, NameRow, PeerRow, Row, TrafficRow
from bench.world import BUSY_WITH_OTHERS, Machine

_WIDTH = 34


def print_machine(machine: Machine) -> None:
    load = " ".join(f"{value:.2f}" for value in machine.load)
    print(
        f"Linux {machine.kernel}, {machine.cpus} CPUs, Python {machine.python}, load average {load}"
    )
    if machine.is_busy:
        print("WARNING: this machine is busy with something else; compare ratios only")


def print_disturbance(others_share: float) -> None:
    print(f"other processes had {others_share:.1%} of the CPUs meanwhile")
    if others_share > BUSY_WITH_OTHERS:
        print("WARNING: that is too much; run it again on a quiet machine")


def print_rows(rows: Sequence[Row]) -> None:
    if not rows:
        return
    print(
        f"\n{'':{_WIDTH}}{'n':>6}{'p50 us':>9}{'p99 us':>9}{'growth':>8}{'x floor':>9}{'per s':>8}"
    )
    for row in rows:
        per_second = "" if row.per_second is None else f"{row.per_second:.0f}"
        print(
            f"{row.label:{_WIDTH}}{row.n:>6}{row.p50_us:>9.0f}{row.p99_us:>9.0f}"
            f"{row.growth:>8.2f}{row.of_floor:>9.2f}{per_second:>8}"
        )


def print_commands(rows: Sequence[CommandRow]) -> None:
    if not rows:
        return
    print(
        f"\n{'a whole command':{_WIDTH}}{'present':>8}{'n':>4}{'p50 ms':>8}{'worst':>7}"
        f"{'CPU ms':>8}{'MB':>7}{'x tools':>9}"
    )
    for row in rows:
        of_tools = "" if row.of_tools is None else f"{row.of_tools:.2f}"
        print(
            f"{row.label:{_WIDTH}}{row.present:>8}{row.n:>4}{row.p50_ms:>8.0f}{row.worst_ms:>7.0f}"
            f"{row.cpu_ms:>8.0f}{row.peak_mb:>7.1f}{of_tools:>9}"
        )


def print_traffic(rows: Sequence[TrafficRow]) -> None:
    if not rows:
        return
    print(
        f"\n{'round trips of others, beside':{_WIDTH}}{'present':>8}{'p50 us':>8}{'p99 us':>8}"
        f"{'per s':>8}{'x p50':>7}{'x rate':>8}"
    )
    for row in rows:
        print(
            f"{row.beside:{_WIDTH}}{row.present:>8}{row.p50_us:>8.1f}{row.p99_us:>8.1f}"
            f"{row.per_second:>8.0f}{row.of_quiet_p50:>7.2f}{row.of_quiet_rate:>8.2f}"
        )


def print_names(rows: Sequence[NameRow]) -> None:
    if not rows:
        return
    print(
        f"\n{'answers to names, over UDP':{_WIDTH}}{'names':>8}{'n':>9}{'per s':>9}"
        f"{'per CPU s':>11}{'x dnsmasq':>11}"
    )
    for row in rows:
        print(
            f"{row.label:{_WIDTH}}{row.names:>8}{row.n:>9}{row.per_second:>9.0f}"
            f"{row.per_cpu_second:>11.0f}{row.of_peer:>11.2f}"
        )


def print_peers(rows: Sequence[PeerRow]) -> None:
    what = ""
    for row in rows:
        if row.what != what:
            print(
                f"\n{row.what:{_WIDTH}}{'present':>8}{'n':>4}{'p50 ms':>9}{'worst':>8}{'x ours':>8}"
            )
            what = row.what
        print(
            f"{row.label:{_WIDTH}}{row.present:>8}{row.n:>4}{row.p50_ms:>9.1f}"
            f"{row.worst_ms:>8.1f}{row.of_ours:>8.2f}"
        )


def print_bursts(rows: Sequence[BurstRow]) -> None:
    if not rows:
        return
    print(f"\n{'in a burst':{_WIDTH}}{'':12}{'n':>5}{'at once':>9}{'failed':>8}{'per s':>8}")
    for row in rows:
        print(
            f"{row.label:{_WIDTH}}{row.what:12}{row.n:>5}{row.workers:>9}{row.failed:>8}"
            f"{row.per_second:>8.1f}"
        )


def print_checks(checks: Sequence[Check]) -> None:
    print(f"\n{'':{_WIDTH}}{'measured':>12}{'target':>16}")
    for check in checks:
        aim = check.aim
        bound = f"{'>=' if aim.at_least else '<='} {aim.limit:g} {aim.unit}"
        verdict = "met" if check.is_met else "missed"
        print(f"{aim.label:{_WIDTH}}{check.measured:>12.2f}{bound:>16}  {verdict}")


def write_json(
    path: Path,
    machine: Machine,
    others_share: float,
    rows: Sequence[Row],
    commands: Sequence[CommandRow],
    traffic: Sequence[TrafficRow],
    names: Sequence[NameRow],
    peers: Sequence[PeerRow],
    bursts: Sequence[BurstRow],
    checks: Sequence[Check],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "others_share": others_share,
        "rows": [asdict(row) for row in rows],
        "commands": [asdict(row) for row in commands],
        "traffic": [asdict(row) for row in traffic],
        "names": [asdict(row) for row in names],
        "peers": [asdict(row) for row in peers],
        "bursts": [asdict(row) for row in bursts],
        "targets": [{**asdict(check), "met": check.is_met} for check in checks],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {path}")
