"""Settings of a link that a client may order beyond its address, read back."""

from glassbridge.errors import NotFound
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.endpoint import LinkSettings
from glassbridge.wire.links import (
    IFF_ALLMULTI,
    IFF_PROMISC,
    IFLA_MTU,
    IFLA_TXQLEN,
    get_link,
    link_header,
)
from glassbridge.wire.netlink import Refusal, attributes, number


def read_settings(route: RouteSocket, ifname: str) -> LinkSettings:
    """Everything but the sysctls; raises NotFound."""
    body = route.get(get_link(ifname))
    if isinstance(body, Refusal):
        raise NotFound(f"link {ifname} does not exist")
    _family, _type, _ifindex, flags, _change = link_header.unpack_from(body)
    found = attributes(body, link_header.size)
    return LinkSettings(
        mtu=number(found[IFLA_MTU]),
        queue_length=number(found[IFLA_TXQLEN]),
        promiscuous=bool(flags & IFF_PROMISC),
        all_multicast=bool(flags & IFF_ALLMULTI),
    )
