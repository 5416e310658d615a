"""One world per value of bridge-nf-call-iptables, shared by all paths and attacks of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.netns.firewall.build import World


@pytest.fixture(scope="module", params=[0, 1], ids=["nf-call=0", "nf-call=1"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    built = World(nf_call=bool(request.param))
    try:
        yield built
    finally:
        built.close()
