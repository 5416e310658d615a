"""The real program in a namespace of its own, its daemon ended and its containers gone after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.cli.program import Glassbridge


@pytest.fixture
def gb(fresh_host: None, tmp_path: Path) -> Iterator[Glassbridge]:
    glassbridge = Glassbridge(tmp_path)
    try:
        yield glassbridge
    finally:
        if glassbridge.daemon is not None or any(glassbridge.run_dir.glob("containers/*")):
            glassbridge.run("down", "--force")
