"""The figures for people, and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Check, Row
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
    print(
        f"\n{'':{_WIDTH}}{'n':>6}{'p50 us':>9}{'p99 us':>9}{'growth':>8}{'x floor':>9}{'per s':>8}"
    )
    for row in rows:
        per_second = "" if row.per_second is None else f"{row.per_second:.0f}"
        print(
            f"{row.label:{_WIDTH}}{row.n:>6}{row.p50_us:>9.0f}{row.p99_us:>9.0f}"
            f"{row.growth:>8.2f}{row.of_floor:>9.2f}{per_second:>8}"
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
    checks: Sequence[Check],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "others_share": others_share,
        "rows": [asdict(row) for row in rows],
        "targets": [{**asdict(check), "met": check.is_met} for check in checks],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {path}")
