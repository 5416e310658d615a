"""What tests of the running name server start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.name_server.running import Running, furnish


@pytest.fixture
def server(fresh_host: None, tmp_path: Path) -> Iterator[Running]:
    """A server for the village; the host's resolv.conf names 127.0.9.1 and 127.0.9.2."""
    furnish()
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.9.1\nnameserver 127.0.9.2\n")
    with Running(resolv_conf) as running:
        yield running
