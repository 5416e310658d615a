"""The witness nftrace: in each namespace a table of ours marks the packet, the kernel tells.

A table belongs to its socket and is gone with it, also after SIGKILL; nobody else can change it.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.kernel.frames import read_packet
from glassbridge.kernel.netns import inside
from glassbridge.kernel.nft_transactions import TransactionSocket
from glassbridge.kernel.rtnetlink import NETLINK_NETFILTER, RouteSocket, open_netlink
from glassbridge.kernel.trace_matches import transport_matches
from glassbridge.kernel.witness import Testimony, Watch
from glassbridge.model.observation import RuleHit, WitnessName
from glassbridge.model.tables import Ifindex
from glassbridge.wire.links import dump_links_of_kind
from glassbridge.wire.netlink import messages
from glassbridge.wire.nfnetlink import NFPROTO_BRIDGE, NFPROTO_INET
from glassbridge.wire.nft_trace import (
    FAMILIES,
    TRACE,
    TRACE_GROUP,
    TraceMessage,
    TransportMatch,
    decode_trace,
    delete_table,
    trace_table,
)

TABLE_PREFIX = "glassbridge_trace_"
"""Then the process id and the owning socket's port: two traces at once each have a table."""

_NETLINK_ADD_MEMBERSHIP = 1
_RECEIVE_BUFFER = 2 << 20
_LARGEST_DATAGRAM = 64 << 10
_MESSAGES_AT_ONCE = 10_000


class NftTrace:
    """Every rule that the packet meets, with its verdict, in every namespace of the watch.

    The kernel tells no times: hits are in order within a namespace, not between two of them.
    """

    name = WitnessName.NFTRACE

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._refusals: list[str] = []
        self._lost = 0

    @property
    def why_not(self) -> str:
        return "; ".join(self._refusals)

    @property
    def lost(self) -> int:
        return self._lost

    def open(self, watch: Watch) -> None:
        self.close()
        self._refusals, self._lost = [], 0
        matches = transport_matches(watch)
        for cookie, netns in watch.namespaces.items():
            try:
                place = _Place(cookie, netns)
            except GlassbridgeError as error:
                self._refuse(error)
                continue
            self._places.append(place)
            for family in place.families():
                try:
                    place.mark(family, matches)
                except GlassbridgeError as error:
                    self._refuse(error, FAMILIES[family])

    def collect(self) -> Testimony:
        hits = [hit for place in self._places for hit in self._read(place)]
        return Testimony(rule_hits=tuple(hits))

    def close(self) -> None:
        # a close waits 12 ms for RCU to be done with the tables: all of them for the same 12 ms
        for place in self._places:
            place.unmark()
        while self._places:
            self._places.pop().close()

    def _read(self, place: "_Place") -> Iterator[RuleHit]:
        for _ in range(_MESSAGES_AT_ONCE):
            try:
                yield from place.receive()
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: how many went missing is not told
                self._lost += 1

    def _refuse(self, error: GlassbridgeError, family: str = "") -> None:
        reason = f"family {family}: {error}" if family else str(error)
        if reason not in self._refusals:
            self._refusals.append(reason)


class _Place:
    """One namespace: the socket that owns the tables, and the one that hears."""

    def __init__(self, cookie: int, netns: int) -> None:
        self._cookie = cookie
        self._netns = netns
        self._listener = _listen(netns)
        try:
            self._owner = TransactionSocket(netns)
        except GlassbridgeError:
            self._listener.close()
            raise
        self._table = f"{TABLE_PREFIX}{os.getpid()}_{self._owner.port_id}"
        self._marking: list[int] = []
        self._seen: dict[int, _Seen] = {}

    def families(self) -> tuple[int, ...]:
        """Bridge only where there is one: the table might load a module for nothing."""
        with RouteSocket(self._netns) as route:
            bridges = route.dump(dump_links_of_kind("bridge"), "list bridges", torn=True)
        return (NFPROTO_INET, NFPROTO_BRIDGE) if bridges else (NFPROTO_INET,)

    def mark(self, family: int, matches: tuple[TransportMatch, ...]) -> None:
        """Make the table that marks; raises KernelRefused."""
        self._owner.transact(trace_table(family, self._table, matches), "mark packets by nftables")
        self._marking.append(family)

    def receive(self) -> Iterator[RuleHit]:
        """One datagram's hits, our own table's left out; raises OSError."""
        datagram = self._listener.recv(_LARGEST_DATAGRAM, socket.MSG_DONTWAIT)
        now = time.time_ns()
        for message in messages(datagram):
            if message.message_type == TRACE:
                yield from self._hit(decode_trace(message.body), now)

    def _hit(self, line: TraceMessage, now: int) -> Iterator[RuleHit]:
        if line.headers:
            self._seen[line.trace_id] = _Seen(line)
        if line.table.startswith(TABLE_PREFIX):
            return
        seen = self._seen.get(line.trace_id) or _Seen(line)
        yield RuleHit(
            at_ns=now,
            cookie=self._cookie,
            trace_id=line.trace_id,
            family=line.family,
            table=line.table,
            chain=line.chain,
            handle=line.handle,
            is_policy=line.is_policy,
            verdict=line.verdict,
            target=line.target,
            packet=seen.packet,
            iif=seen.iif,
            oif=seen.oif,
            connection=seen.connection,
            is_reply=seen.is_reply,
        )

    def unmark(self) -> None:
        """Take the tables away without waiting; where that is refused, close() does it."""
        if self._marking:
            requests = [delete_table(family, self._table) for family in self._marking]
            with suppress(KernelRefused):
                self._owner.transact(requests, "remove the marking tables")

    def close(self) -> None:
        """Close the sockets: with its owner the kernel removes a table that is left."""
        self._owner.close()
        self._listener.close()


class _Seen:
    """What the kernel tells once for all lines of a base chain."""

    __slots__ = ("connection", "iif", "is_reply", "oif", "packet")

    def __init__(self, line: TraceMessage) -> None:
        heard = read_packet(line.headers)
        self.packet = None if heard is None else replace(heard.packet, mark=line.mark)
        self.iif = Ifindex(line.iif) if line.iif else None
        self.oif = Ifindex(line.oif) if line.oif else None
        self.connection = line.ct_state
        self.is_reply = line.is_reply


def _listen(netns: int) -> socket.socket:
    with inside(netns):
        return open_netlink(
            NETLINK_NETFILTER,
            _RECEIVE_BUFFER,
            "listen to nftrace",
            options=((_NETLINK_ADD_MEMBERSHIP, TRACE_GROUP),),
        )
