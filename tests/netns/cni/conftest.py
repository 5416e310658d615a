"""The plugin as a runtime meets it: real HTTP, a real engine, namespaces of this test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.netns.cni.pods import Pods
from tests.netns.cni.reference import Reference
from tests.netns.engine.conftest import outside  # noqa: F401 - a fixture
from tests.unit.cni.plugin_server import HttpRuntime, serving

from glassbridge.engine.engine import Engine


@pytest.fixture
def engine(fresh_host: None, tmp_path: Path) -> Iterator[Engine]:
    opened = Engine(tmp_path / "run", tmp_path / "state")
    yield opened
    opened.down(force=True)
    opened.close()


@pytest.fixture
def plugin(engine: Engine, tmp_path: Path) -> Iterator[HttpRuntime]:
    with serving(engine.attachments, tmp_path / "s.sock") as path:
        yield HttpRuntime(path)


@pytest.fixture
def pods(plugin: HttpRuntime, make_netns: Callable[[str], str]) -> Pods:
    return Pods(plugin, make_netns)


@pytest.fixture
def reference(make_netns: Callable[[str], str], tmp_path: Path) -> Reference:
    """CNI's own plugins on a host of their own."""
    if not Path("/usr/lib/cni/bridge").exists():
        pytest.skip("needs /usr/lib/cni/bridge: scripts/prepare.sh installs it")
    return Reference(make_netns("reference"), make_netns, tmp_path / "leases")
