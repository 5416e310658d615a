"""Every name and number under which the kernel knows our things, derived in one place."""

from glassbridge.model.network import Ifname

LINK_GROUP = 0x6C617373
"""IFLA_GROUP of every link that is ours ("lass"): odd and large, so nobody else's by chance."""

DOOMED_GROUP = 0x6C617375
"""Links that the reaper may delete: one RTM_DELLINK by group costs one RCU grace period for all."""

NFT_TABLE = "glassbridge"
"""Both `table inet glassbridge` and `table bridge glassbridge`."""

DEFAULT_NETWORK = "bridge"
DEFAULT_BRIDGE = Ifname("gb0")
ALIAS_PREFIX = "glassbridge:"
"""Start of IFLA_IFALIAS on every link of ours."""

IFNAME_MAX = 15

DNS_PORT = 53
NAMES_PORT = 20053
"""Where our name server listens unless another program does: below the ephemeral ports."""


def bridge_name(network_id: str) -> Ifname:
    """`gb-` + 8 hex digits of the network's id."""
    return Ifname(f"gb-{network_id[:8]}")


def shaper_name(endpoint_id: str) -> Ifname:
    """`gbifb` + 10 hex digits: the ifb device through which an endpoint's egress is shaped."""
    return Ifname(f"gbifb{endpoint_id[:10]}")


def host_end_name(endpoint_id: str) -> Ifname:
    """`veth` + 7 hex digits: NetworkManager and udev leave names in `veth*` alone."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, and only who attaches needs it

    return Ifname(f"veth{hashlib.blake2s(endpoint_id.encode()).hexdigest()[:7]}")


def waiting_end_name(host_end: Ifname) -> Ifname:
    """The sandbox end while it is in the host's namespace, which dockerd moves it out of.

    It needs no mark of ours: with its host end it comes and goes.
    """
    return Ifname(f"{host_end}s")
