"""Any value of a model type, whether it makes sense or not: what must not break a screen."""

from __future__ import annotations

from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from glassbridge.model.address import IPAddress, IPNetwork, Mac
from glassbridge.model.report import TraceReport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.tables import Ifindex

TEXT = st.one_of(
    st.sampled_from(["", "eth0", "nginx-1", "host", "customer-portal-production-frontend-01"]),
    st.text(max_size=70),
)

LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(0, 2**32),
    float: st.floats(-1e6, 1e10),
    str: TEXT,
    bytes: st.binary(max_size=8),
    Mac: st.sampled_from([Mac("02:42:ac:11:00:02"), Mac("ff:ff:ff:ff:ff:ff")]),
    Ifindex: st.integers(1, 9),
    IPAddress: st.one_of(st.builds(IPv4Address, st.integers(0, 2**32 - 1)), st.ip_addresses(v=6)),
    IPv4Address: st.ip_addresses(v=4),
    IPv6Address: st.ip_addresses(v=6),
    IPNetwork: st.one_of(
        st.builds(lambda a, n: IPv4Network((a, n), strict=False), st.integers(0, 2**32 - 1),
                  st.integers(0, 32)),
        st.builds(lambda a, n: IPv6Network((a, n), strict=False), st.integers(0, 2**128 - 1),
                  st.integers(0, 128)),
    ),
    Snapshot: st.nothing(),
}  # fmt: skip


@cache
def any_value(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of type
    """A strategy for a type, by the types of its fields."""
    if kind in LEAVES:
        return LEAVES[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return st.builds(kind, **{field.name: any_value(field.type) for field in fields})
    origin, parts = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return st.one_of(*map(any_value, parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(any_value(parts[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_value, parts))
    if hasattr(kind, "__supertype__"):
        return any_value(kind.__supertype__)
    raise TypeError(f"no strategy for {kind}")


def any_report() -> st.SearchStrategy[TraceReport]:
    """Any report at all, with or without what was observed."""
    return any_value(TraceReport)
