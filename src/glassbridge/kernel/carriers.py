"""Waits until links that were just connected send what they are given."""

import time
from collections.abc import Iterable

from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.network import Ifname
from glassbridge.wire.links import IFLA_QDISC, get_link_briefly, link_header
from glassbridge.wire.netlink import Refusal, find_attribute

_DROPS_EVERYTHING = b"noop\0"
_PATIENCE_SECONDS = 0.2
_POLL_SECONDS = 0.0005


def await_carriers(links: RouteSocket, ifnames: Iterable[Ifname]) -> None:
    """Wait until all have left the queue that drops everything; gone or late is no failure.

    Newer kernels run the link watch for the very link that is looked at (rtnl_getlink); others do
    so soon, in a thread of theirs.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    waiting = list(ifnames)
    while waiting and time.monotonic() < deadline:
        answers = links.get_each([get_link_briefly(name) for name in waiting])
        waiting = [n for n, a in zip(waiting, answers, strict=True) if _drops_everything(a)]
        if waiting:
            time.sleep(_POLL_SECONDS)


def _drops_everything(answer: bytes | Refusal) -> bool:
    if isinstance(answer, Refusal):
        return False
    return find_attribute(answer, IFLA_QDISC, link_header.size) == _DROPS_EVERYTHING
