"""Notices that containers end: one thread polls their pidfds, another does what follows."""

import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from glassbridge.model.endpoint import SandboxId


class ExitWatcher:
    """Calls back once per watched process, from a thread of its own; owns the descriptors."""

    def __init__(self, ended: Callable[[SandboxId], None]) -> None:
        self._ended = ended
        self._watched: dict[int, SandboxId] = {}
        self._poll = select.epoll()
        self._wake, self._stop = os.pipe2(os.O_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLHUP)
        self._callers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="glassbridge-exit")
        self._thread = threading.Thread(target=self._run, name="glassbridge-exits")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def watch(self, sandbox: SandboxId, pidfd: int) -> None:
        """Watch a process; the descriptor belongs to the watcher from now on."""
        self._watched[pidfd] = sandbox
        self._poll.register(pidfd, select.EPOLLIN | select.EPOLLONESHOT)

    def stop(self) -> None:
        """End the threads; the processes go on."""
        os.close(self._stop)
        if self._thread.ident is not None:
            self._thread.join()
        self._callers.shutdown()
        for pidfd in self._watched:
            os.close(pidfd)
        os.close(self._wake)
        self._poll.close()

    def _run(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wake:
                    return
                sandbox = self._watched.pop(descriptor)
                self._poll.unregister(descriptor)
                os.close(descriptor)
                self._callers.submit(self._ended, sandbox)
