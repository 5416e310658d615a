"""Tracing a packet through nftables: a table that marks it, and what the kernel then tells.

From linux/netfilter/nf_tables.h; numbers inside are in network byte order. The table belongs to
the socket that makes it (NFT_TABLE_F_OWNER, Linux 5.12): the kernel removes it with the socket.
"""

from collections.abc import Iterable, Sequence
from struct import Struct as Layout
from typing import NamedTuple

from glassbridge.wire.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    attribute_text,
    attributes,
    nest,
    number,
    text,
)

TRACE = 10 << 8 | 17
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_TRACE."""
TRACE_GROUP = 9
"""NFNLGRP_NFTRACE."""
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
"""NFPROTO_*, as nft names them."""

_DELETE_TABLE = 10 << 8 | 2
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 10 << 8 | 0, 10 << 8 | 3, 10 << 8 | 6
_NLM_F_APPEND = 0x800

_TABLE_NAME, _TABLE_FLAGS = 1, 2
_OWNER = 2
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_TYPE = 1, 3, 4, 7
_HOOK_NUMBER, _HOOK_PRIORITY = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_LIST_ITEM, _EXPRESSION_NAME, _EXPRESSION_DATA = 1, 1, 2
_META_TARGET, _META_KEY, _META_SOURCE = 1, 2, 3
_META_NFTRACE, _META_L4PROTO = 12, 16
_PAYLOAD_TARGET, _PAYLOAD_BASE, _PAYLOAD_OFFSET, _PAYLOAD_LENGTH = 1, 2, 3, 4
_TRANSPORT_HEADER = 2
_CMP_SOURCE, _CMP_OPERATOR, _CMP_DATA = 1, 2, 3
_EQUAL = 0
_IMMEDIATE_TARGET, _IMMEDIATE_DATA = 1, 2
_DATA_VALUE = 1
_REGISTER = 1

_TRACE_TABLE, _TRACE_CHAIN, _TRACE_RULE_HANDLE, _TRACE_TYPE, _TRACE_VERDICT = 1, 2, 3, 4, 5
_TRACE_ID, _TRACE_NETWORK_HEADER, _TRACE_TRANSPORT_HEADER = 6, 8, 9
_TRACE_IIF, _TRACE_OIF, _TRACE_MARK, _TRACE_POLICY = 10, 12, 14, 16
_TRACE_CT_DIRECTION, _TRACE_CT_STATE = 19, 21

# before raw (-300) and, on a bridge, before dstnat (-300): whatever decides comes after
_PRIORITY = -350
_HOOKS = {"prerouting": 0, "output": 3}  # NF_INET_* and NF_BR_* agree

_nfgenmsg = Layout("!BBH")
_u32, _i32 = Layout("!I"), Layout("!i")

_TYPE_POLICY = 1
_VERDICTS = {
    0: "drop",
    1: "accept",
    2: "stolen",
    3: "queue",
    4: "repeat",
    -1: "continue",
    -2: "break",
    -3: "jump",
    -4: "goto",
    -5: "return",
}
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_NF_VERDICT_MASK = 0xFF

_CT_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}


class TransportMatch(NamedTuple):
    """Which packets are marked: a protocol, and octets at places behind its IP header."""

    protocol: int
    octets: tuple[tuple[int, bytes], ...]
    """Offset from the transport header, and what stands there; all of them."""


class TraceMessage(NamedTuple):
    """One line of a trace."""

    trace_id: int
    family: str
    table: str
    chain: str
    handle: int
    """0: the chain's policy, or its end, which the kernel tells as a rule without a handle."""
    is_policy: bool
    verdict: str
    target: str
    """The chain that is jumped or gone to."""
    iif: int | None
    oif: int | None
    mark: int
    headers: bytes
    """IP, and 20 octets of what follows it.

    Told once in each base chain, as are iif, oif, mark and ct: empty in what follows.
    """
    ct_state: str
    is_reply: bool


def trace_table(family: int, table: str, matches: Sequence[TransportMatch]) -> list[Request]:
    """A table that sets nftrace on what matches, before any other chain; a batch of its own.

    It has no `ct` expression: one would load connection tracking into the namespace.
    """
    head = _nfgenmsg.pack(family, 0, 0)
    new = NLM_F_CREATE | NLM_F_EXCL
    flags = attribute(_TABLE_FLAGS, _u32.pack(_OWNER))
    requests = [Request(_NEW_TABLE, new, head + attribute_text(_TABLE_NAME, table) + flags)]
    requests += [
        Request(_NEW_CHAIN, new, head + _base_chain(table, name, hook))
        for name, hook in _HOOKS.items()
    ]
    requests += [
        Request(_NEW_RULE, NLM_F_CREATE | _NLM_F_APPEND, head + _rule(table, chain, match))
        for chain in _HOOKS
        for match in matches
    ]
    return requests


