"""Requests about the numbers under which a namespace knows others (linux/net_namespace.h)."""

from glassbridge.wire.netlink import Request, attribute_u32

RTM_GETNSID = 90
NETNSA_NSID, NETNSA_FD = 1, 3

_PADDING = bytes(4)  # struct rtgenmsg: one octet of family, padded


def get_nsid(netns: int) -> Request:
    """Ask which number the socket's namespace has given to the one of descriptor `netns`."""
    return Request(RTM_GETNSID, 0, _PADDING + attribute_u32(NETNSA_FD, netns))
