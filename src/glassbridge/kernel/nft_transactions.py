"""Transactions of nftables over netlink: several requests that the kernel carries out wholly."""

from collections.abc import Sequence
from errno import ENOBUFS
from socket import MSG_DONTWAIT

from glassbridge.errors import KernelRefused
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, NetlinkSocket
from glassbridge.wire import nfnetlink
from glassbridge.wire.netlink import NLMSG_ERROR, Refusal, Request, decode_acknowledgement, messages

_LARGEST_DATAGRAM = 64 << 10


class TransactionSocket(NetlinkSocket):
    """A netfilter socket of one namespace, whose every call is one transaction."""

    def __init__(self, netns: int | None = None) -> None:
        super().__init__(NETLINK_NETFILTER, netns)

    def transact(self, requests: Sequence[Request], attempt: str) -> None:
        """Carry out all requests in order, or none; raises KernelRefused."""
        sequence = self._send(nfnetlink.batch(requests))
        refusal = self._outcome(sequence, len(requests) + 2)
        if refusal is not None:
            raise KernelRefused(attempt, refusal.errno, refusal.text)

    def _outcome(self, first: int, count: int) -> Refusal | None:
        """The first refusal among the answers, which all wait in the socket by now."""
        answered = False
        while True:
            try:
                datagram = self._socket.recv(_LARGEST_DATAGRAM, MSG_DONTWAIT)
            except BlockingIOError:
                break
            for message in messages(datagram):
                if message.message_type == NLMSG_ERROR and 0 <= message.sequence - first < count:
                    answered = True
                    refusal = decode_acknowledgement(message)
                    if refusal is not None:
                        return refusal
        return None if answered else Refusal(ENOBUFS, "the kernel's answer was lost")
