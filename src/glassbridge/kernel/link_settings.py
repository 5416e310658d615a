"""Settings of links, read with the links: the same numbers as /proc/sys, without opening a file.

The kernel sends them as two arrays in IFLA_AF_SPEC; the order of each is fixed
(linux/ip.h, linux/ipv6.h).
"""

import sys
from collections.abc import Iterator

from glassbridge.model.network import Ifname
from glassbridge.wire.links import IFLA_AF_SPEC, link_header
from glassbridge.wire.netlink import attributes, find_attribute

_AF_INET, _AF_INET6 = 2, 10
_INET_CONF, _INET6_CONF = 1, 2
_WIDTH = 4

# IPV4_DEVCONF_* count from 1, DEVCONF_* from 0
_IPV4 = {
    "forwarding": 0,
    "proxy_arp": 2,
    "send_redirects": 5,
    "rp_filter": 7,
    "arp_filter": 12,
    "arp_announce": 17,
    "arp_ignore": 18,
    "accept_local": 22,
    "route_localnet": 25,
}
_IPV6 = {
    "forwarding": 0,
    "accept_ra": 3,
    "proxy_ndp": 22,
    "accept_dad": 27,
    "disable_ipv6": 26,
    "force_forwarding": 59,
}
NAMES = {4: tuple(_IPV4), 6: tuple(_IPV6)}
"""What is read of each link, by the IP version: also of `all`, of which the kernel has files."""


def key_of(version: int, link: str, name: str) -> str:
    """The key of a setting, with slashes: a link's name may have dots."""
    return f"net/ipv{version}/conf/{link}/{name}"


def decode_settings(body: bytes, ifname: Ifname) -> Iterator[tuple[str, str]]:
    """Keys and values of one link, out of its RTM_NEWLINK."""
    families = attributes(find_attribute(body, IFLA_AF_SPEC, link_header.size) or b"")
    for version, family, kind, names in (
        (4, _AF_INET, _INET_CONF, _IPV4),
        (6, _AF_INET6, _INET6_CONF, _IPV6),
    ):
        settings = find_attribute(families.get(family, b""), kind) or b""
        for name, place in names.items():
            value = settings[place * _WIDTH : (place + 1) * _WIDTH]
            if value:
                number = int.from_bytes(value, sys.byteorder, signed=True)
                yield key_of(version, ifname, name), str(number)
