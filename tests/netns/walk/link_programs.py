"""Programs that drop everything, put on links as other tools do it: XDP, tc, tcx."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pyroute2 import IPRoute

from glassbridge.kernel.netns import inside, opened_netns

_BPF, _PROG_LOAD, _PROG_ATTACH = 321, 5, 8
_SCHED_CLS, _XDP = 3, 6
_XDP_DROP, _TC_SHOT = 1, 2
_XDP_GENERIC = 1 << 1
INGRESS, EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
TCX_INGRESS = 46

_libc = ctypes.CDLL(None, use_errno=True)


def _call(command: int, attributes: bytes) -> int:
    done: int = _libc.syscall(_BPF, command, attributes, len(attributes))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


@contextmanager
def _loaded(kind: int, verdict: int, name: str) -> Iterator[int]:
    """A program of two instructions: r0 = verdict; exit."""
    code = struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0)
    kept, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    places = (ctypes.addressof(kept), ctypes.addressof(licence))
    fd = _call(
        _PROG_LOAD, struct.pack("=IIQQIIQII16s", kind, 2, *places, 0, 0, 0, 0, 0, name.encode())
    )
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _at(where: str, ifname: str) -> Iterator[tuple[IPRoute, int]]:
    if where != "host":
        with opened_netns(f"/run/netns/{where}") as fd, inside(fd), IPRoute() as route:
            yield route, route.link_lookup(ifname=ifname)[0]
        return
    with IPRoute() as route:
        yield route, route.link_lookup(ifname=ifname)[0]


def drop_by_xdp(where: str, ifname: str, *, is_generic: bool = False) -> None:
    """All that comes in, before anything else sees it."""
    with _loaded(_XDP, _XDP_DROP, "xdp_dropper") as fd, _at(where, ifname) as (route, index):
        flags = {"flags": _XDP_GENERIC} if is_generic else {}
        xdp = {"attrs": [("IFLA_XDP_FD", fd), *(("IFLA_XDP_FLAGS", f) for f in flags.values())]}
        route.link("set", index=index, IFLA_XDP=xdp)


def drop_by_tc(where: str, ifname: str, parent: int, priority: int = 10) -> None:
    """All that passes; the link has clsact."""
    with _loaded(_SCHED_CLS, _TC_SHOT, "tc_dropper") as fd, _at(where, ifname) as (route, index):
        route.tc("add", "clsact", index)
        route.tc(
            "add-filter", "bpf", index, fd=fd, name="dropper", parent=parent, classid=1,
            direct_action=True, prio=priority,
        )  # fmt: skip


def drop_by_tcx(where: str, ifname: str) -> None:
    """All that comes in, by the newer way, which no netlink tells."""
    with _loaded(_SCHED_CLS, _TC_SHOT, "tcx_dropper") as fd, _at(where, ifname) as (_, index):
        _call(_PROG_ATTACH, struct.pack("=IIIIIIQ", index, fd, TCX_INGRESS, 0, 0, 0, 0))
