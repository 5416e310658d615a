"""What the dropping rules of our own tables mean; plan.firewall writes them and their comments."""

from glassbridge.model.cause import Cause
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.ruleset import RuleRef

CAUSES = {
    ("raw", "loopback guard"): Cause.LOOPBACK_GUARD,
    ("raw", "container addresses are not reachable from outside"): Cause.DIRECT_ROUTING,
    ("input", "names: only members ask, at port 53"): Cause.PORT_NOT_PUBLISHED,
    ("input", "published ports are not served on ::1"): Cause.PORT_NOT_PUBLISHED,
    ("forward", "internal network: no way out"): Cause.INTERNAL_NETWORK,
    ("forward", "internal network: no way in"): Cause.INTERNAL_NETWORK,
    ("forward", "from a bridge of others: drop"): Cause.NETWORKS_APART,
    ("forward", "to a bridge of others: drop"): Cause.NETWORKS_APART,
    (
        "forward",
        "only published ports are reachable from outside or another network",
    ): Cause.PORT_NOT_PUBLISHED,
    ("published_only", "containers of this network are kept apart"): Cause.ICC_OFF,
    ("routed", "routed network: only ICMP and published ports"): Cause.PORT_NOT_PUBLISHED,
    ("owner", "MAC address of another"): Cause.SOURCE_GUARD,
    ("owner", "IPv4 address of another"): Cause.SOURCE_GUARD,
    ("owner", "ARP for another's address"): Cause.SOURCE_GUARD,
    ("owner", "ARP with another's MAC"): Cause.SOURCE_GUARD,
    ("owner", "IPv6 address of another"): Cause.SOURCE_GUARD,
    ("owner", "neighbour advertisement for another's address"): Cause.SOURCE_GUARD,
    ("owner", "duplicate address detection for another's address"): Cause.SOURCE_GUARD,
    ("strict", "not its own MAC address"): Cause.SOURCE_GUARD,
    ("strict", "not its own IPv4 address"): Cause.SOURCE_GUARD,
    ("strict", "ARP for an address not its own"): Cause.SOURCE_GUARD,
    ("strict", "ARP with a MAC not its own"): Cause.SOURCE_GUARD,
    ("strict", "not its own IPv6 address"): Cause.SOURCE_GUARD,
    ("strict", "neighbour advertisement for an address not its own"): Cause.SOURCE_GUARD,
    ("strict", "duplicate address detection for an address not its own"): Cause.SOURCE_GUARD,
    ("strict", "neither IP nor ARP"): Cause.SOURCE_GUARD,
    ("not_a_router", "a second VLAN tag hides what is behind it"): Cause.ROUTER_GUARD,
    ("not_a_router", "IPv4 redirect"): Cause.ROUTER_GUARD,
    ("not_a_router", "router advertisement or IPv6 redirect"): Cause.ROUTER_GUARD,
    ("not_a_router", "DHCP server"): Cause.ROUTER_GUARD,
    ("not_a_router", "DHCPv6 server"): Cause.ROUTER_GUARD,
    (
        "postrouting",
        "no router advertisements for endpoints without IPv6",
    ): Cause.ROUTER_GUARD,
}
"""By chain and comment."""

_FROM_A_SIBLING = {Cause.DIRECT_ROUTING, Cause.PORT_NOT_PUBLISHED}


SENTENCES = {
    Cause.SOURCE_GUARD: "it claims an address that is not its sender's",
    Cause.ROUTER_GUARD: "no container may act as router or DHCP server",
    Cause.LOOPBACK_GUARD: "nobody reaches 127.0.0.0/8 of the host but the host itself",
    Cause.DIRECT_ROUTING: "from outside a container is reached by its published ports only",
    Cause.INTERNAL_NETWORK: "an internal network has no way in or out",
    Cause.NETWORKS_APART: "two networks reach each other by published ports only",
    Cause.ICC_OFF: "the containers of this network are kept apart (icc is off)",
    Cause.PORT_NOT_PUBLISHED: "this port is not published",
}
"""What a person reads of each."""


def own_cause(rule: RuleRef, *, from_network: bool) -> Cause | None:
    """Why a rule of ours drops; None: it is not ours.

    What keeps the outside out also keeps two networks apart: `from_network` tells which it is.
    """
    if rule.table != NFT_TABLE or rule.family not in {"inet", "bridge"}:
        return None
    cause = CAUSES.get((rule.chain, rule.comment))
    if cause in _FROM_A_SIBLING and from_network and rule.chain in {"raw", "forward"}:
        return Cause.NETWORKS_APART
    return cause
