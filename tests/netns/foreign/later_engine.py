"""An engine of a later Debian in place of the installed one, for one machine only."""

from __future__ import annotations

from pathlib import Path

from tests.netns.foreign.machine import Machine

_CACHE = Path(__file__).parents[3] / ".cache"


def is_unpacked(engine: str) -> bool:
    """Whether `scripts/later-engine.sh` did it."""
    return (_CACHE / f"later-{engine}" / ".complete").exists()


def lay_over(machine: Machine, engine: str) -> None:
    """Lay the unpacked one over the installed one, in the machine's own mounts."""
    layers = f"lowerdir={_CACHE}/later-{engine}/usr:/usr"
    machine("mount", "-t", "overlay", "overlay", "-o", layers, "/usr")
