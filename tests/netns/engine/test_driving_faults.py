"""Wherever the daemon dies or the kernel refuses, dockerd's next calls find sane answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dockerd import create, managed
from tests.netns.engine.dying_driver import clean_up, live, live_until_killed
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import DiesAhead
from tests.netns.engine.test_faults import Refuses

from glassbridge.engine.engine import Engine
from glassbridge.errors import KernelRefused
from glassbridge.kernel.executor import Executor
from glassbridge.model.network import Ifname
from glassbridge.plan.operations import Operation, SetPortFlags

Folders = tuple[Path, Path]
MOST = 400


@contextmanager
def opened(folders: Folders, before: Callable[[Operation], None] | None = None) -> Iterator[Engine]:
    engine = Engine(*folders, before=before)
    try:
        yield engine
    finally:
        engine.close()


def test_killed_anywhere(fresh_host: None, folders: Folders) -> None:
    """SIGKILL ahead of every commit and operation: the next start is consistent, and can go on.

    It is one host on which all this happens, beside a network that stands throughout.
    """
    before = look_at_host()
    with opened(folders) as engine:
        engine.up()
    number, died = 0, True
    while died:
        died = live_until_killed(folders, number)
        with opened(folders) as engine:
            _go_on(engine, again=number % 5 == 0)
        number += 1
        assert number < MOST
    with opened(folders) as engine:
        engine.down()
    assert look_at_host() == before
    assert number > 40, "the life has become too small to prove anything"


def test_each_operation_may_be_refused(fresh_host: None, folders: Folders) -> None:
    number, reached = 0, True
    while reached:
        refuse = Refuses(number)
        with opened(folders, refuse) as engine:
            with suppress(KernelRefused):
                live(engine)
            reached = len(refuse.seen) > number
            refuse.relent()
            _go_on(engine, again=number % 5 == 0)
        number += 1
        assert number < MOST
    assert number > 30, "the life has become too small to prove anything"


def test_killed_while_the_last_network_goes(fresh_host: None, tmp_path: Path) -> None:
    """No element of it stays, although nothing is realised that would need the tables."""
    number, died = 0, True
    while died:
        folders = tmp_path / f"run{number}", tmp_path / f"state{number}"
        died = dies(partial(_remove_the_last, folders, number))
        with opened(folders) as engine:
            check_consistency(engine)
        number += 1
        assert number < MOST
    assert number > 2, "the removal has become too small to prove anything"


def _remove_the_last(folders: Folders, number: int) -> None:
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


def test_ports_are_taken_back_from_a_cable_that_is_gone(fresh_host: None) -> None:
    """Docker's next start after a crash does so, while the kernel still clears namespaces away."""
    executor = Executor()
    flags = partial(SetPortFlags, Ifname("veth0"), isolated=False)
    taken_back, set_anew = executor.apply(
        [(flags(hairpin=False, old_hairpin=True),), (flags(hairpin=True),)]
    )
    executor.close()
    assert taken_back is None
    assert isinstance(set_anew, KernelRefused)
