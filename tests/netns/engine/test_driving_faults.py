"""Wherever the daemon dies or the kernel refuses, dockerd's next calls find sane answers."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dying_driver import clean_up, live, live_until_killed
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.test_faults import Refuses

from glassbridge.engine.engine import Engine
from glassbridge.errors import KernelRefused

MOST = 400


@pytest.mark.timeout(300)
def test_killed_anywhere(fresh_host: None, tmp_path: Path) -> None:
    """SIGKILL ahead of every commit and operation: the next start is consistent, and can go on."""
    before = look_at_host()
    number, died = 0, True
    while died:
        folders = tmp_path / f"run{number}", tmp_path / f"state{number}"
        died = live_until_killed(folders, number)
        engine = Engine(*folders)
        try:
            _go_on(engine, again=number % 5 == 0)
            engine.down()
        finally:
            engine.close()
        number += 1
        assert number < MOST
    assert look_at_host() == before
    assert number > 40, "the life has become too small to prove anything"


def test_each_operation_may_be_refused(fresh_host: None, tmp_path: Path) -> None:
    number, reached = 0, True
    while reached:
        refuse = Refuses(number)
        engine = Engine(tmp_path / f"run{number}", tmp_path / f"state{number}", before=refuse)
        try:
            with suppress(KernelRefused):
                live(engine)
            reached = len(refuse.seen) > number
            refuse.relent()
            _go_on(engine, again=True)
            engine.down()
        finally:
            engine.close()
        number += 1
        assert number < MOST
    assert number > 30, "the life has become too small to prove anything"


def _go_on(engine: Engine, *, again: bool) -> None:
    """What dockerd cleans up is gone, and the same life can be lived again from its beginning."""
    check_consistency(engine)
    clean_up(engine)
    assert not engine.sandboxes()
    assert not engine.ipam.pools()
    if again:
        live(engine)
    check_consistency(engine)
