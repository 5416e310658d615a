"""A runtime of the test's own, and a namespace for one container."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glassbridge.runtime.runtime import Runtime


@pytest.fixture
def runtime() -> Runtime:
    """Below the session's own /run, where an ordinary user can reach its files."""
    return Runtime(Path("/run/glassbridge-test"))


@pytest.fixture
def netns(make_netns: Callable[[str], str]) -> str:
    return make_netns("box")
