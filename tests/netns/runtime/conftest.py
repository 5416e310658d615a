"""A runtime of the test's own, and a namespace for one container."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glassbridge.runtime.runtime import Runtime


@pytest.fixture
def runtime() -> Runtime:
    """Below the session's own /run, in a folder that is root's alone."""
    run_dir = Path("/run/glassbridge-test")
    run_dir.mkdir(mode=0o700, exist_ok=True)
    return Runtime(run_dir)


@pytest.fixture
def netns(make_netns: Callable[[str], str]) -> str:
    return make_netns("box")
