"""Whatever operation fails, and wherever the daemon dies, nothing is half done afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import NAMESPACES, DiesAhead, live

from glassbridge.engine.engine import Engine
from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.plan.descriptions import describe
from glassbridge.plan.operations import Operation

Folders = tuple[Path, Path]
Make = Callable[[str], str]

MOST_OPERATIONS = 400


class Refuses:
    """Refuses one operation, and notes all."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.seen: list[Operation] = []

    def relent(self) -> None:
        self._number = -1

    def __call__(self, operation: Operation) -> None:
        self.seen.append(operation)
        if len(self.seen) - 1 == self._number:
            raise KernelRefused(describe(operation), 1, "refused by the test")


def test_each_operation_may_fail(fresh_host: None, tmp_path: Path, make_netns: Make) -> None:
    """Fail the n-th operation for every n: the use case is undone, kernel and store agree."""
    for name in NAMESPACES:
        make_netns(name)
    number = 0
    while True:
        refuse = Refuses(number)
        engine = Engine(tmp_path / f"run{number}", tmp_path / f"state{number}", before=refuse)
        try:
            live(engine)
        except GlassbridgeError as error:
            assert "refused by the test" in str(error)  # noqa: PT017 - which step raises is open
        reached = len(refuse.seen) > number
        refuse.relent()
        _check_and_close(engine)
        if not reached:
            break
        number += 1
        assert number < MOST_OPERATIONS
    assert number > 60, "the scenario has become too small to prove anything"


@pytest.mark.timeout(420)
def test_the_daemon_may_be_killed_anywhere(
    fresh_host: None, tmp_path: Path, make_netns: Make
) -> None:
    """SIGKILL ahead of every operation: the next start completes or removes what was begun."""
    for name in NAMESPACES:
        make_netns(name)
    before = look_at_host()
    number = 0
    while True:
        folders = tmp_path / f"run{number}", tmp_path / f"state{number}"
        died = dies(partial(_live, folders, number))
        _check_and_close(Engine(*folders))
        if not died:
            break
        if number % 10 == 0:
            assert look_at_host() == before
        number += 1
        assert number < MOST_OPERATIONS
    assert look_at_host() == before
    assert number > 60, "the scenario has become too small to prove anything"


def _check_and_close(engine: Engine) -> None:
    try:
        check_consistency(engine)
        engine.down(force=True)
    finally:
        engine.close()


def _live(folders: Folders, number: int) -> None:
    engine = Engine(*folders, before=DiesAhead(number))
    live(engine)
    engine.close()
