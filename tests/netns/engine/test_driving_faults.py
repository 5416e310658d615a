"""Wherever the daemon dies or the kernel refuses, dockerd's next calls find sane answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dockerd import create, managed
from tests.netns.engine.dying_driver import clean_up, live, live_until_killed
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import DiesAhead
from tests.netns.engine.test_faults import Refuses

from glassbridge.engine.engine import Engine
from glassbridge.errors import KernelRefused
from glassbridge.plan.operations import Operation

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


def test_killed_while_the_last_network_goes(fresh_host: None, tmp_path: Path) -> None:
    """No element of it stays, although nothing is realised that would need the tables."""
    number, died = 0, True
    while died:
        folders = tmp_path / f"run{number}", tmp_path / f"state{number}"
        died = dies(partial(_remove_the_last, folders, number))
        engine = Engine(*folders)
        try:
            check_consistency(engine)
        finally:
            engine.close()
        number += 1
        assert number < MOST
    assert number > 2, "the removal has become too small to prove anything"


def _remove_the_last(folders: tuple[Path, Path], number: int) -> None:
    ahead: Callable[[Operation], None] = DiesAhead(MOST)
    engine = Engine(*folders, before=lambda o: ahead(o))  # noqa: PLW0108 - another one, later
    create(engine)
    ahead = DiesAhead(number)
    engine.driver.remove_network(managed())
    engine.close()


def _go_on(engine: Engine, *, again: bool) -> None:
    """What dockerd cleans up is gone, and the same life can be lived again from its beginning."""
    check_consistency(engine)
    clean_up(engine)
    assert not engine.sandboxes()
    assert not engine.ipam.pools()
    if again:
        live(engine)
    check_consistency(engine)
