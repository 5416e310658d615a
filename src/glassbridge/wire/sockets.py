"""Requests to sock_diag: which sockets a namespace has (linux/inet_diag.h, linux/sock_diag.h)."""

from struct import Struct as Layout

from glassbridge.wire.netlink import NLM_F_DUMP, Request

SOCK_DIAG_BY_FAMILY = 20

IPPROTO_TCP, IPPROTO_UDP = 6, 17

# include/net/tcp_states.h
TCP_TIME_WAIT, TCP_CLOSE, TCP_LISTEN = 6, 7, 10
"""A bound UDP socket that is not connected is in the state TCP_CLOSE."""
ALL_STATES = (1 << 14) - 1
"""With TCP_BOUND_INACTIVE: bound, neither listening nor connected, listed since Linux 6.8."""

# struct inet_diag_req_v2: family, protocol, extensions, states, then struct inet_diag_sockid:
# source port, destination port (both big-endian), source, destination, interface, cookie
_request = Layout("=BBBxI2s46x")


def dump_sockets(family: int, protocol: int, states: int, port: int = 0) -> Request:
    """Ask for sockets of one family and protocol, in states given as bits, of one local port."""
    body = _request.pack(family, protocol, 0, states, port.to_bytes(2))
    return Request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, body)
