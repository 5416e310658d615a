"""Elements into and out of our sets without nft: ten microseconds each, whatever they hold.

It knows the types of our own sets only, and none with prefixes: these come and go with a network,
and nft makes their intervals.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from errno import ENOENT
from itertools import groupby
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, Final, assert_never

from glassbridge.errors import KernelRefused
from glassbridge.kernel.nft_transactions import TransactionSocket
from glassbridge.model.address import mac_octets
from glassbridge.model.endpoint import Protocol
from glassbridge.model.firewall import (
    Accept,
    Atom,
    Drop,
    Element,
    Family,
    Goto,
    Jump,
    KeyType,
    Verdict,
    Word,
)
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.plan.firewall import tables
from glassbridge.wire import nfnetlink
from glassbridge.wire.netlink import Refusal, Request, attributes

_FAMILIES = {Family.INET: nfnetlink.NFPROTO_INET, Family.BRIDGE: nfnetlink.NFPROTO_BRIDGE}
_PROTOCOLS: dict[str, int] = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
_NETWORK_PROTOCOLS: dict[str, int] = {Word.IPV4: 2, Word.IPV6: 10}  # NFPROTO_*
_IFNAMSIZ = 16
_SEND_BUFFER = 8 << 20
_MOST_IN_A_MESSAGE = 256
"""The list of elements is one attribute, whose length has 16 bits."""
_SO_SNDBUFFORCE = 32
_SETS: Final = {(t.family, s.name): s for t in tables() for s in t.sets}

# a dict, not a match: this is most of what a change costs
_ENCODERS: Final[dict[KeyType, Callable[[Any], bytes]]] = {
    KeyType.LINK: lambda name: name.encode().ljust(_IFNAMSIZ, b"\0"),
    KeyType.IPV4: lambda address: address.packed,
    KeyType.IPV6: lambda address: address.packed,
    KeyType.IPV6_BITS: lambda address: address.packed,
    KeyType.MAC: mac_octets,
    KeyType.PORT: lambda port: port.to_bytes(2, "big"),
    KeyType.L4_PROTOCOL: lambda name: bytes((_PROTOCOLS[name],)),
    KeyType.NETWORK_PROTOCOL: lambda name: bytes((_NETWORK_PROTOCOLS[name],)),
}


class Change(StrEnum):
    """What to do with elements; removing what is not there is success."""

    ADD = "add"
    REMOVE = "remove"


Changes = Sequence[tuple[Change, Sequence[Element]]]


class ElementSocket(TransactionSocket):
    """A netlink socket that carries element changes of our tables, each call one transaction."""

    def __init__(self) -> None:
        super().__init__()
        # a transaction is one send, however large; in a user namespace the host's limit holds,
        # which is enough for a thousand endpoints at once
        self._socket.setsockopt(SOL_SOCKET, SO_SNDBUF, _SEND_BUFFER)
        with suppress(PermissionError):
            self._socket.setsockopt(SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)

    def change(self, changes: Changes) -> None:
        """Carry out all changes in order, or none; raises KernelRefused."""
        requests = [r for change, elements in changes for r in _requests(change, elements)]
        if requests:
            self.transact(requests, "change firewall elements")

    def has_table(self, family: Family, name: str) -> bool:
        """Whether a table is there; raises KernelRefused where nftables does not work."""
        answer = self.get(nfnetlink.get_table(_FAMILIES[family], name))
        if not isinstance(answer, Refusal):
            return True
        if answer.errno == ENOENT:
            return False
        raise KernelRefused(f"look for table {family} {name}", answer.errno, answer.text)

    def generation(self) -> int:
        """The ruleset's generation: it changes with every transaction, whoever made it."""
        answer = self.get(nfnetlink.GENERATION)
        if isinstance(answer, Refusal):
            raise KernelRefused("read the nftables generation", answer.errno, answer.text)
        return nfnetlink.decode_generation(attributes(answer, nfnetlink.HEADER_SIZE))


def is_carried(element: Element) -> bool:
    """Whether ElementSocket knows how to write it."""
    return not _SETS[element.family, element.name].interval


def _requests(change: Change, elements: Sequence[Element]) -> list[Request]:
    """To remove, add first: what is there then is never missing, as in plan.nft_script."""
    encoded = [
        (_FAMILIES[family], NFT_TABLE, name, octets[start : start + _MOST_IN_A_MESSAGE])
        for (family, name), group in groupby(elements, key=lambda e: (e.family, e.name))
        for octets in ([_element(e) for e in group],)
        for start in range(0, len(octets), _MOST_IN_A_MESSAGE)
    ]
    added = [nfnetlink.add_elements(*e) for e in encoded]
    if change is Change.ADD:
        return added
    return [*added, *(nfnetlink.delete_elements(*e) for e in encoded)]


def _element(element: Element) -> bytes:
    declared = _SETS[element.family, element.name]
    key = _octets(element.key, declared.key)
    match element.value:
        case None:
            return nfnetlink.element(key)
        case tuple():
            return nfnetlink.element(key, nfnetlink.value(_octets(element.value, declared.data)))
        case verdict:
            return nfnetlink.element(key, _verdict(verdict))


def _octets(atoms: tuple[Atom, ...], types: tuple[KeyType, ...]) -> bytes:
    return nfnetlink.concatenate([_ENCODERS[t](a) for a, t in zip(atoms, types, strict=True)])


def _verdict(verdict: Verdict) -> bytes:
    match verdict:
        case Accept():
            return nfnetlink.verdict(nfnetlink.VERDICT_ACCEPT)
        case Drop():
            return nfnetlink.verdict(nfnetlink.VERDICT_DROP)
        case Jump(chain):
            return nfnetlink.verdict(nfnetlink.VERDICT_JUMP, chain)
        case Goto(chain):
            return nfnetlink.verdict(nfnetlink.VERDICT_GOTO, chain)
    assert_never(verdict)
