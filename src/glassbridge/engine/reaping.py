"""The reaper: deletes doomed links by group, then has their leases freed and callers answered.

One RTM_DELLINK waits 16 ms for RCU outside the RTNL lock; by group the wait is shared, and attaches
go on beside it.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from glassbridge.engine.jobs import Job, Submit
from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.kernel.reaper import LinkReaper
from glassbridge.model.kernel_names import shaper_name
from glassbridge.plan.endpoint import plan_forget
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store

_log = logging.getLogger(__name__)


class Reaped(Job[None]):
    """The links are gone: forget the endpoints and answer who waited for it."""

    def __init__(self, jobs: Sequence[Job[Any]], now: float) -> None:
        super().__init__()
        self._jobs = jobs
        self._now = now
        self._state: State | None = None
        self.future.add_done_callback(self._answer)

    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        """Only now can no new connection be noted any more."""
        return tuple(o for job in self._jobs for e in job.doomed for o in plan_forget(e))

    def settle(self, state: State, store: Store) -> None:
        for job in self._jobs:
            for endpoint in job.doomed:
                state.drop_endpoint(endpoint, self._now)
                store.delete_endpoint(endpoint.id)
            job.reaped(state, store)
        self._state = state

    def abandon(self, state: State, store: Store) -> None:
        """Connections that could not be forgotten do not bring the links back."""
        self.settle(state, store)

    def result(self, state: State) -> None:
        return

    def _answer(self, done: Future[None]) -> None:
        fault = done.exception()
        if fault is not None:
            _log.warning("links are gone, but: %s", fault)
        for job in self._jobs:
            try:
                if self._state is None:
                    job.future.set_exception(fault or RuntimeError("not settled"))
                else:
                    job.future.set_result(job.result(self._state))
            except Exception as own_fault:  # noqa: BLE001 - one job's fault must not leave the others waiting
                _log.exception("answering %s", type(job).__name__)
                if not job.future.done():
                    job.future.set_exception(own_fault)


class Reaper:
    """A thread that takes doomed links in batches."""

    def __init__(self, submit: Submit, now: Callable[[], float]) -> None:
        self._submit = submit
        self._now = now
        self._queue: queue.SimpleQueue[Sequence[Job[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="glassbridge-reaper")

    def start(self) -> None:
        """Begin to take links."""
        self._thread.start()

    def take(self, jobs: Sequence[Job[Any]]) -> None:
        """Delete the doomed links of these jobs, then answer them."""
        self._queue.put(jobs)

    def stop(self) -> None:
        """Finish what was taken, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        links = LinkReaper()
        try:
            while (jobs := self._queue.get()) is not None:
                batch, last = self._all_waiting(jobs)
                self._reap(links, batch)
                if last:
                    return
        finally:
            links.close()

    def _all_waiting(self, first: Sequence[Job[Any]]) -> tuple[list[Job[Any]], bool]:
        batch = list(first)
        while True:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if more is None:
                return batch, True
            batch += more

    def _reap(self, links: LinkReaper, jobs: list[Job[Any]]) -> None:
        leaving = [e for job in jobs for e in job.doomed]
        doomed = {e.host_end for e in leaving}
        doomed |= {shaper_name(e.id) for e in leaving if e.has_shaper}
        doomed |= {link for job in jobs for link in job.swept}
        try:
            links.delete(doomed)
        except Exception as error:  # noqa: BLE001 - one batch's fault must not end the reaper
            # the store still says detaching: the next start, or healing, completes it
            _log.warning("links could not be deleted: %s", error)
            for job in jobs:
                job.future.set_exception(error)
            return
        self._submit(Reaped(jobs, self._now()))
