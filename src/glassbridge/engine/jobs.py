"""A job: one request on its way through the writer.

The writer calls the steps in this order; whatever fails, the later ones of that job are skipped:

    plan    decide, lease, and return the operations           (memory only)
    intend  write what is about to be done                     (first commit)
            -- the executor changes the kernel --
    settle  write that it was done, or
    abandon take leases and intents back                       (second commit)
"""

from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from glassbridge.engine.state import State
from glassbridge.kernel.executor import Executor
from glassbridge.model.endpoint import Endpoint
from glassbridge.model.network import Ifname
from glassbridge.plan.operations import Operation
from glassbridge.store.store import Store

T = TypeVar("T")


class Job(ABC, Generic[T]):
    """One request; `alone` jobs share no batch, because others must see what they decided."""

    alone = False

    def __init__(self) -> None:
        self.future: Future[T] = Future()
        # a caller that goes away must not cancel it: the answer would then fail, in the writer,
        # and with it the other jobs of the batch
        self.future.set_running_or_notify_cancel()
        self.doomed: tuple[Endpoint, ...] = ()
        """Endpoints whose links the reaper must delete before the answer."""
        self.swept: tuple[Ifname, ...] = ()
        """Links of no endpoint that the reaper must delete, too."""

    @abstractmethod
    def plan(self, state: State, executor: Executor) -> tuple[Operation, ...]:
        """Decide; raises a GlassbridgeError and then leaves nothing in `state`."""

    def intend(self, state: State, store: Store) -> None:
        """Write the intent."""

    def settle(self, state: State, store: Store) -> None:
        """Write that it is done."""

    def abandon(self, state: State, store: Store) -> None:
        """Take leases and intents back; the executor has undone the kernel's part."""

    def reaped(self, state: State, store: Store) -> None:
        """The doomed links are gone and their endpoints forgotten; forget what hung on them."""

    @abstractmethod
    def result(self, state: State) -> T:
        """The answer."""


class Submit(Protocol):
    """How use cases reach the writer: the future carries the answer or a GlassbridgeError."""

    def __call__(self, job: Job[T]) -> Future[T]: ...
