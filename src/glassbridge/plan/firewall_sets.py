"""The sets and maps of our two tables: one element per network, endpoint or published port."""

from typing import Final

from glassbridge.model.firewall import KeyType, Set

_LINK, _MAC, _PORT = KeyType.LINK, KeyType.MAC, KeyType.PORT
_IPV4, _IPV6, _BITS = KeyType.IPV4, KeyType.IPV6, KeyType.IPV6_BITS
_PROTOCOL = KeyType.L4_PROTOCOL

# table inet
BRIDGES: Final = Set("bridges", (_LINK,), comment="our bridges")
CLOSED: Final = Set("closed", (_LINK,), comment="bridges of internal networks")
OPENED: Final = Set(
    "opened", (_LINK,), comment="bridges that containers on bridges of others may enter, and leave"
)
UPLINKS: Final = Set("uplinks", (_LINK,), comment="bridges that lead outside, adopted or not")
TRUSTED: Final = Set(
    "trusted", (_LINK, _LINK), comment="links that may reach a bridge's published ports directly"
)
WITHIN: Final = Set(
    "within", (_LINK, _LINK), verdicts=True, comment="from a bridge to itself: by its icc option"
)
ENTER: Final = Set(
    "enter",
    (KeyType.NETWORK_PROTOCOL, _LINK),
    verdicts=True,
    comment="new connections into a bridge: by its gateway mode; none: drop",
)
HOME4: Final = Set("home4", (_IPV4, _LINK), interval=True, comment="subnets and their own bridge")
HOME6: Final = Set("home6", (_IPV6, _LINK), interval=True, comment="subnets and their own bridge")
PROTECTED4: Final = Set(
    "protected4",
    (_IPV4,),
    interval=True,
    comment="addresses that nobody outside may reach",
)
PROTECTED6: Final = Set(
    "protected6",
    (_IPV6,),
    interval=True,
    comment="addresses that nobody outside may reach",
)
TRUSTED4: Final = Set(
    "trusted4", (_IPV4, _LINK), interval=True, comment="subnets and links that may address them"
)
TRUSTED6: Final = Set(
    "trusted6", (_IPV6, _LINK), interval=True, comment="subnets and links that may address them"
)
MASQUERADED4: Final = Set(
    "masqueraded4", (_IPV4,), interval=True, comment="addresses that leave under the host's"
)
MASQUERADED6: Final = Set(
    "masqueraded6", (_IPV6,), interval=True, comment="addresses that leave under the host's"
)
SNAT4: Final = Set(
    "snat4", (_IPV4,), (_IPV4,), interval=True, comment="addresses that leave under a chosen one"
)
SNAT6: Final = Set(
    "snat6", (_IPV6,), (_IPV6,), interval=True, comment="addresses that leave under a chosen one"
)
PUBLISHED4: Final = Set(
    "published4",
    (_IPV4, _PROTOCOL, _PORT),
    (_IPV4, _PORT),
    comment="ports published on one host address",
)
PUBLISHED6: Final = Set(
    "published6",
    (_IPV6, _PROTOCOL, _PORT),
    (_IPV6, _PORT),
    comment="ports published on one host address",
)
PUBLISHED4_ANY: Final = Set(
    "published4_any",
    (_PROTOCOL, _PORT),
    (_IPV4, _PORT),
    comment="ports published on every host address",
)
PUBLISHED6_ANY: Final = Set(
    "published6_any",
    (_PROTOCOL, _PORT),
    (_IPV6, _PORT),
    comment="ports published on every host address",
)
HAIRPIN4: Final = Set(
    "hairpin4",
    (_PROTOCOL, _PORT, _IPV4, _PORT),
    comment="published ports, each with the container's address and port",
)
HAIRPIN6: Final = Set(
    "hairpin6",
    (_PROTOCOL, _PORT, _IPV6, _PORT),
    comment="published ports, each with the container's address and port",
)
HIDDEN4: Final = Set(
    "hidden4",
    (_PROTOCOL, _PORT, _IPV4, _PORT),
    comment="published ports behind which every client has the host's address",
)
HIDDEN6: Final = Set(
    "hidden6",
    (_PROTOCOL, _PORT, _IPV6, _PORT),
    comment="published ports behind which every client has the host's address",
)
OPEN4: Final = Set(
    "open4", (_IPV4, _PROTOCOL, _PORT), comment="container ports that are published without NAT"
)
OPEN6: Final = Set(
    "open6", (_IPV6, _PROTOCOL, _PORT), comment="container ports that are published without NAT"
)
NAMES4: Final = Set(
    "names4",
    (_IPV4, _LINK, _PROTOCOL, _PORT),
    (_IPV4, _PORT),
    comment="gateways that members of their network ask for names",
)
NAMES6: Final = Set(
    "names6",
    (_IPV6, _LINK, _PROTOCOL, _PORT),
    (_IPV6, _PORT),
    comment="gateways that members of their network ask for names",
)
NAME_SERVERS4: Final = Set(
    "name_servers4", (_IPV4, _PROTOCOL, _PORT), comment="where our name server listens"
)
NAME_SERVERS6: Final = Set(
    "name_servers6", (_IPV6, _PROTOCOL, _PORT), comment="where our name server listens"
)
LOOPBACK_UDP6: Final = Set("loopback_udp6", (_PORT,), comment="published UDP ports, refused on ::1")

# table bridge
LEASED4: Final = Set("leased4", (_IPV4,), comment="addresses of gateways and endpoints")
LEASED6: Final = Set("leased6", (_BITS,), comment="addresses of gateways and endpoints")
LEASED_MAC: Final = Set("leased_mac", (_MAC,), comment="MAC addresses of bridges and endpoints")
OWN4: Final = Set("own4", (_LINK, _IPV4), comment="bridge ports and their endpoint's address")
OWN6: Final = Set("own6", (_LINK, _BITS), comment="bridge ports and their endpoint's addresses")
OWN_MAC: Final = Set("own_mac", (_LINK, _MAC), comment="bridge ports and their endpoint's MAC")
GUARD: Final = Set(
    "guard", (_LINK,), verdicts=True, comment="bridge ports with another source guard than owner"
)
WITH_IPV6: Final = Set("with_ipv6", (_LINK,), comment="bridge ports whose endpoint has IPv6")

INET_SETS: Final = (
    BRIDGES,
    CLOSED,
    OPENED,
    UPLINKS,
    TRUSTED,
    WITHIN,
    ENTER,
    HOME4,
    HOME6,
    PROTECTED4,
    PROTECTED6,
    TRUSTED4,
    TRUSTED6,
    MASQUERADED4,
    MASQUERADED6,
    SNAT4,
    SNAT6,
    PUBLISHED4,
    PUBLISHED6,
    PUBLISHED4_ANY,
    PUBLISHED6_ANY,
    HAIRPIN4,
    HAIRPIN6,
    HIDDEN4,
    HIDDEN6,
    OPEN4,
    OPEN6,
    NAMES4,
    NAMES6,
    NAME_SERVERS4,
    NAME_SERVERS6,
    LOOPBACK_UDP6,
)
BRIDGE_SETS: Final = (LEASED4, LEASED6, LEASED_MAC, OWN4, OWN6, OWN_MAC, GUARD, WITH_IPV6)
