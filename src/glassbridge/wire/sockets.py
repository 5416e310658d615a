"""Requests to sock_diag: which sockets a namespace has (linux/inet_diag.h, linux/sock_diag.h)."""

from struct import Struct as Layout

from glassbridge.wire.netlink import NLM_F_DUMP, Request

SOCK_DIAG_BY_FAMILY = 20

IPPROTO_TCP, IPPROTO_UDP = 6, 17

TCP_CLOSE, TCP_LISTEN = 7, 10
"""States; a bound UDP socket that is not connected is in the state TCP_CLOSE."""

# struct inet_diag_req_v2: family, protocol, extensions, states, then struct inet_diag_sockid:
# source port, destination port (both big-endian), source, destination, interface, cookie
_request = Layout("=BBBxI48x")


def dump_sockets(family: int, protocol: int, state: int) -> Request:
    """Ask for the sockets of one family and protocol that are in one state."""
    return Request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, _request.pack(family, protocol, 0, 1 << state))
