"""An engine of a later Debian in place of the installed one, for one machine only."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.netns.foreign.machine import Machine

_CACHE = Path(__file__).parents[3] / ".cache"
_OLD_DOCKER = re.compile(r"Docker version (1\d|2[0-7])\.")


def is_unpacked(engine: str) -> bool:
    """Whether `scripts/later-engine.sh` did it."""
    return (_CACHE / f"later-{engine}" / ".complete").exists()


def lay_over(machine: Machine, engine: str) -> None:
    """Lay the unpacked one over the installed one, in the machine's own mounts."""
    layers = f"lowerdir={_CACHE}/later-{engine}/usr:/usr"
    machine("mount", "-t", "overlay", "overlay", "-o", layers, "/usr")


def renew_docker(machine: Machine) -> None:
    """Give it a Docker from 28 on, or skip.

    The build server does not insist either: the suite that it comes from is not released yet.
    """
    version = subprocess.run(["dockerd", "--version"], check=True, capture_output=True, text=True)
    if not _OLD_DOCKER.match(version.stdout):
        return
    if not is_unpacked("docker"):
        pytest.skip("this Docker is older than 28, and scripts/later-engine.sh has not been run")
    lay_over(machine, "docker")
    runs = machine.run("dockerd", "--version")
    if runs.returncode != 0:
        pytest.skip(f"a later Docker does not run on this Debian: {runs.stderr}")
