"""A thread that listens to what others change in a namespace, and tells it as model events."""

import errno
import logging
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from glassbridge.errors import KernelRefused
from glassbridge.kernel.notifications import route_events, ruleset_events
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, NETLINK_ROUTE, open_netlink
from glassbridge.model.kernel_events import EventsLost, KernelEvent
from glassbridge.wire.netlink import Message, messages

# linux/rtnetlink.h RTMGRP_*: links, IPv4 and IPv6 addresses, IPv4 and IPv6 routes
_ROUTE_GROUPS = 0x1 | 0x10 | 0x100 | 0x40 | 0x400
_NFTABLES_GROUP = 1 << (7 - 1)  # NFNLGRP_NFTABLES

_RECEIVE_BUFFER = 4 << 20
_LARGEST_DATAGRAM = 64 << 10
# a burst wakes the thread this seldom, instead of taking the interpreter from it at each change
_GATHER_MILLISECONDS = 50

_log = logging.getLogger(__name__)

Listener = Callable[[tuple[KernelEvent, ...]], None]


class Monitor:
    """Listens in the namespace of the thread that makes it, from then on until it is stopped.

    `listener` is called in the monitor's own thread, with everything that happened within 50 ms;
    what it raises is logged. Rulesets changed by this process are not told.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._route = _open(NETLINK_ROUTE, _ROUTE_GROUPS)
        try:
            self._nft = _open(NETLINK_NETFILTER, _NFTABLES_GROUP)
        except KernelRefused:
            self._route.close()
            raise
        self._own_ports: frozenset[int] = frozenset()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="kernel-monitor", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to call the listener, with what happened since the monitor was made first."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; waits for a call of the listener that is under way."""
        if self._stop < 0:
            return
        os.eventfd_write(self._stop, 1)
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._stop)
        self._stop = -1
        self._route.close()
        self._nft.close()

    def _run(self) -> None:
        stop, any_of_them = select.poll(), select.poll()  # select() stops at descriptor 1023
        stop.register(self._stop, select.POLLIN)
        for fd in (self._stop, self._route.fileno(), self._nft.fileno()):
            any_of_them.register(fd, select.POLLIN)
        while True:
            any_of_them.poll()
            if stop.poll(_GATHER_MILLISECONDS):
                return
            events = self._read()
            if not events:
                continue
            try:
                self._listener(events)
            except Exception:  # noqa: BLE001 - one bad event must not end the watch
                _log.exception("kernel events: %s", events)

    def _read(self) -> tuple[KernelEvent, ...]:
        try:
            return (*self._read_route(), *self._read_ruleset())
        except Exception:  # noqa: BLE001 - a message that we cannot read must not end the watch
            _log.exception("reading kernel events")
            return (EventsLost("links"), EventsLost("ruleset"))

    def _read_route(self) -> list[KernelEvent]:
        waiting = _Waiting(self._route)
        events = route_events(waiting)
        return [*events, EventsLost("links")] if waiting.lost else events

    def _read_ruleset(self) -> list[KernelEvent]:
        waiting = _Waiting(self._nft)
        events: list[KernelEvent] = [*ruleset_events(waiting, self._is_ours)]
        return [*events, EventsLost("ruleset")] if waiting.lost else events

    def _is_ours(self, port_id: int) -> bool:
        if port_id not in self._own_ports:
            self._own_ports = own_netfilter_ports()
        return port_id in self._own_ports


def own_netfilter_ports() -> frozenset[int]:
    """The netlink port ids of this process's netfilter sockets in the thread's namespace.

    libnftables does not tell its own, and NFTA_GEN_PROC_PID is a thread's id in the first pid
    namespace, which a process elsewhere does not know.
    """
    own = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - as in processes.py
        try:
            own.add(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115 - as in processes.py
        except OSError:
            continue  # the one that listed the folder
    lines = Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]
    sockets = (line.split() for line in lines)
    # sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    return frozenset(
        int(fields[2])
        for fields in sockets
        if int(fields[1]) == NETLINK_NETFILTER and f"socket:[{fields[9]}]" in own
    )


def _open(protocol: int, groups: int) -> socket.socket:
    return open_netlink(protocol, _RECEIVE_BUFFER, "listen to kernel events", groups=groups)


class _Waiting:
    """All messages that wait, and whether the kernel had to drop some.

    One datagram is held at a time: a burst waits with more than the daemon itself takes.
    """

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self.lost = False

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                yield from messages(self._source.recv(_LARGEST_DATAGRAM, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