def delete_table(family: int, table: str) -> Request:
    """Take a table away, in a batch."""
    head = _nfgenmsg.pack(family, 0, 0)
    return Request(_DELETE_TABLE, 0, head + attribute_text(_TABLE_NAME, table))


def decode_trace(body: bytes) -> TraceMessage:
    """One NFT_MSG_TRACE."""
    found = attributes(body, _nfgenmsg.size)
    is_policy = _big(found, _TRACE_TYPE) == _TYPE_POLICY
    handle = _big(found, _TRACE_RULE_HANDLE)
    verdict, target = _verdict(found, is_policy=is_policy)
    return TraceMessage(
        trace_id=number(found.get(_TRACE_ID, b"")),
        family=FAMILIES.get(body[0], str(body[0])),
        table=text(found.get(_TRACE_TABLE, b"")),
        chain=text(found.get(_TRACE_CHAIN, b"")),
        handle=handle,
        is_policy=is_policy,
        verdict=verdict if handle or is_policy else "return",
        target=target,
        iif=_big(found, _TRACE_IIF) or None,
        oif=_big(found, _TRACE_OIF) or None,
        mark=_big(found, _TRACE_MARK),
        headers=found.get(_TRACE_NETWORK_HEADER, b"") + found.get(_TRACE_TRANSPORT_HEADER, b""),
        ct_state=_CT_STATES.get(_big(found, _TRACE_CT_STATE), ""),
        is_reply=_big(found, _TRACE_CT_DIRECTION) == 1,
    )


def _big(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b""))


def _verdict(found: dict[int, bytes], *, is_policy: bool) -> tuple[str, str]:
    if is_policy:
        return _VERDICTS.get(_big(found, _TRACE_POLICY), ""), ""
    inner = attributes(found.get(_TRACE_VERDICT, b""))
    if _VERDICT_CODE not in inner:
        return "", ""
    code = int.from_bytes(inner[_VERDICT_CODE], signed=True)
    # a drop carries an errno, a queue its number, in the upper half
    word = _VERDICTS.get(code if code < 0 else code & _NF_VERDICT_MASK, str(code))
    return word, text(inner.get(_VERDICT_CHAIN, b""))


def _base_chain(table: str, name: str, hook: int) -> bytes:
    return b"".join(
        (
            attribute_text(_CHAIN_TABLE, table),
            attribute_text(_CHAIN_NAME, name),
            nest(
                _CHAIN_HOOK,
                attribute(_HOOK_NUMBER, _u32.pack(hook)),
                attribute(_HOOK_PRIORITY, _i32.pack(_PRIORITY)),
            ),
            attribute_text(_CHAIN_TYPE, "filter"),
        )
    )


def _rule(table: str, chain: str, match: TransportMatch) -> bytes:
    expressions = [
        *_meta_is(_META_L4PROTO, bytes((match.protocol,))),
        *(e for offset, octets in match.octets for e in _payload_is(offset, octets)),
        *_set_nftrace(),
    ]
    return b"".join(
        (
            attribute_text(_RULE_TABLE, table),
            attribute_text(_RULE_CHAIN, chain),
            nest(_RULE_EXPRESSIONS, *expressions),
        )
    )


def _meta_is(key: int, value: bytes) -> Iterable[bytes]:
    yield _expression("meta", _field(_META_TARGET, _REGISTER), _field(_META_KEY, key))
    yield _is(value)


def _payload_is(offset: int, value: bytes) -> Iterable[bytes]:
    yield _expression(
        "payload",
        _field(_PAYLOAD_TARGET, _REGISTER),
        _field(_PAYLOAD_BASE, _TRANSPORT_HEADER),
        _field(_PAYLOAD_OFFSET, offset),
        _field(_PAYLOAD_LENGTH, len(value)),
    )
    yield _is(value)


def _set_nftrace() -> Iterable[bytes]:
    yield _expression(
        "immediate", _field(_IMMEDIATE_TARGET, _REGISTER), _data(_IMMEDIATE_DATA, b"\x01")
    )
    yield _expression("meta", _field(_META_SOURCE, _REGISTER), _field(_META_KEY, _META_NFTRACE))


def _is(value: bytes) -> bytes:
    return _expression(
        "cmp",
        _field(_CMP_SOURCE, _REGISTER),
        _field(_CMP_OPERATOR, _EQUAL),
        _data(_CMP_DATA, value),
    )


def _expression(name: str, *inner: bytes) -> bytes:
    return nest(_LIST_ITEM, attribute_text(_EXPRESSION_NAME, name), nest(_EXPRESSION_DATA, *inner))


def _field(kind: int, value: int) -> bytes:
    return attribute(kind, _u32.pack(value))


def _data(kind: int, value: bytes) -> bytes:
    return nest(kind, attribute(_DATA_VALUE, value))
