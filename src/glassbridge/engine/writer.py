"""The single writer: all waiting jobs become one batch, the batch one group commit."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from glassbridge.engine.holders import Taken
from glassbridge.engine.jobs import Job
from glassbridge.engine.reaping import Reaper
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError, Unavailable
from glassbridge.kernel.executor import Executor, Outcome, Plan
from glassbridge.store.store import Store

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Writer:
    """Owns the state, the store and the executor; everything that changes goes through it."""

    def __init__(
        self,
        state: State,
        store: Store,
        executor: Executor,
        now: Callable[[], float],
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with `start`; `committed` is called after each batch, ahead of its answers."""
        self._state = state
        self._store = store
        self._executor = executor
        self._committed = committed
        self._queue: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._closing = False
        # a request is either ahead of the end of the queue or refused, never forgotten behind it
        self._door = threading.Lock()
        self._reaper = Reaper(self._enqueue, now)
        self._thread = threading.Thread(target=self._run, name="glassbridge-writer")
        self._inquiries = ThreadPoolExecutor(1, thread_name_prefix="glassbridge-inquiry")

    def start(self) -> None:
        """Begin to take jobs."""
        self._reaper.start()
        self._thread.start()

    def submit(self, job: Job[T]) -> Future[T]:
        """Queue a job; its future carries the answer or a GlassbridgeError."""
        with self._door:
            if not self._closing:
                return self._enqueue(job)
        job.future.set_exception(Unavailable("the engine is closing"))
        return job.future

    def stop(self) -> None:
        """Finish what is queued, then end both threads; what comes later is refused."""
        with self._door:
            self._closing = True
            self._queue.put(None)
        self._thread.join()
        self._inquiries.shutdown()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._queue.qsize()

    def _run(self) -> None:
        try:
            self._serve()
            self._reaper.stop()
            self._queue.put(None)
            self._serve()  # what the reaper had finished
        finally:
            self._executor.close()

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            for batch in self._batches(job):
                if batch is None:
                    return
                self._commit(batch, self._executor)

    def _enqueue(self, job: Job[T]) -> Future[T]:
        self._queue.put(job)
        return job.future

    def _batches(self, first: Job[Any]) -> "list[Sequence[Job[Any]] | None]":
        """Everything that waits, cut where a job must stand alone; a final None ends the thread."""
        batches: list[Sequence[Job[Any]] | None] = []
        shared: list[Job[Any]] = []
        job: Job[Any] | None = first
        while True:
            if job is None or job.alone:
                if shared:
                    batches.append(shared)
                    shared = []
                if job is None:
                    return [*batches, None]
                batches.append([job])
            else:
                shared.append(job)
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
        if shared:
            batches.append(shared)
        return batches

    def _commit(self, jobs: Sequence[Job[Any]], executor: Executor) -> None:
        planned = []
        for job in jobs:
            try:
                planned.append((job, job.plan(self._state, executor)))
            except Exception as fault:  # noqa: BLE001 - one job's fault must not end the writer
                self._refuse(job, fault)
        if not planned:
            return
        try:
            outcomes = self._carry_out(planned, executor)
        except Exception as fault:  # noqa: BLE001 - nor may a full disk; nobody else could catch it
            self._give_up([job for job, _ in planned], fault)
        else:
            self._follow()
            self._answer(planned, outcomes)

    def _follow(self) -> None:
        try:
            self._committed()
        except Exception:  # noqa: BLE001 - what stands is to be answered all the same
            _log.exception("after a batch")

    def _carry_out(
        self, planned: Sequence[tuple[Job[Any], Plan]], executor: Executor
    ) -> list[Outcome]:
        with self._store.transaction():
            for job, _ in planned:
                job.intend(self._state, self._store)
        outcomes = executor.apply([operations for _, operations in planned])
        with self._store.transaction():
            for (job, _), error in zip(planned, outcomes, strict=True):
                if error is None:
                    job.settle(self._state, self._store)
                else:
                    job.abandon(self._state, self._store)
        return outcomes

    def _give_up(self, jobs: Sequence[Job[Any]], fault: Exception) -> None:
        """Forget a batch that could not be written; what it left in the kernel is swept later."""
        _log.error("a batch failed half way", exc_info=fault)
        for job in reversed(jobs):  # each puts back what it found
            try:
                with self._store.transaction():
                    job.abandon(self._state, self._store)
            except Exception:  # noqa: BLE001 - the others must be answered too
                _log.exception("%s cannot be taken back", type(job).__name__)
            if not job.future.done():
                job.future.set_exception(fault)

    def _answer(
        self,
        planned: Sequence[tuple[Job[Any], object]],
        outcomes: Sequence[Outcome],
    ) -> None:
        doomed = []
        for (job, _), error in zip(planned, outcomes, strict=True):
            if error is not None:
                self._refuse(job, error)
            elif job.doomed or job.swept:
                doomed.append(job)
            else:
                job.future.set_result(job.result(self._state))
        if doomed:
            self._reaper.take(doomed)

    def _refuse(self, job: Job[Any], error: BaseException) -> None:
        if isinstance(error, Taken):
            self._inquiries.submit(_refuse_in_full, job, error)
            return
        if not isinstance(error, GlassbridgeError):
            _log.error("%s failed", type(job).__name__, exc_info=error)
        job.future.set_exception(error)


def _refuse_in_full(job: Job[Any], error: Taken) -> None:
    try:
        told = error.in_full()
    except Exception as fault:  # noqa: BLE001 - somebody waits for the answer
        _log.exception("%s failed", type(job).__name__)
        job.future.set_exception(fault)
    else:
        job.future.set_exception(told)
