"""Waits until a link that was just connected sends what it is given."""

import time

from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.network import Ifname
from glassbridge.wire.links import IFLA_QDISC, get_link, link_header
from glassbridge.wire.netlink import Refusal, find_attribute

_DROPS_EVERYTHING = b"noop\0"
_PATIENCE_SECONDS = 0.2
_POLL_SECONDS = 0.0005


def await_carrier(links: RouteSocket, ifname: Ifname) -> None:
    """Wait until it has left the queue that drops everything; gone or late is no failure.

    Newer kernels run the link watch for the very link that is looked at (rtnl_getlink); others do
    so soon, in a thread of theirs.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = links.get(get_link(ifname))
        if isinstance(answer, Refusal):
            return
        if find_attribute(answer, IFLA_QDISC, link_header.size) != _DROPS_EVERYTHING:
            return
        time.sleep(_POLL_SECONDS)
